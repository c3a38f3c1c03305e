"""Counts of the last five minutes, for the gauges, `/metrics/alerts` and the console; and totals
since the process began, for its error budgets.

In: items as they are answered. Out: shares and quantiles. Prometheus computes the same from the
counters; this module is for use without Prometheus. Memory is bounded: counts per time slot.
"""

import math
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schemas.contract import FallbackReason, Source

WINDOW_S = 300.0
SLOT_S = 5.0


@dataclass(slots=True)
class Counts:
    """Counts of a span of time.

    buckets: latencies of the accepted items, one count per upper edge; answers: items by detector
    and source, None for items without an answer; reasons: fallback reasons.
    """

    items: int = 0
    succeeded: int = 0
    validated: int = 0
    valid: int = 0
    fallbacks: int = 0
    buckets: list[int] = field(default_factory=list)
    answers: Counter[tuple[str, Source | None]] = field(default_factory=Counter)
    reasons: Counter[FallbackReason] = field(default_factory=Counter)

    def merge(self, other: "Counts") -> None:
        """Add the counts of another span."""
        self.items += other.items
        self.succeeded += other.succeeded
        self.validated += other.validated
        self.valid += other.valid
        self.fallbacks += other.fallbacks
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]
        self.answers += other.answers
        self.reasons += other.reasons

    @property
    def timed(self) -> int:
        """Items with a latency: all except those that were turned away."""
        return sum(self.buckets)

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
        #: Everything since the process began.
        self.lifetime = self._empty()

    def add(
        self,
        seconds: float | None,
        *,
        detector: str,
        source: Source | None,
        valid: bool | None,
        reason: FallbackReason | None,
    ) -> None:
        """Count one item.

        seconds: to its answer, None when it was turned away; detector: one of a bounded set;
        source: None without an answer; valid: None without a candidate to validate;
        reason: the fallback reason.
        """
        for counts in (self._current(), self.lifetime):
            counts.items += 1
            counts.succeeded += source is not None
            counts.validated += valid is not None
            counts.valid += valid is True
            counts.fallbacks += reason is not None
            if seconds is not None:
                counts.buckets[bisect_left(self._edges, seconds)] += 1
            counts.answers[detector, source] += 1
            if reason is not None:
                counts.reasons[reason] += 1

    def total(self) -> Counts:
        """The sum over the window."""
        self._expire()
        total = self._empty()
        for _, slot in self._slots:
            total.merge(slot)
        return total

    def history(self) -> list[Counts]:
        """The window slot by slot, the oldest first; slots without items are included."""
        self._expire()
        known, now = dict(self._slots), int(self._clock() // SLOT_S)
        slots = range(now - int(WINDOW_S / SLOT_S) + 1, now + 1)
        return [known.get(slot) or self._empty() for slot in slots]

    def slower(self, counts: Counts, seconds: float) -> int:
        """Items that took longer than `seconds`, which is rounded up to an edge."""
        return sum(counts.buckets[bisect_left(self._edges, seconds) + 1 :])

    def quantile(self, counts: Counts, q: float) -> float | None:
        """Seconds below which a share `q` of the items took, interpolated within a bucket as
        Prometheus does; None without items.
        """
        rank, seen = q * counts.timed, 0
        if counts.timed == 0:
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
        self._expire()
        now = int(self._clock() // SLOT_S)
        if not self._slots or self._slots[-1][0] != now:
            self._slots.append((now, self._empty()))
        return self._slots[-1][1]

    def _expire(self) -> None:
        oldest = int((self._clock() - WINDOW_S) // SLOT_S)
        while self._slots and self._slots[0][0] <= oldest:
            self._slots.popleft()

    def _empty(self) -> Counts:
        return Counts(buckets=[0] * (len(self._edges) + 1))
