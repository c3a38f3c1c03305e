"""The results of a shadow: comparison of a candidate's answers with the served ones, by detector.

In: comparisons. Out: separate metrics, and a table for the console. All counts belong to one
candidate and are reset for another one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine.versions import Shadow

_LATENCY_EDGES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5)
_MOST_DETECTORS: Final = 10


class Agreement(StrEnum):
    """The comparison of an item's labels: equal, some in common, none in common; or the candidate
    gave no answer that could be validated."""

    SAME = "same"
    PARTIAL = "partial"
    DIFFERENT = "different"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One item, answered by both.

    shift: the candidate's confidence minus the served one; served_s, candidate_s: seconds to the
    served answer, and seconds of the candidate. All are 0 if the candidate gave no answer.
    """

    agreement: Agreement
    shift: float = 0.0
    served_s: float = 0.0
    candidate_s: float = 0.0


@dataclass(slots=True)
class _Sums:
    shift: float = 0.0
    served_s: float = 0.0
    candidate_s: float = 0.0


class ShadowCounts:
    """One per process."""

    def __init__(self, label: Callable[[str], str]) -> None:
        """label: the bounded value of a detector's label."""
        self._label = label
        self._registry = CollectorRegistry()
        self._items = Counter(
            "mapper_shadow_total",
            "Items that the candidate answered too, by comparison of both answers",
            ("detector", "agreement"),
            registry=self._registry,
        )
        self._shift = Gauge(
            "mapper_shadow_confidence_shift",
            "Mean of the candidate's confidence minus the served one",
            ("detector",),
            registry=self._registry,
        )
        self._latency = Histogram(
            "mapper_shadow_latency_seconds",
            "Time to an answer of the same items: of the served version and of the candidate",
            ("detector", "version"),
            buckets=_LATENCY_EDGES,
            registry=self._registry,
        )
        self._dropped = Counter(
            "mapper_shadow_dropped_total",
            "Items of the share not sent to the candidate, since live items have priority",
            registry=self._registry,
        )
        self._sums: dict[str, _Sums] = {}
        self._counts: dict[str, dict[Agreement, int]] = {}
        self._lost = 0
        self._on: Shadow | None = None

    def begin(self, shadow: Shadow | None) -> None:
        """Start with another candidate, or None; resets the counts."""
        self._on, self._lost = shadow, 0
        self._sums, self._counts = {}, {}
        for metric in (self._items, self._shift, self._latency):
            metric.clear()
        self._dropped.reset()

    def compared(self, detector: str, found: Comparison) -> None:
        """An item was answered by both."""
        name = self._label(detector)
        if name not in self._counts:
            self._counts[name] = dict.fromkeys(Agreement, 0)
            self._sums[name] = _Sums()
            for each in Agreement:
                self._items.labels(name, each.value)
        self._counts[name][found.agreement] += 1
        self._items.labels(name, found.agreement.value).inc()
        if found.agreement is Agreement.UNANSWERED:
            return
        sums = self._sums[name]
        sums.shift += found.shift
        sums.served_s += found.served_s
        sums.candidate_s += found.candidate_s
        self._shift.labels(name).set(sums.shift / self._answered(name))
        self._latency.labels(name, "served").observe(found.served_s)
        self._latency.labels(name, "candidate").observe(found.candidate_s)

    def dropped(self) -> None:
        """An item of the share was not sent to the candidate."""
        self._lost += 1
        self._dropped.inc()

    def exposition(self) -> bytes:
        """The shadow's part of `/metrics`."""
        return generate_latest(self._registry)

    def table(self) -> Mapping[str, object] | None:
        """The table for the console; None without a candidate."""
        if self._on is None:
            return None
        busiest = sorted(self._counts, key=lambda name: -sum(self._counts[name].values()))
        return {
            "version": self._on.version,
            "share": self._on.share,
            "dropped": self._lost,
            "detectors": [self._row(name) for name in busiest[:_MOST_DETECTORS]],
        }

    def _row(self, name: str) -> Mapping[str, object]:
        answered, sums = self._answered(name), self._sums[name]

        def mean(total: float) -> float | None:
            return round(total / answered, 4) if answered else None

        return {
            "detector": name,
            **{each.value: count for each, count in self._counts[name].items()},
            "confidence_shift": mean(sums.shift),
            "served_ms": mean(sums.served_s * 1000),
            "candidate_ms": mean(sums.candidate_s * 1000),
        }

    def _answered(self, name: str) -> int:
        counts = self._counts[name]
        return sum(counts.values()) - counts[Agreement.UNANSWERED]
