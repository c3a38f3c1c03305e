"""The counts of each indicator in PromQL, and the names of the recorded series.

In: `schemas/slo.yaml`, the facade's metric names. Out: expressions. Independent of alerts.

Every series has the labels `namespace` and `job`, so that deployments with a common Prometheus stay
separate; without `namespace`, `job` alone distinguishes them.
"""

from dataclasses import dataclass
from typing import Final

from schemas.slo import Indicator, LatencyGoal, Slo, Span

DEPLOYMENT: Final = "namespace, job"
#: How often rules are evaluated. Sums over recorded counts depend on it.
INTERVAL_S: Final = 30
#: Longer windows are summed up from recorded counts: their raw samples, a series for each
#: detector, reason and pod, would be more than a Prometheus loads for one query.
LONGEST_RAW_S: Final = 7200

ERRORS: Final = "mapper:slo_errors:increase"
EVENTS: Final = "mapper:slo_events:increase"
ERROR_RATIO: Final = "mapper:slo_errors:ratio"
BUDGET_LEFT: Final = "mapper:slo_error_budget_remaining:ratio"
P95: Final = "mapper:request_duration_seconds:p95_"
DETECTOR_P95: Final = "mapper:detector_request_duration_seconds:p95_"
WINDOW_OVER: Final = "mapper:latency_window_over:bool"
#: The share of windows whose p95 is over the objective: latency seen as time, not as requests.
LATENCY_WINDOWS: Final = "latency_windows"

_DURATION: Final = "mapper_request_duration_seconds"


@dataclass(frozen=True, slots=True)
class Sli:
    """One indicator: expressions of the counts in a window, labelled `slo=name`."""

    name: str
    first: Span
    errors_in: str
    events_in: str
    recorded: bool = False

    def errors(self, window: Span) -> str:
        """The number of bad events in the window."""
        return self._count(self.errors_in, ERRORS, window)

    def events(self, window: Span) -> str:
        """The number of events in the window."""
        return self._count(self.events_in, EVENTS, window)

    def _count(self, template: str, series: str, window: Span) -> str:
        if self.recorded or window.seconds <= LONGEST_RAW_S:
            return template.replace("$window", str(window))
        looks = self.first.seconds // INTERVAL_S
        return f'sum_over_time({series}{self.first}{{slo="{self.name}"}}[{window}]) / {looks}'


def slis(slo: Slo, goal: LatencyGoal) -> dict[str, Sli]:
    """Every indicator by name; goal: the latency above which answers are late."""
    first = slo.windows[0]
    looks = first.seconds // INTERVAL_S
    late = (
        f"{_total(f'{_DURATION}_count')} - {_total(f'{_DURATION}_bucket', le=f'{goal.seconds:g}')}"
    )
    found = (
        Sli(Indicator.LATENCY.value, first, late, _total(f"{_DURATION}_count")),
        # Each evaluation looks back one window, so a window is looked at `looks` times.
        Sli(
            LATENCY_WINDOWS,
            first,
            f"sum_over_time({WINDOW_OVER}{first}[$window]) / {looks}",
            f"count_over_time({WINDOW_OVER}{first}[$window]) / {looks}",
            recorded=True,
        ),
        Sli(
            Indicator.SCHEMA_VALID.value,
            first,
            _total("mapper_schema_validation_total", valid="false"),
            _total("mapper_schema_validation_total"),
        ),
        Sli(
            Indicator.FALLBACK.value,
            first,
            _total("mapper_fallback_total"),
            _total("mapper_requests_total"),
        ),
        Sli(
            Indicator.AVAILABILITY.value,
            first,
            _total("mapper_requests_total", status="error"),
            _total("mapper_requests_total"),
        ),
    )
    return {sli.name: sli for sli in found}


def quantile(share: float, window: Span, *by: str) -> str:
    """Seconds within which `share` of the answers came; nothing where there were none."""
    labels = ", ".join((DEPLOYMENT, *by, "le"))
    rate = f"rate({_DURATION}_bucket[{window}])"
    # NaN, which stands for no traffic, is not >= 0.
    return f"histogram_quantile({share:g}, sum by ({labels}) ({rate})) >= 0"


def detector_answers(window: Span) -> str:
    """The number of answers per detector."""
    return f"sum by ({DEPLOYMENT}, detector) (increase({_DURATION}_count[{window}]))"


def _total(metric: str, **labels: str) -> str:
    chosen = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    selector = f"{metric}{{{chosen}}}" if chosen else metric
    return f"sum by ({DEPLOYMENT}) (increase({selector}[$window]))"
