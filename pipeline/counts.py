"""The metrics of `mapping_guard` on Triton's metrics page, under `mapper_ensemble_*`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from fallback.decision.decision import Decision
from pipeline.detector_series import DetectorSeries

PREFIX: Final = "mapper_ensemble_"

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A counter's name, and its labels."""

#: Counters by name, with their meaning.
COUNTERS: Final[Mapping[str, str]] = {
    "requests": "Items answered",
    "schema_validation": "Items that had a model candidate, by its validity",
    "fallback": "Items with a fallback, by reason",
    "override": "Items in which a curated entry replaced the model's answer",
    "unknown": "Items answered as unknown",
}


def decision_series(decision: Decision, name: str) -> Iterator[Series]:
    """The counters that one item increments. name: of its detector, one of a bounded set."""
    detector = ("detector", name)
    yield "requests", (detector,)
    reason = decision.fallback_reason
    if reason is None or reason.has_candidate:
        yield "schema_validation", (detector, ("valid", str(decision.schema_valid).lower()))
    if reason is not None:
        yield "fallback", (detector, ("reason", reason.value))
    if decision.overridden:
        yield "override", (detector,)
    if decision.unknown:
        yield "unknown", (detector,)


class DecisionCounters:
    """`COUNTERS` as Triton's custom metrics."""

    def __init__(self, pb_utils: Any, known: Callable[[str], str | None]) -> None:
        """pb_utils: the module `triton_python_backend_utils` of the running stub. known: as for
        DetectorSeries.
        """
        self._detectors = DetectorSeries.from_environment(known)
        families = {
            name: pb_utils.MetricFamily(
                name=f"{PREFIX}{name}_total",
                description=text,
                kind=pb_utils.MetricFamily.COUNTER,
            )
            for name, text in COUNTERS.items()
        }
        self._metric = cache(lambda name, labels: families[name].Metric(labels=dict(labels)))

    def add(self, decisions: Iterable[Decision]) -> None:
        """Count the items of one batch: one call per series, not per item."""
        counts: Counter[Series] = Counter()
        for decision in decisions:
            counts.update(decision_series(decision, self._detectors.count(decision.detector)))
        for series, count in counts.items():
            self._metric(*series).increment(count)
