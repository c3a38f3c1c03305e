"""The values of the label `detector` of all metrics, bounded.

In: detectors' names as callers send them. Out: the name in the detector's file; for the most
frequent names without a file, one form of all spellings, equal in every process; else `other`.
"""

import os
from collections.abc import Callable
from typing import Final, Self

from fallback.rules.normalise import detector_key, is_name

OTHER: Final = "other"
#: The most names without a file that have series, and the variable that changes the number in
#: processes without a settings object.
DEFAULT_MOST: Final = 20
VARIABLE: Final = "MAPPER_UNCURATED_SERIES"
#: The least items of a name with series, so that misspelt or random names get none.
LEAST_ITEMS: Final = 100
#: The most names with a count.
_WATCHED: Final = 1000


class DetectorSeries:
    """One per process; not thread-safe.

    A name keeps its series until the process ends, since Triton cannot delete a series. Frequent
    names are found by the algorithm of Misra and Gries ("Finding repeated elements", 1982): a count
    is at most the name's items, and lower by at most a thousandth of all items of such names.
    """

    def __init__(self, known: Callable[[str], str | None], most: int = DEFAULT_MOST) -> None:
        """known: any spelling -> the name of a detector with a file; None for others. most: the
        most names without a file that have series.
        """
        self._known = known
        self._most = most
        self._named: set[str] = set()
        self._counts: dict[str, int] = {}

    @classmethod
    def from_environment(cls, known: Callable[[str], str | None]) -> Self:
        """Uses the number in VARIABLE. Raises ValueError for a text that is not a number."""
        return cls(known, int(os.environ.get(VARIABLE) or DEFAULT_MOST))

    def of(self, detector: str) -> str:
        """The current label value of a detector."""
        known = self._known(detector)
        if known is not None:
            return known
        key = detector_key(detector)
        return key if key in self._named else OTHER

    def count(self, detector: str) -> str:
        """Count one item of the detector, then as `of`."""
        found = self.of(detector)
        if found != OTHER or len(self._named) >= self._most or not is_name(detector):
            return found
        key = detector_key(detector)
        if key in ("", OTHER):
            return OTHER
        if key in self._counts or len(self._counts) < _WATCHED:
            self._counts[key] = self._counts.get(key, 0) + 1
        else:
            self._counts = {name: count - 1 for name, count in self._counts.items() if count > 1}
        if self._counts.get(key, 0) < LEAST_ITEMS:
            return OTHER
        self._named.add(key)
        del self._counts[key]
        return key
