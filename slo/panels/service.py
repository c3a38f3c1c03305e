"""The panels on what callers get: service levels, golden signals, quality."""

from schemas.slo import Indicator, Profile, Slo
from slo.drift import RATIO
from slo.panels.panel import FACADE, RATE, SECONDS, PanelSpec, Query, quantile, rate_by
from slo.sli import BUDGET_LEFT, DETECTOR_P95, ERROR_RATIO, LATENCY_WINDOWS, P95


def service_levels(slo: Slo) -> list[PanelSpec]:
    first, period = slo.windows[0], slo.period
    latency = slo.objectives[Indicator.LATENCY]
    yellow, red = (alert.level for alert in latency.alerts)
    goals = " or ".join(f"{g.seconds * 1000:g} ms ({p})" for p, g in slo.profiles.items())
    panels = [
        PanelSpec(
            latency.title,
            f"Of all items in {first}; the objective is at most {goals}.",
            "s",
            [Query(f"{P95}{first}{{{FACADE}}}", "{{job}}")],
            6,
            ((None, "green"), (yellow, "yellow"), (red, "red")),
        )
    ]
    for indicator in (Indicator.SCHEMA_VALID, Indicator.AVAILABILITY, Indicator.FALLBACK):
        objective = slo.objectives[indicator]
        ratio = f'{ERROR_RATIO}{period}{{slo="{indicator}", {FACADE}}}'
        good = objective.good_percent / 100
        steps: tuple[tuple[float | None, str], ...] = ((None, "red"), (good, "green"))
        expr, goal = f"1 - {ratio}", f"at least {objective.good_percent:g} %"
        if indicator is Indicator.FALLBACK:
            steps = ((None, "green"), (objective.budget, "red"))
            expr, goal = ratio, f"less than {100 * objective.budget:g} %"
        text = f"Over {period}, weighted by events; the objective is {goal}."
        query = Query(expr, "{{job}}")
        panels.append(PanelSpec(objective.title, text, "percentunit", [query], 6, steps))
    return [
        *panels,
        PanelSpec(
            "Error budget left",
            f"Of the bad events that {period} may have: 100 % is untouched, below 0 overspent.",
            "percentunit",
            [Query(f"{BUDGET_LEFT}{period}{{{FACADE}}}", "{{slo}}")],
            12,
            ((None, "red"), (0.0, "yellow"), (0.25, "green")),
        ),
        PanelSpec(
            "Alerts firing",
            "Of this service, by priority; the runbook has a section for each.",
            "short",
            [
                Query(f"sum(ALERTS{{{_chosen(slo, priority)}}}) or vector(0)", priority)
                for priority in ("P1", "P2")
            ],
            12,
            ((None, "green"), (1.0, "red")),
        ),
        PanelSpec(
            "Error budget left over time",
            "The budget burns too fast if its line would fall below 0 within the period.",
            "percentunit",
            [Query(f"{BUDGET_LEFT}{period}{{{FACADE}}}", "{{slo}}")],
        ),
        PanelSpec(
            "Burn rate, 1 hour",
            "Bad events relative to the budget: at 1 it lasts the period, at 14.4 two days.",
            "none",
            [
                Query(f'{ERROR_RATIO}1h{{slo="{name}", {FACADE}}} / {budget:g}', name)
                for name, budget in _budgets(slo).items()
            ],
        ),
    ]


def golden_signals(slo: Slo) -> list[PanelSpec]:
    first = slo.windows[0]
    buckets = f"sum by (le) (rate({SECONDS}_bucket{{{FACADE}}}{RATE}))"
    goal = slo.profiles[Profile.CPU]
    return [
        PanelSpec(
            "Traffic",
            "Items accepted for mapping; refused ones are not in any service level.",
            "reqps",
            [rate_by("mapper_requests_total", "status")],
        ),
        PanelSpec(
            "Latency",
            f"Of all items. The p95 is to stay at or below {goal.seconds * 1000:g} ms.",
            "s",
            [
                Query(f"histogram_quantile({q}, {buckets})", f"p{round(100 * q)}")
                for q in (0.5, 0.95, 0.99)
            ],
        ),
        PanelSpec(
            "Latency p95 by detector",
            "The p95 of all detectors hides a single slow one.",
            "s",
            [Query(f"{DETECTOR_P95}{first}{{{FACADE}}}", "{{detector}}")],
        ),
        PanelSpec(
            f"Windows of {first} over the latency objective",
            "Their share of the last hour and day: latency seen as time, not as requests.",
            "percentunit",
            [
                Query(f'{ERROR_RATIO}{w}{{slo="{LATENCY_WINDOWS}", {FACADE}}}', w)
                for w in ("1h", "1d")
            ],
        ),
        PanelSpec(
            "Errors",
            "Requests and items that the service failed to answer, by error code: a 5xx or 408.",
            "reqps",
            [rate_by("mapper_errors_total", "error_code")],
        ),
        PanelSpec(
            "Refused",
            "Requests and items that were not accepted, by error code.",
            "reqps",
            [rate_by("mapper_rejected_total", "error_code")],
        ),
        PanelSpec(
            "Batch duration",
            "Of whole batches.",
            "s",
            [
                quantile(0.5, "mapper_batch_duration_seconds"),
                quantile(0.95, "mapper_batch_duration_seconds"),
            ],
        ),
        PanelSpec(
            "Batch size",
            "Items in a batch.",
            "short",
            [quantile(0.5, "mapper_batch_size"), quantile(0.95, "mapper_batch_size")],
        ),
    ]


def quality(slo: Slo) -> list[PanelSpec]:
    day, week = slo.drift.window, slo.drift.reference
    validated = "mapper_schema_validation_total"
    items = f"sum by (detector) (rate(mapper_requests_total{{{FACADE}}}{RATE}))"
    fallbacks = f"sum by (detector) (rate(mapper_fallback_total{{{FACADE}}}{RATE}))"
    return [
        PanelSpec(
            "Fallback by reason",
            "Items with a fallback.",
            "reqps",
            [rate_by("mapper_fallback_total", "reason")],
        ),
        PanelSpec(
            "Fallback by detector",
            "Share of the detector's items.",
            "percentunit",
            [Query(f"{fallbacks} / {items}", "{{detector}}")],
        ),
        PanelSpec(
            "Schema-valid by detector",
            "Share of the model's candidates that passed validation, before any fallback.",
            "percentunit",
            [
                Query(
                    f'sum by (detector) (rate({validated}{{valid="true", {FACADE}}}{RATE})) / '
                    f"sum by (detector) (rate({validated}{{{FACADE}}}{RATE}))",
                    "{{detector}}",
                )
            ],
        ),
        PanelSpec(
            "Confidence",
            "Calibrated confidence of the answers: the median and the 10th percentile.",
            "percentunit",
            [quantile(0.1, "mapper_confidence"), quantile(0.5, "mapper_confidence")],
        ),
        PanelSpec(
            "Traffic by detector",
            "Items accepted; rare detectors without a file are `other`.",
            "reqps",
            [rate_by("mapper_requests_total", "detector")],
        ),
        PanelSpec(
            "Outputs by kind of reading",
            "By a declared format, by structure, as text; `unread`: a part was not understood.",
            "reqps",
            [rate_by("mapper_reading_total", "reading")],
        ),
        PanelSpec(
            "Curated overrides",
            "Items in which a curated entry replaced the model's answer; not a fallback.",
            "reqps",
            [rate_by("mapper_override_total", "detector")],
        ),
        PanelSpec(
            "Drift by detector",
            f"Rise of a share of the items, the last {day} against the {week} before.",
            "percentunit",
            [
                Query(
                    f"{RATIO}{day}{{{FACADE}}} - {RATIO}_reference{week}{{{FACADE}}}",
                    "{{detector}} {{outcome}}",
                )
            ],
        ),
        PanelSpec(
            "Label categories",
            "Items with a label of each category of the taxonomy.",
            "reqps",
            [rate_by("mapper_label_category_total", "category")],
        ),
        PanelSpec(
            "Frameworks",
            "Items that touch a control of each framework.",
            "reqps",
            [rate_by("mapper_framework_total", "framework")],
        ),
    ]


def _budgets(slo: Slo) -> dict[str, float]:
    return {o.indicator.value: o.budget for o in slo.objectives.values()}


def _chosen(slo: Slo, priority: str) -> str:
    return f'alertstate="firing", service="{slo.service}", priority="{priority}"'
