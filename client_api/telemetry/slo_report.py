"""The service levels of this process: each indicator now, and the rest of its error budget.

In: counted items and the service level document. Out: plain data for `/metrics/summary`. The error
budget of all processes over the whole period comes from Prometheus.
"""

from collections.abc import Sequence
from typing import Any

from client_api.telemetry.window import Counts, Window
from schemas.slo import Indicator, Objective, Profile, Slo

_P95 = 0.95


def service_levels(window: Window, history: Sequence[Counts], slo: Slo) -> list[dict[str, Any]]:
    """One entry per objective of the CPU profile, whose latency objective pages.

    `value`: over the window, null without events; `series`: the same per part of `history`;
    `budget`: since the process began. `remaining_percent` is below 0 when the budget is exceeded.
    """
    goal_s = slo.profiles[Profile.CPU].seconds
    total = window.total()
    return [
        {
            "indicator": objective.indicator,
            "title": objective.title,
            "unit": "ms" if objective.indicator is Indicator.LATENCY else "%",
            "bound": "min" if objective.indicator in _SHARES_OF_GOOD else "max",
            "objective": _level(objective, goal_s),
            "value": _value(window, total, objective.indicator, goal_s),
            "series": [_value(window, part, objective.indicator, goal_s) for part in history],
            "budget": _budget(window, objective, goal_s),
        }
        for objective in slo.objectives.values()
    ]


_SHARES_OF_GOOD = frozenset({Indicator.SCHEMA_VALID, Indicator.AVAILABILITY})


def _level(objective: Objective, goal_s: float) -> float:
    """The objective of the indicator's value, in milliseconds or percent."""
    if objective.indicator is Indicator.LATENCY:
        return round(goal_s * 1000, 3)
    good = objective.good_percent
    return good if objective.indicator in _SHARES_OF_GOOD else round(100 - good, 6)


def _value(window: Window, counts: Counts, indicator: Indicator, goal_s: float) -> float | None:
    events, bad = _events(window, counts, indicator, goal_s)
    if not events:
        return None
    if indicator is Indicator.LATENCY:
        p95 = window.quantile(counts, _P95)
        return None if p95 is None else round(p95 * 1000, 3)
    good = indicator in _SHARES_OF_GOOD
    return round(100 * (events - bad if good else bad) / events, 4)


def _budget(window: Window, objective: Objective, goal_s: float) -> dict[str, Any]:
    events, bad = _events(window, window.lifetime, objective.indicator, goal_s)
    spent = bad / events / objective.budget if events else 0.0
    return {
        "events": events,
        "bad": bad,
        "allowed_percent": round(100 - objective.good_percent, 6),
        "remaining_percent": round(100 * (1 - spent), 3),
    }


def _events(window: Window, counts: Counts, indicator: Indicator, goal_s: float) -> tuple[int, int]:
    """(events of an indicator, bad events)."""
    match indicator:
        case Indicator.LATENCY:
            return counts.timed, window.slower(counts, goal_s)
        case Indicator.SCHEMA_VALID:
            return counts.validated, counts.validated - counts.valid
        case Indicator.FALLBACK:
            return counts.items, counts.fallbacks
        case Indicator.AVAILABILITY:
            return counts.items, counts.items - counts.succeeded
