"""The alerts: the document's levels, burn rates of the error budgets, missing metrics.

In: `schemas/slo.yaml` and a latency goal. Out: rule groups. `docs/runbook.md` has the actions on an
alert, one section per alert.
"""

from collections.abc import Iterator, Mapping

from schemas.slo import BurnRate, Indicator, LatencyGoal, LevelAlert, Objective, Severity, Slo
from slo.rule import Group, Rule
from slo.sli import (
    DEPLOYMENT,
    DETECTOR_P95,
    ERROR_RATIO,
    ERRORS,
    EVENTS,
    LATENCY_WINDOWS,
    P95,
    detector_answers,
)

#: An alert on windows as a whole needs a short window that holds many of them.
_MANY_WINDOWS = 20

_FACES = {
    Indicator.LATENCY: ("Latency", "answers are slow"),
    Indicator.SCHEMA_VALID: ("SchemaValid", "the model's candidates fail validation"),
    Indicator.FALLBACK: ("Fallback", "the rules answer in the model's place"),
    Indicator.AVAILABILITY: ("Availability", "mapping requests fail"),
}
#: Indicators of which more is better, so that alerts fire below their level.
_HIGH_IS_GOOD = (Indicator.SCHEMA_VALID, Indicator.AVAILABILITY)


def groups(slo: Slo, goal: LatencyGoal) -> list[Group]:
    """All alerts."""
    burns, left_out = [], []
    for objective in slo.objectives.values():
        indicator = objective.indicator
        if indicator is Indicator.LATENCY and goal.informative:
            left_out.append("Latency has no burn-rate alerts: its objective is informative here.")
            continue
        for burn in slo.burn_rates:
            if burn.error_ratio(objective) is None:
                left_out.append(_unreachable(objective, burn))
            else:
                burns.append(_burn_alert(slo, objective, burn, indicator, *_FACES[indicator]))
    if not goal.informative:
        burns += _window_alerts(slo)
    return [
        Group(
            "mapper-slo-level-alerts",
            [*_level_alerts(slo), _detector_alert(slo), _overload_alert(slo)],
        ),
        Group("mapper-slo-burn-alerts", burns, "\n".join(left_out)),
        Group("mapper-slo-absent", [_absent_alert(slo)]),
    ]


def _level_alerts(slo: Slo) -> Iterator[Rule]:
    for objective in slo.objectives.values():
        for alert in objective.alerts:
            yield _level_alert(slo, objective, alert)


def _level_alert(slo: Slo, objective: Objective, alert: LevelAlert) -> Rule:
    indicator, first = objective.indicator, slo.windows[0]
    face, trouble = _FACES[indicator]
    events = f'{EVENTS}{first}{{slo="{indicator}"}} >= {slo.guards.events}'
    ratio = f'{ERROR_RATIO}{first}{{slo="{indicator}"}}'
    shown = '{{ $value | printf "%.2f" }} %'
    match indicator:
        case Indicator.LATENCY:
            face, shown = f"{face}P95", "{{ $value | humanizeDuration }}"
            test = f"{P95}{first} > {alert.level:g}"
            limit = f"{alert.level * 1000:g} ms"
            guard = f"and on ({DEPLOYMENT}) {events}"
        case _ if indicator in _HIGH_IS_GOOD:
            test = f"100 - 100 * {ratio} < {alert.level:g}"
            limit, guard = f"{alert.level:g} %", f"and {events}"
        case _:
            test = f"100 * {ratio} > {alert.level:g}"
            limit, guard = f"{alert.level:g} %", f"and {events}"
    side = "below" if indicator in _HIGH_IS_GOOD else "above"
    return make_alert(
        slo,
        f"Mapper{face}{alert.severity.capitalize()}",
        f"{test}\n{guard}\n",
        alert.severity,
        {"slo": indicator},
        f"Llama Mapper: {trouble}",
        f"{objective.title} of {{{{ $labels.job }}}} is {shown}, "
        f"{side} {limit} for {alert.hold} or longer.",
        hold=str(alert.hold),
    )


def _detector_alert(slo: Slo) -> Rule:
    """One slow detector may not show in the total: warns at the most severe level of the total."""
    first = slo.windows[0]
    gravest = max(slo.objectives[Indicator.LATENCY].alerts, key=lambda alert: alert.level)
    answers = f"{detector_answers(first)} >= {slo.guards.events}"
    return make_alert(
        slo,
        "MapperDetectorLatencyP95Warning",
        f"{DETECTOR_P95}{first} > {gravest.level:g}\nand {answers}\n",
        Severity.WARNING,
        {"slo": Indicator.LATENCY},
        "Llama Mapper: answers to {{ $labels.detector }} are slow",
        "Latency p95 of detector {{ $labels.detector }} at {{ $labels.job }} is "
        f"{{{{ $value | humanizeDuration }}}}, above {gravest.level * 1000:g} ms "
        f"for {gravest.hold} or longer.",
        hold=str(gravest.hold),
    )


def _overload_alert(slo: Slo) -> Rule:
    """Requests that the service turned away: a 503, or a connection closed before the answer."""
    first, guards = slo.windows[0], slo.guards
    refused = f'increase(mapper_errors_total{{error_code="OVERLOADED"}}[{first}])'
    return make_alert(
        slo,
        "MapperOverloadedWarning",
        f"sum by ({DEPLOYMENT}) ({refused}) >= {guards.errors}\n",
        Severity.WARNING,
        {"slo": Indicator.AVAILABILITY},
        "Llama Mapper: requests are refused",
        "{{ $labels.job }} has refused {{ $value | humanize }} requests "
        f"in {first}, for {first} or longer: more are in flight than it accepts.",
        hold=str(first),
    )


def _window_alerts(slo: Slo) -> Iterator[Rule]:
    """As many windows may be over the objective as requests: both are what a p95 leaves."""
    objective, first = slo.objectives[Indicator.LATENCY], slo.windows[0]
    trouble = f"the p95 of too many {first} windows is over the objective"
    for burn in slo.burn_rates:
        if burn.short.seconds >= _MANY_WINDOWS * first.seconds:
            yield _burn_alert(slo, objective, burn, LATENCY_WINDOWS, "LatencyWindows", trouble)


def _burn_alert(
    slo: Slo, objective: Objective, burn: BurnRate, name: str, face: str, trouble: str
) -> Rule:
    """name: of the recorded series that is held against the objective's budget."""
    limit = f"> {burn.error_ratio(objective):g}"
    chosen = f'{{slo="{name}"}}'
    ceiling = (burn.severity, objective.burns)
    severity = Severity.WARNING if Severity.WARNING in ceiling else Severity.CRITICAL
    pace = "Fast" if burn.severity is Severity.CRITICAL else "Slow"
    return make_alert(
        slo,
        f"Mapper{face}Burn{pace}",
        f"{ERROR_RATIO}{burn.long}{chosen} {limit}\n"
        f"and {ERROR_RATIO}{burn.short}{chosen} {limit}\n"
        f"and {ERRORS}{burn.long}{chosen} >= {slo.guards.errors}\n",
        severity,
        {"slo": name, "burn_rate": f"{burn.rate:g}", "window": f"{burn.long}/{burn.short}"},
        f"Llama Mapper: {trouble}",
        f"{{{{ $value | humanizePercentage }}}} of the last {burn.long} at {{{{ $labels.job }}}} "
        f"was bad: the error budget of {100 * objective.budget:g} % is spent at more than "
        f"{burn.rate:g} times the rate at which it lasts {slo.period}.",
    )


def _unreachable(objective: Objective, burn: BurnRate) -> str:
    share = 100 * burn.rate * objective.budget
    return (
        f"{objective.title} has no alert at {burn.rate:g}x ({burn.long}/{burn.short}): the budget "
        f"is {100 * objective.budget:g} %, so {share:g} % of the events would have to be bad."
    )


def _absent_alert(slo: Slo) -> Rule:
    return make_alert(
        slo,
        "MapperMetricsAbsent",
        "absent(mapper_requests_total)",
        Severity.CRITICAL,
        {},
        "Llama Mapper: no facade is measured",
        "No facade has been scraped, so no other alert can fire.",
        hold=str(slo.guards.absent),
    )


def make_alert(
    slo: Slo,
    name: str,
    expr: str,
    severity: Severity,
    labels: Mapping[str, str],
    summary: str,
    description: str,
    hold: str | None = None,
) -> Rule:
    """An alert with the labels and links that all alerts have. hold: its `for`."""
    # An absent series has no labels.
    chosen = "" if expr.startswith("absent") else "?var-job={{ $labels.job }}"
    fields: dict[str, object] = {"alert": name, "expr": expr}
    if hold:
        fields["for"] = hold
    fields["labels"] = {
        "severity": severity.value,
        "priority": severity.priority,
        "service": slo.service,
        **{key: str(value) for key, value in labels.items()},
    }
    fields["annotations"] = {
        "summary": summary,
        "description": description,
        # Headings of the runbook are the alerts' names; anchors are lower case.
        "runbook_url": f"{slo.links.runbook}#{name.lower()}",
        "dashboard_url": slo.links.dashboard + chosen,
    }
    return Rule(fields)
