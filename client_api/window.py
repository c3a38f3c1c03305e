"""The last five minutes, for the gauges and `/metrics/alerts`.

In: items as they are answered. Out: shares and quantiles. Prometheus computes the same from the
counters; this is for who has no Prometheus at hand. Memory is bounded: counts per time slot.
"""

import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

WINDOW_S = 300.0
_SLOT_S = 5.0


@dataclass(slots=True)
class Counts:
    """What happened in a span of time; `buckets` are latencies, one count per upper edge."""

    items: int = 0
    succeeded: int = 0
    validated: int = 0
    valid: int = 0
    fallbacks: int = 0
    buckets: list[int] = field(default_factory=list)

    @property
    def success_percentage(self) -> float:
        """100 without traffic."""
        return 100.0 * self.succeeded / self.items if self.items else 100.0

    @property
    def schema_valid_percentage(self) -> float:
        """Of the items that had a model candidate; 100 without any."""
        return 100.0 * self.valid / self.validated if self.validated else 100.0

    @property
    def fallback_percentage(self) -> float:
        """Of all items; 0 without any."""
        return 100.0 * self.fallbacks / self.items if self.items else 0.0


class Window:
    """Counts over a sliding window, exact to a slot."""

    def __init__(self, edges: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        """edges: upper bucket edges in seconds, ascending, without infinity."""
        self._edges = tuple(edges)
        self._clock = clock
        self._slots: deque[tuple[int, Counts]] = deque()

    def add(self, seconds: float, *, succeeded: bool, valid: bool | None, fell_back: bool) -> None:
        """One item. valid: None when there was no candidate to validate."""
        slot = self._current()
        slot.items += 1
        slot.succeeded += succeeded
        slot.validated += valid is not None
        slot.valid += valid is True
        slot.fallbacks += fell_back
        slot.buckets[bisect_left(self._edges, seconds)] += 1

    def total(self) -> Counts:
        """The sum over the window."""
        self._forget()
        total = self._empty()
        for _, slot in self._slots:
            total.items += slot.items
            total.succeeded += slot.succeeded
            total.validated += slot.validated
            total.valid += slot.valid
            total.fallbacks += slot.fallbacks
            total.buckets = [a + b for a, b in zip(total.buckets, slot.buckets, strict=True)]
        return total

    def quantile(self, counts: Counts, q: float) -> float | None:
        """Seconds below which a share `q` of the items took, interpolated within a bucket as
        Prometheus does; None without items.
        """
        rank, seen = q * counts.items, 0
        if counts.items == 0:
            return None
        lower = 0.0
        for edge, count in zip((*self._edges, math.inf), counts.buckets, strict=True):
            if seen + count >= rank and count:
                if math.isinf(edge):
                    return lower
                return lower + (edge - lower) * (rank - seen) / count
            seen, lower = seen + count, edge
        return lower

    def _current(self) -> Counts:
        self._forget()
        now = int(self._clock() // _SLOT_S)
        if not self._slots or self._slots[-1][0] != now:
            self._slots.append((now, self._empty()))
        return self._slots[-1][1]

    def _forget(self) -> None:
        oldest = int((self._clock() - WINDOW_S) // _SLOT_S)
        while self._slots and self._slots[0][0] <= oldest:
            self._slots.popleft()

    def _empty(self) -> Counts:
        return Counts(buckets=[0] * (len(self._edges) + 1))
