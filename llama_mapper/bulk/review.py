"""What the answers of a run leave for a person: unknown words, and places that were not read.

In: answers with their signals and reading. Out: for each answer its words and places, and both
ranked by the rows that have them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Labels for unknown words, and for findings that need a review.
OPEN: Final = frozenset({"OTHER.Unknown", "OTHER.NeedsReview"})
#: Entries of a list of the report, and characters of a text in it.
MOST_SHOWN, SHOWN_CHARS = 100, 200
_UNREAD = "unread"
_INDEX = re.compile(r"\[\d+\]")
#: The place where no path says which part was not read.
_SOMEWHERE = "(output)"


@dataclass(frozen=True, slots=True)
class Gaps:
    """words: names of signals whose label is open. places: paths of unread parts, without the
    indices of arrays."""

    words: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def gaps_of(answer: Mapping[str, Any]) -> Gaps:
    """The gaps of an answer that was asked with `explain`."""
    words = (
        signal["name"][:SHOWN_CHARS]
        for signal in answer["signals"]
        # Of an output that was not read, no word is at fault.
        if signal["fallback_reason"] != _UNREAD and not OPEN.isdisjoint(signal["labels"])
    )
    places = [_INDEX.sub("[]", path)[:SHOWN_CHARS] for path in answer["reading"]["unread"]]
    if not places and answer["fallback_reason"] == _UNREAD:
        places = [_SOMEWHERE]
    return Gaps(tuple(dict.fromkeys(filter(None, words))), tuple(dict.fromkeys(places)))


@dataclass(slots=True)
class Ranking:
    """The gaps of a run, each by its detector and text."""

    _words: Counter[tuple[str, str]] = field(default_factory=Counter)
    _places: Counter[tuple[str, str]] = field(default_factory=Counter)
    _example: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, detector: str, output: str, gaps: Gaps, rows: int) -> None:
        """Count the rows of an output."""
        for word in gaps.words:
            self._words[detector, word] += rows
        for place in gaps.places:
            self._places[detector, place] += rows
            self._example.setdefault((detector, place), output[:SHOWN_CHARS])

    def words(self) -> list[dict[str, Any]]:
        """`detector`, `word` and `rows` of the unknown words, the most frequent first."""
        return [{"detector": d, "word": word, "rows": n} for (d, word), n in _first(self._words)]

    def places(self) -> list[dict[str, Any]]:
        """`detector`, `place`, `rows` and an `example` of the unread places, likewise."""
        return [
            {"detector": d, "place": place, "rows": n, "example": self._example[d, place]}
            for (d, place), n in _first(self._places)
        ]


def _first(counts: Counter[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_SHOWN]
