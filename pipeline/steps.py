"""The three steps of one item: read, answer, decide.

Triton's three models, the facade's own rules, the evaluation and the smoke test call these
functions, so all of them answer alike. No step raises for what an item contains.
"""

import logging
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from fallback.decision.decision import Decision, MappingGuard, load_guard
from fallback.decision.injection import is_injection
from fallback.reading.reader import Reader
from fallback.rules.lookup import RuleAnswer, RuleMapper
from fallback.signal import How, Reading, Signal, Verdict
from pipeline.heap import made_for_good
from schemas.candidate import MAX_ASKED_SIGNALS, CandidateSet, Query
from schemas.contract import FallbackReason, Kind, Mode
from schemas.requests import Metadata

_log = logging.getLogger(__name__)
_NO_HINTS = Metadata()
#: The longest output in characters; a longer one is not read at all. The facade allows fewer.
MAX_OUTPUT = 256 * 1024
#: Contributing detectors whose vocabularies are tried; unknown names do not count.
MAX_CONTRIBUTING = 16
_NAMELESS = "unknown"
UNREADABLE = Reading((Signal("", verdict=Verdict.UNREAD),), unread=("(whole output)",), cut=True)


@dataclass(frozen=True, slots=True)
class ReadItem:
    """One item after step 1.

    rules: the curated answer to each signal of the reading, looked up once for all steps.
    doubt: the reason why no answer may say that nothing was found in this output, or None.
    rules_version: the version of the rules that answered.
    kind: what the detector is about, from the caller, its file or its name; None if unknown.
    """

    detector: str
    reading: Reading
    rules: tuple[RuleAnswer, ...]
    rules_version: str
    doubt: FallbackReason | None = None
    kind: Kind | None = None


def summary(reading: Reading) -> dict[str, object]:
    """How an output was read, in the form of the READING tensor and `?explain=true`."""
    return {
        "how": reading.how.value,
        "format": reading.format,
        "envelopes": list(reading.envelopes),
        "unread": list(reading.unread),
    }


def queries_of(item: ReadItem, deadline: float | None = None) -> list[Query]:
    """The queries of step 2 to the model: one per signal, for an item's first signals.

    A query has a kind if the detector's own vocabulary lacks the word.
    deadline: `time.monotonic()` seconds by which the answers are needed.
    """
    return [
        Query(
            item.detector,
            signal.text,
            rule.draft,
            deadline,
            None if rule.curated else item.kind,
        )
        for signal, rule in zip(item.reading.signals, item.rules, strict=True)
        if signal.verdict is not Verdict.UNREAD
    ][:MAX_ASKED_SIGNALS]


def _doubt(reading: Reading, output: str) -> FallbackReason | None:
    """The reason against a clean answer: a part was not read, or the text addresses a reader."""
    if reading.cut:
        return FallbackReason.UNREAD
    running = reading.how is not How.DECLARED and not output.lstrip().startswith(("{", "["))
    return FallbackReason.INJECTION if running and is_injection(output) else None


class Pipeline:
    """The steps over one set of rules. Threads may share it."""

    def __init__(self, guard: MappingGuard) -> None:
        self.guard = guard
        self._reader = Reader(guard.rules)

    @property
    def rules(self) -> RuleMapper:
        """The curated rules that every step uses."""
        return self.guard.rules

    def read(self, detector: str, output: str, hints: Metadata = _NO_HINTS) -> ReadItem:
        """Step 1: the signals of an output and the curated answer to each of them."""
        hints = self._trimmed(hints)
        if len(output) > MAX_OUTPUT:
            return self._with_rules(detector, UNREADABLE, hints)
        try:
            reading = self._reader.read(detector, output, hints)
            return self._with_rules(detector, reading, hints, _doubt(reading, output))
        except Exception:  # an error of the reader fails the item, not the request
            _log.exception("an output could not be read")
            return self._with_rules(detector, UNREADABLE, hints)

    def refused(self, detector: str, problem: str) -> ReadItem:
        """Used instead of `read` for an item with invalid inputs; problem: the reason."""
        reading = replace(UNREADABLE, unread=(problem,))
        return self._with_rules(detector.strip() or _NAMELESS, reading, _NO_HINTS)

    def refusal(self, problem: str, detector: str, *_: str) -> Decision:
        """Step 3 of an item that was refused."""
        return self.decide(self.refused(detector, problem), reason=FallbackReason.UNREAD)

    def reading(self, detector: str, output: str) -> Reading:
        """The reading of an output alone, without the rules."""
        return self.read(detector, output).reading

    def decide(
        self,
        item: ReadItem,
        candidates: CandidateSet | None = None,
        *,
        threshold: float | None = None,
        mode: Mode | None = None,
        reason: FallbackReason | None = None,
    ) -> Decision:
        """Step 3: the canonical event of an item.

        candidates: the answers to `queries_of(item)`; None answers by rules.
        threshold: 0..1; None for the default. reason: why there are no candidates.

        Raises ValueError when there are more candidates than signals.
        """
        decision = self.guard.decide(
            item.detector,
            item.reading.signals,
            item.rules,
            candidates,
            threshold=threshold,
            mode=mode,
            reason=reason,
            doubt=item.doubt,
        )
        # The read step used these rules; another version may be in force now.
        versions = decision.versions | {"rules": item.rules_version}
        return replace(decision, reading=summary(item.reading), versions=versions)

    def _trimmed(self, hints: Metadata) -> Metadata:
        """The hints with the first known contributing detectors, each once."""
        names = hints.contributing_detectors
        if not names:
            return hints
        known = (name for name in dict.fromkeys(names) if self.rules.resolve(name) is not None)
        return replace(hints, contributing_detectors=tuple(islice(known, MAX_CONTRIBUTING)))

    def _with_rules(
        self,
        detector: str,
        reading: Reading,
        hints: Metadata,
        doubt: FallbackReason | None = None,
    ) -> ReadItem:
        contributing = hints.contributing_detectors
        rules = (self.rules.map(detector, signal, contributing) for signal in reading.signals)
        kind = hints.kind or self.rules.kind(detector)
        return ReadItem(detector, reading, tuple(rules), self.rules.version, doubt, kind)


@cache
def load_pipeline() -> Pipeline:
    """The pipeline over the project's own data files, loaded once per process.

    `pipeline.tenants` puts an operator's detector files over them.
    """
    with made_for_good():
        return Pipeline(load_guard())
