"""The values of the label `detector` of all metrics, bounded.

In: detectors' names as callers send them. Out: the name of a detector's file; for the most frequent
of the other names one name that all spellings share, the same in every process; else `other`.
"""

import os
from collections.abc import Callable
from typing import Final, Self

from fallback.rules.normalise import detector_key, is_name

OTHER: Final = "other"
#: Names without a file that may have series, and the variable that says so, for processes without
#: settings of their own.
DEFAULT_MOST: Final = 20
VARIABLE: Final = "MAPPER_UNCURATED_SERIES"
#: Items from which a name may have series: typing errors and floods of names get none.
LEAST_ITEMS: Final = 100
#: Names whose items are counted at a time.
_WATCHED: Final = 1000


class DetectorSeries:
    """One a process; for one thread.

    A name keeps its series until the process ends: Triton cannot take one back. Frequent names are
    found by the counts of Misra and Gries ("Finding repeated elements", 1982): never more than a
    name's items, and less by at most a thousandth of all items of such names.
    """

    def __init__(self, known: Callable[[str], str | None], most: int = DEFAULT_MOST) -> None:
        """known: the name of a detector that has a file, by any of its spellings; None for any
        other. most: of the others that may have series.
        """
        self._known = known
        self._most = most
        self._named: set[str] = set()
        self._counts: dict[str, int] = {}

    @classmethod
    def from_environment(cls, known: Callable[[str], str | None]) -> Self:
        """With the number that VARIABLE has. Raises ValueError for a text that is no number."""
        return cls(known, int(os.environ.get(VARIABLE) or DEFAULT_MOST))

    def of(self, detector: str) -> str:
        """The value for a detector now."""
        known = self._known(detector)
        if known is not None:
            return known
        key = detector_key(detector)
        return key if key in self._named else OTHER

    def count(self, detector: str) -> str:
        """As `of`, for one more item of the detector."""
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
