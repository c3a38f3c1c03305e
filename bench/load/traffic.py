"""The traffic for measurements of the service.

In: a seed, the curated vocabulary and composites, the gate's families. Out: an endless sequence of
requests, the same for equal seeds. Independent of HTTP and of the right answers.

90 % of the mapped traffic is Zipf-distributed over curated rows and whole outputs of detectors (the
seed decides which of them are frequent, so measure with several seeds), and 10 % are labels of the
gate's families, which no training has seen, each in a new spelling. They are sent as
`custom-guard`, as in the evaluation: under their own names the rules have curated entries for them.
1 % of all requests is garbage, which is reported separately: its right answer is `OTHER.Unknown`,
which counts as a fallback but is not a failure of the model.
"""

import random
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from export.data.augment import Wrap, noise, surface
from export.data.folds import family_of, load_folds
from export.data.rows import DATA, NEUTRAL, Row, load_rows

GARBAGE_SHARE = 0.01
NEW_SHARE = 0.1  # of the requests without garbage

_WHOLE_OUTPUT = re.compile(r"[{}\n]|^[<\[]")


class Kind(StrEnum):
    """The kind of a request."""

    CURATED = "curated"
    COMPOSITE = "composite"
    NEW = "new"  # a label of a detector without curated entries
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Request:
    """One item to map."""

    detector: str
    output: str
    kind: Kind


class Traffic:
    """Generates requests."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._rng = random.Random(seed)
        gate = load_folds().gate
        curated, composites = load_rows(), load_rows(DATA / "composites.jsonl")
        known = [
            Request(row.detector, row.output, kind)
            for rows, kind in ((curated, Kind.CURATED), (composites, Kind.COMPOSITE))
            for row in rows
            if family_of(row.detector) not in gate
        ]
        self._rng.shuffle(known)
        self._known = known
        self._weights = list(accumulate(1 / rank for rank in range(1, len(known) + 1)))
        self._structured = [one.output for one in known if one.output.startswith(("{", "["))]
        # The spelling of whole outputs may not be varied.
        self._new = [
            row
            for row in curated
            if family_of(row.detector) in gate and not _WHOLE_OUTPUT.search(row.output)
        ]

    def draw(self) -> Request:
        """The next request."""
        if self._rng.random() < GARBAGE_SHARE:
            return self._garbage()
        if self._rng.random() < NEW_SHARE:
            return self._varied(self._rng.choice(self._new))
        return self._rng.choices(self._known, cum_weights=self._weights)[0]

    def _varied(self, row: Row) -> Request:
        # `safe` and the like may get a prefix; `safe detected` would have another meaning.
        wrap = Wrap.plain if row.gold[0].startswith("OTHER.") else Wrap.full
        return Request(NEUTRAL, surface(row.output, wrap, self._rng), Kind.NEW)

    def _garbage(self) -> Request:
        """A meaningless code, an incomplete output, or bytes in the wrong encoding."""
        detector = self._rng.choice(self._known).detector
        whole = self._rng.choice(self._structured)
        text = self._rng.choice(
            (noise(self._rng), whole[: len(whole) // 3], "\ufffd" * self._rng.randint(1, 12))
        )
        return Request(detector, text, Kind.GARBAGE)
