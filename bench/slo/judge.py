"""Verdicts on each objective by the contract's query, on alerts, and on the dashboard's queries.

In: a Prometheus that scraped during a load, the service levels. Out: verdicts.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.slo.faults import Fault
from bench.slo.prometheus import SCRAPE_S, Prometheus
from schemas.slo import Indicator, LatencyGoal, Slo

#: Contract section 4, word for word.
QUERIES = {
    Indicator.LATENCY: (
        "histogram_quantile(0.95, sum(rate(mapper_request_duration_seconds_bucket[5m])) by (le))"
    ),
    Indicator.SCHEMA_VALID: (
        '100 * (sum(rate(mapper_schema_validation_total{valid="true"}[5m])) / '
        "sum(rate(mapper_schema_validation_total[5m])))"
    ),
    Indicator.FALLBACK: (
        "100 * (sum(rate(mapper_fallback_total[5m])) / sum(rate(mapper_requests_total[5m])))"
    ),
    Indicator.AVAILABILITY: (
        '100 * (sum(rate(mapper_requests_total{status="success"}[5m])) / '
        "sum(rate(mapper_requests_total[5m])))"
    ),
}
WINDOW_S = 300
#: Titles of panels that need more than a short run of one version.
_NEED_MORE = frozenset({"Drift by detector", "Shadow agreement", "Shadow latency"})
_ALERTS = 'ALERTS{service="llama-mapper"}'


@dataclass(frozen=True, slots=True)
class Verdict:
    """One objective: at the end of the load, and in the worst of its five-minute windows.

    None: Prometheus has no value, which is a breach. informative: a miss is not a breach.
    """

    title: str
    objective: str
    unit: str
    last: float | None
    worst: float | None
    met: bool
    informative: bool

    @property
    def breach(self) -> bool:
        return not (self.met or self.informative)


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """One alert: when it was first pending and firing (seconds since 1970; None: never)."""

    name: str
    priority: str
    slo: str
    pending: float | None
    firing: float | None


def objectives(
    prometheus: Prometheus, slo: Slo, goal: LatencyGoal, begin: float, end: float
) -> list[Verdict]:
    """All of them. Windows that begin before the load do not count, if there are others."""
    found = []
    for indicator, objective in slo.objectives.items():
        scale, unit = 1.0, "%"
        low_is_good, limit, sign = False, objective.good_percent, "≥"
        if indicator is Indicator.LATENCY:
            scale, unit, low_is_good, limit, sign = 1000.0, "ms", True, 1000 * goal.seconds, "≤"
        elif indicator is Indicator.FALLBACK:
            low_is_good, limit, sign = True, 100 - objective.good_percent, "<"
        query = QUERIES[indicator]
        values = [
            scale * value
            for series in prometheus.over(query, min(begin + WINDOW_S, end), end, SCRAPE_S)
            for _, value in series.points
        ]
        worst_of: Callable[[list[float]], float] = max if low_is_good else min
        worst = worst_of(values) if values else None
        met = (
            worst is not None
            and {"≤": worst <= limit, "≥": worst >= limit, "<": worst < limit}[sign]
        )
        informative = indicator is Indicator.LATENCY and goal.informative
        last = values[-1] if values else None
        found.append(
            Verdict(
                objective.title, f"{sign} {limit:g} {unit}", unit, last, worst, met, informative
            )
        )
    return found


def alerts(prometheus: Prometheus, begin: float, end: float) -> list[AlertSeen]:
    """Those that were pending or firing at any time, the earliest to fire first."""
    first: dict[tuple[str, str], dict[str, float]] = {}
    priorities: dict[tuple[str, str], str] = {}
    for series in prometheus.over(_ALERTS, begin, end, 1 if end - begin < 3600 else SCRAPE_S):
        labels = series.labels
        key = (labels["alertname"], labels.get("slo", ""))
        state, when = labels["alertstate"], series.points[0][0]
        times = first.setdefault(key, {})
        times[state] = min(when, times.get(state, when))
        priorities[key] = labels["priority"]
    seen = [
        AlertSeen(name, priorities[name, slo], slo, times.get("pending"), times.get("firing"))
        for (name, slo), times in first.items()
    ]
    return sorted(seen, key=lambda one: (one.firing or end, one.pending or end, one.name))


def alert_problems(seen: list[AlertSeen], fault: Fault) -> list[str]:
    """The problems under this fault: an alert that must fire and did not, or one that fired for an
    indicator that the fault does not affect."""
    fired = {one.name: one for one in seen if one.firing is not None}
    missing = [f"{name} did not fire" for name in sorted(fault.alerts - fired.keys())]
    return missing + [
        f"{one.name} fired, which is not an effect of the fault (or the machine is too busy)"
        for one in fired.values()
        if one.name not in fault.alerts and one.slo not in fault.slos
    ]


def dead_panels(prometheus: Prometheus, dashboard: Path, end: float) -> list[str]:
    """Queries of the dashboard that return nothing, with the titles of their panels.

    Panels of a shadow and of drift are left out: a short run of one version has no data for them.
    """
    return [
        f"{title}: {query}"
        for title, query in _panel_queries(dashboard)
        if title not in _NEED_MORE
        and not any(series.points for series in prometheus.at(query, end))
    ]


def _panel_queries(dashboard: Path) -> Iterator[tuple[str, str]]:
    """The query with the default values of Grafana's variables."""
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for variable, value in (
                ("$__rate_interval", "1m"),
                ("$triton_job", ".+"),
                ("$job", ".+"),
            ):
                query = query.replace(variable, value)
            assert "$" not in query, f"{panel['title']}: no value for a variable in {query}"
            yield panel["title"], query
