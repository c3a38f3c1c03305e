"""The facade's own Prometheus metrics, with the names and labels of the contract's section 4.

In: items, batches and refusals as they happen. Out: the exposition text and the five-minute
window. Independent of HTTP. Every answer to a client is counted here, exactly once.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from client_api.telemetry.exposition import Exposition
from client_api.telemetry.window import Window
from fallback.decision.decision import Decision
from pipeline.detector_series import OTHER, DetectorSeries
from schemas.contract import CircuitState, ErrorCode, FallbackReason, Mode, SharedUse
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy

disable_created_metrics()  # type: ignore[no-untyped-call]  # an unused second series per counter

#: Edges at the objectives (0.12, 0.2 and 0.25 s), and fine ones below for answers from a cache.
LATENCY_EDGES: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.12, 0.15, 0.175, 0.2),
    *(0.225, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0),
)
_BUILD_PARTS: Final = ("taxonomy", "frameworks", "rules", "model")
_LOST: Final = {
    "review": "Words of answers that the review queue did not count",
    "events": "Answers that the event sink did not store",
}
_BATCH_EDGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)
_SIZE_EDGES: Final = (1, 2, 5, 10, 20, 50, 100)
_CONFIDENCE_EDGES: Final = tuple(n / 20 for n in range(1, 21))


class Metrics:
    """One per process."""

    def __init__(self, detectors: DetectorSeries) -> None:
        """detectors: bounds the values that the label `detector` may have."""
        self._detectors = detectors
        self._gauges = CollectorRegistry()
        self._written: list[Counter | Histogram] = []
        self.window = Window(LATENCY_EDGES)
        self.circuit = CircuitState.CLOSED
        self._requests = self._counter(
            "mapper_requests_total",
            "Mapping items that were answered, or that the service failed to answer",
            "detector",
            "status",
        )
        self._duration = self._histogram(
            "mapper_request_duration_seconds", "Time to an answer", LATENCY_EDGES, "detector"
        )
        self._batch_duration = self._histogram(
            "mapper_batch_duration_seconds", "Time to a whole batch", _BATCH_EDGES
        )
        self._batch_size = self._histogram("mapper_batch_size", "Items in a batch", _SIZE_EDGES)
        self._rejected = self._counter(
            "mapper_rejected_total", "Requests and batch items refused", "error_code"
        )
        self._validation = self._counter(
            "mapper_schema_validation_total",
            "Items that had a model candidate, by its validity",
            "detector",
            "valid",
        )
        self._fallback = self._counter(
            "mapper_fallback_total",
            "Items with a fallback",
            "detector",
            "reason",
        )
        self._override = self._counter(
            "mapper_override_total",
            "Items in which a curated entry replaced the model's answer",
            "detector",
        )
        self._unknown = self._counter(
            "mapper_unknown_total", "Items answered as unknown", "detector"
        )
        self._reading = self._counter(
            "mapper_reading_total", "Items by how their output was read", "detector", "reading"
        )
        self._categories = self._counter(
            "mapper_label_category_total", "Items with a label of a category", "category"
        )
        self._frameworks = self._counter(
            "mapper_framework_total", "Items that touch a control of a framework", "framework"
        )
        self._errors = self._counter(
            "mapper_errors_total", "Requests and batch items answered with an error", "error_code"
        )
        self._confidence = self._histogram(
            "mapper_confidence", "Calibrated confidence of the answers", _CONFIDENCE_EDGES
        )
        self._outages = self._counter(
            "mapper_shared_store_outages_total",
            "Requests answered without Redis because it failed",
            "use",
        )
        self._lookups = self._counter(
            "mapper_item_cache_total", "Items looked up in the cache of answers", "result"
        )
        self._replays = self._counter(
            "mapper_idempotent_replays_total", "Requests answered with a stored answer"
        )
        self._dropped = {n: self._counter(f"mapper_{n}_dropped_total", t) for n, t in _LOST.items()}
        self._mode = Gauge("mapper_mode", "1: the mode in force", ("mode",), registry=self._gauges)
        self._circuit = Gauge(
            "mapper_circuit_state",
            "Circuit to Triton: 0 closed, 1 half open, 2 open",
            registry=self._gauges,
        )
        self._build = Gauge(
            "mapper_build_info",
            "Versions being served; always 1",
            ("version", *_BUILD_PARTS),
            registry=self._gauges,
        )
        for name, text, value in (
            (
                "mapper_schema_valid_percentage",
                "Valid share of the model's candidates, last 5 minutes",
                lambda: self.window.total().schema_valid_percentage,
            ),
            (
                "mapper_fallback_percentage",
                "Share of items with a fallback, last 5 minutes",
                lambda: self.window.total().fallback_percentage,
            ),
        ):
            Gauge(name, text, registry=self._gauges).set_function(value)
        self._begin(OTHER)
        for code in ErrorCode:
            self._rejected.labels(code.value)
            self._errors.labels(code.value)
        for use in SharedUse:
            self._outages.labels(use.value)
        # What the taxonomy has; a Triton of another version may answer with more.
        self._known_categories = {_category(label) for label in load_taxonomy().names}
        for name in (*self._known_categories, OTHER):
            self._categories.labels(name)
        for name in load_frameworks().frameworks:
            self._frameworks.labels(name)
        for result in ("hit", "miss"):
            self._lookups.labels(result)
        self._seen = {OTHER}
        self._exposition = Exposition(self._written)

    def answered(self, detector: str, seconds: float, decision: Decision) -> None:
        """An item got its answer, `seconds` after it arrived (or its chunk was sent)."""
        label = self._begun(self._detectors.count(detector))
        reason, schema_valid = decision.fallback_reason, decision.schema_valid
        validated = reason is None or reason.has_candidate
        self._requests.labels(label, "success").inc()
        self._duration.labels(label).observe(seconds)
        self._confidence.observe(decision.confidence)
        if validated:
            self._validation.labels(label, str(schema_valid).lower()).inc()
        if reason is not None:
            self._fallback.labels(label, reason.value).inc()
        if decision.overridden:
            self._override.labels(label).inc()
        if decision.unknown:
            self._unknown.labels(label).inc()
        self._count_labels(decision.event)
        if how := decision.reading.get("how"):
            unread = reason is FallbackReason.UNREAD
            self._reading.labels(label, "unread" if unread else str(how)).inc()
        self.window.add(
            seconds,
            detector=label,
            source=decision.source,
            valid=schema_valid if validated else None,
            reason=reason,
        )

    def unanswered(self, detector: str, seconds: float) -> None:
        """An accepted item failed."""
        label = self._begun(self._detectors.count(detector))
        self._requests.labels(label, "error").inc()
        self._duration.labels(label).observe(seconds)
        self.window.add(seconds, detector=label, source=None, valid=None, reason=None)

    def batch(self, size: int, seconds: float) -> None:
        """A whole batch was answered."""
        self._batch_size.observe(size)
        self._batch_duration.observe(seconds)

    def rejected(self, code: ErrorCode) -> None:
        """A request or a batch item was refused."""
        self._rejected.labels(code.value).inc()

    def failed(self, code: ErrorCode) -> None:
        """A request or a batch item failed by the service's fault: every 5xx, a spent budget."""
        self._errors.labels(code.value).inc()

    def turned_away(self, code: ErrorCode) -> None:
        """A mapping request failed by the service's fault before its items were accepted. It counts
        as one failed item, without a detector and without a duration."""
        self.failed(code)
        self._requests.labels(OTHER, "error").inc()
        self.window.add(None, detector=OTHER, source=None, valid=None, reason=None)

    def outage(self, use: SharedUse) -> None:
        """A request was answered without Redis."""
        self._outages.labels(use.value).inc()

    def looked_up(self, known: bool) -> None:
        """An item was looked up in the item cache."""
        self._lookups.labels("hit" if known else "miss").inc()

    def replayed(self) -> None:
        """A request was answered by a stored answer; its items are not counted again."""
        self._replays.inc()

    def dropped(self, queue: str, count: int) -> None:
        """A full queue of `_LOST` dropped `count` entries."""
        self._dropped[queue].inc(count)

    def follow_mode(self, mode: Callable[[], Mode]) -> None:
        """mode: returns the mode in force; called for each scrape."""
        for each in Mode:
            self._mode.labels(each.value).set_function(partial(_is_mode, mode, each))

    def set_circuit(self, state: CircuitState) -> None:
        self.circuit = state
        self._circuit.set(state)

    def set_build(self, version: str, versions: Mapping[str, str]) -> None:
        """Replace the served versions; entries of `versions` other than the four are ignored."""
        four = {name: versions.get(name, "") for name in _BUILD_PARTS}
        self._build.clear()
        self._build.labels(version=version, **four).set(1)

    def label(self, detector: str) -> str:
        """The value of the label `detector` for a detector's items now."""
        return self._detectors.of(detector)

    def exposition(self) -> bytes:
        """The body of `/metrics`, in Prometheus' text format."""
        return self._exposition.text().encode() + generate_latest(self._gauges)

    def _count_labels(self, event: Mapping[str, object]) -> None:
        labels, context = cast(list[str], event["taxonomy"]), event["policy_context"]
        found = {_category(label) for label in labels}
        for name in {name if name in self._known_categories else OTHER for name in found}:
            self._categories.labels(name).inc()
        for framework in cast(dict[str, dict[str, object]], context)["frameworks"]:
            if framework in load_frameworks().frameworks:
                self._frameworks.labels(framework).inc()

    def _begun(self, name: str) -> str:
        """The value of the label `detector`; creates its series at first use."""
        if name not in self._seen:
            self._seen.add(name)
            self._begin(name)
        return name

    def _begin(self, detector: str) -> None:
        """Create series at zero, so that `rate` includes the first event."""
        for status in ("success", "error"):
            self._requests.labels(detector, status)
        for valid in ("true", "false"):
            self._validation.labels(detector, valid)
        for reason in FallbackReason:
            self._fallback.labels(detector, reason.value)
        self._override.labels(detector)
        self._unknown.labels(detector)
        self._duration.labels(detector)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        metric = Counter(name, text, labels, registry=None)
        self._written.append(metric)
        return metric

    def _histogram(self, name: str, text: str, edges: Iterable[float], *labels: str) -> Histogram:
        metric = Histogram(name, text, labels, buckets=tuple(edges), registry=None)
        self._written.append(metric)
        return metric


def _category(label: str) -> str:
    """The first part of the label's name."""
    return label.partition(".")[0]


def _is_mode(mode: Callable[[], Mode], each: Mode) -> float:
    return float(mode() is each)
