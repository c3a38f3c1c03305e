"""The recording rules: counts, error ratios, remaining budgets and p95.

In: `schemas/slo.yaml` and a latency goal. Out: rule groups as Prometheus reads them: one group per
indicator, with rules after those that they use.
"""

from schemas.slo import Indicator, LatencyGoal, Slo
from slo.rule import Group, Rule, record
from slo.sli import (
    BUDGET_LEFT,
    DETECTOR_P95,
    ERROR_RATIO,
    ERRORS,
    EVENTS,
    LATENCY_WINDOWS,
    P95,
    WINDOW_OVER,
    Sli,
    quantile,
    slis,
)


def budget(slo: Slo, name: str) -> float:
    """The share of an indicator's events that may be bad. As many windows may be over the latency
    objective as requests may: both are what a p95 leaves.
    """
    indicator = Indicator.LATENCY if name == LATENCY_WINDOWS else Indicator(name)
    return slo.objectives[indicator].budget


def groups(slo: Slo, goal: LatencyGoal) -> list[Group]:
    """All recording rules."""
    found = [Group("mapper-slo-p95", _p95_rules(slo, goal))]
    for sli in slis(slo, goal).values():
        rules = [*_count_rules(slo, sli), *_ratio_rules(slo, sli)]
        found.append(Group(f"mapper-slo-{sli.name.replace('_', '-')}", rules))
    return found


def _p95_rules(slo: Slo, goal: LatencyGoal) -> list[Rule]:
    first = slo.windows[0]
    share = round(1 - slo.objectives[Indicator.LATENCY].budget, 9)
    over = f"{P95}{first} > bool {goal.seconds:g}"
    return [
        record(f"{P95}{first}", quantile(share, first)),
        record(f"{DETECTOR_P95}{first}", quantile(share, first, "detector")),
        record(f"{WINDOW_OVER}{first}", over),
    ]


def _count_rules(slo: Slo, sli: Sli) -> list[Rule]:
    labels = {"slo": sli.name}
    rules = []
    for window in slo.windows:
        rules.append(record(f"{ERRORS}{window}", sli.errors(window), labels))
        rules.append(record(f"{EVENTS}{window}", sli.events(window), labels))
    return rules


def _ratio_rules(slo: Slo, sli: Sli) -> list[Rule]:
    chosen, labels = f'{{slo="{sli.name}"}}', {"slo": sli.name}
    rules = [
        # Nothing, not NaN, where nothing happened.
        record(f"{ERROR_RATIO}{w}", f"{ERRORS}{w}{chosen} / ({EVENTS}{w}{chosen} > 0)", labels)
        for w in slo.windows
    ]
    spent = f"{ERROR_RATIO}{slo.period}{chosen} / {budget(slo, sli.name):g}"
    rules.append(record(f"{BUDGET_LEFT}{slo.period}", f"1 - {spent}", labels))
    return rules
