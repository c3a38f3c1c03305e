"""Selects the words of an answer that a person should review.

In: an item and its decision. Out: sightings: a detector's word, the cause, and the answer. Nothing
else of the output is kept, and texts that do not look like words are not kept.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final, cast

from client_api.mapping.gateway import Item
from fallback.decision.decision import Decision
from fallback.rules.normalise import detector_key, is_name, match_key
from fallback.signal import How
from schemas.contract import FallbackReason, Source

#: Words of one answer that are counted.
MAX_WORDS: Final = 32
#: Of the model's likeliest answers that are kept.
MAX_LIKELY: Final = 3
#: Running text without structure of at least this many characters does not count as a name.
_RUNNING_TEXT: Final = 400

#: `{"labels", "probability"}` each, as `signals` of an answer has them.
Likely = tuple[dict[str, Any], ...]
#: `{"phrase", "labels", "similarity"}` each, likewise.
Neighbours = tuple[dict[str, Any], ...]


class Cause(StrEnum):
    """The cause for a review of a word."""

    LOW_CONFIDENCE = "low_confidence"
    UNREAD = "unread"
    OVERRIDDEN = "overridden"
    DOWNGRADED = "downgraded"


_BY_REASON: Final = {
    FallbackReason.LOW_CONFIDENCE.value: Cause.LOW_CONFIDENCE,
    FallbackReason.UNREAD.value: Cause.UNREAD,
    FallbackReason.UNSAFE_DOWNGRADE.value: Cause.DOWNGRADED,
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One word of one answer.

    word: the signal's name; empty for a part that could not be read. likely: the model's likeliest
    answers with their probabilities, best first. neighbours: the nearest training texts. nameable:
    whether the output may contain names; running text does not.
    """

    tenant: str | None
    detector: str
    word: str
    cause: Cause
    labels: tuple[str, ...]
    guess: tuple[str, ...]
    likely: Likely
    neighbours: Neighbours
    confidence: float
    nameable: bool


def sightings(item: Item, decision: Decision) -> list[Sighting]:
    """The words of an answer that need a review, at most MAX_WORDS."""
    running = decision.reading.get("how") == How.TEXT and len(item.output) > _RUNNING_TEXT
    found = (
        Sighting(
            item.tenant,
            item.detector,
            # Of an output that was not read, no word is at fault.
            "" if cause is Cause.UNREAD else cast(str, signal["name"]),
            cause,
            tuple(cast(list[str], signal["labels"])),
            tuple(cast(list[str], signal["guess"])),
            tuple(cast(list[dict[str, Any]], signal.get("likely", []))[:MAX_LIKELY]),
            tuple(cast(list[dict[str, Any]], signal.get("neighbours", []))),
            cast(float, signal["confidence"]),
            not running,
        )
        for signal in decision.signals
        if (cause := _cause(signal))
    )
    return list(islice(found, MAX_WORDS))


def _cause(signal: dict[str, object]) -> Cause | None:
    if signal["source"] == Source.CURATED:
        return Cause.OVERRIDDEN
    return _BY_REASON.get(cast(str, signal["fallback_reason"]))


@dataclass(slots=True)
class Tally:
    """The sightings of one word since the last write.

    detector, word: the names or their digests; nameable: whether both are names.
    """

    tenant: str | None
    detector: str
    word: str
    kept: bool
    labels: tuple[str, ...] = ()
    guess: tuple[str, ...] = ()
    likely: Likely = ()
    neighbours: Neighbours = ()
    confidence: float = 0.0
    causes: dict[Cause, int] = field(default_factory=lambda: dict.fromkeys(Cause, 0))

    @property
    def seen(self) -> int:
        """The number of sightings."""
        return sum(self.causes.values())

    def add(self, sighting: Sighting) -> None:
        """Count one more sighting."""
        self.causes[sighting.cause] += 1
        self.labels, self.guess = sighting.labels, sighting.guess
        self.likely, self.confidence = sighting.likely, sighting.confidence
        # A text equal or near to a word would reveal a word that is not kept.
        self.neighbours = sighting.neighbours if self.kept else ()


class Names:
    """The stored forms of the names of detectors and words, and the keys of their rows."""

    def __init__(self, known: Callable[[str | None, str], str | None], *, keep: bool) -> None:
        """known: (tenant, name) -> the name of the detector with a vocabulary; None for others.
        keep: whether names are stored; those of known detectors always are."""
        self._known = known
        self._keep = keep

    def key(self, tenant: str | None, detector: str, word: str) -> str:
        """A key that is equal for all spellings of a detector and of a word; 64 hex digits."""
        parts = [tenant, self._spelling(tenant, detector), match_key(word) or word]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def day_key(self, tenant: str | None, detector: str) -> str:
        """A key that is equal for all spellings of a detector."""
        return json.dumps([tenant, self._spelling(tenant, detector)])

    def detector(self, tenant: str | None, detector: str) -> str:
        """The stored form of a detector's name."""
        return self._name(tenant, detector) or digest(self._spelling(tenant, detector))

    def tally(self, sighting: Sighting) -> Tally:
        """A row for the word, with nothing counted yet."""
        detector = self._name(sighting.tenant, sighting.detector)
        kept = self._keep and sighting.nameable and is_name(sighting.word)
        return Tally(
            sighting.tenant,
            self.detector(sighting.tenant, sighting.detector),
            sighting.word if kept or not sighting.word else digest(sighting.word),
            kept and detector is not None,
        )

    def _name(self, tenant: str | None, detector: str) -> str | None:
        known = self._known(tenant, detector)
        return known or (detector if self._keep and is_name(detector) else None)

    def _spelling(self, tenant: str | None, detector: str) -> str:
        # The same before and after a decision makes the detector a known one.
        return detector_key(self._known(tenant, detector) or detector) or detector


def digest(text: str) -> str:
    """The stored form of a text that is not a name."""
    return f"#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
