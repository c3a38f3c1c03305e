"""Drift by detector: shares of a day's items, held against those of a reference week.

In: `schemas/slo.yaml`. Out: recording rules and the alert. The test is Pearson's chi-square of a
2x2 table with Yates' correction for continuity ("Contingency tables involving small numbers and the
chi-squared test", 1934): an outcome's items and the others, in the window and in the reference.
"""

from typing import Final

from schemas.slo import Outcome, Severity, Slo, Span
from slo.alerts import make_alert
from slo.rule import Group, Rule, record
from slo.sli import DEPLOYMENT

#: How often rules are evaluated; sums over recorded counts depend on it. Rarer than elsewhere, as
#: a day of counts is read each time, but not too rare to be current.
INTERVAL_S: Final = 150
_STEP: Final = Span("5m", 300)

ITEMS: Final = "mapper:detector_items:"
RATIO: Final = "mapper:detector_drift:ratio"
CHI_SQUARE: Final = "mapper:detector_drift:chi_square"

_COUNTERS: Final = {
    Outcome.UNKNOWN: "mapper_unknown_total",
    Outcome.LOW_CONFIDENCE: 'mapper_fallback_total{reason="low_confidence"}',
    Outcome.OVERRIDDEN: "mapper_override_total",
    Outcome.UNREAD: 'mapper_fallback_total{reason="unread"}',
}


def records(slo: Slo) -> list[Group]:
    """All recording rules."""
    drift = slo.drift
    counted = {ITEMS: 'mapper_requests_total{status="success"}'}
    counted |= {_items(outcome): counter for outcome, counter in _COUNTERS.items()}
    counts, judged = [], []
    for name, counter in counted.items():
        step, recent = f"{name}increase{_STEP}", _recent(slo, name)
        increase = f"sum by ({DEPLOYMENT}, detector) (increase({counter}[{_STEP}]))"
        looks = _STEP.seconds // INTERVAL_S
        counts += [
            record(step, increase),
            record(recent, f"sum_over_time({step}[{drift.window}]) / {looks}"),
        ]
        # A sum of whole windows: of days, those that ended at midnight, UTC.
        spans = f"{recent}[{drift.reference}:{drift.window}] offset {drift.window}"
        judged.append(record(_reference(slo, name), f"sum_over_time({spans})"))
    for outcome in Outcome:
        judged += _share_rules(slo, outcome)
    return [
        Group("mapper-drift-counts", counts, interval_s=INTERVAL_S),
        Group("mapper-drift", judged, interval_s=INTERVAL_S),
    ]


def alerts(slo: Slo) -> Group:
    """The alert on a share that rose."""
    drift = slo.drift
    enough = "".join(
        f"and on ({DEPLOYMENT}, detector) {name(slo, ITEMS)} >= {drift.items}\n"
        for name in (_recent, _reference)
    )
    rule = make_alert(
        slo,
        "MapperDetectorDrift",
        f"{RATIO}{drift.window} > {RATIO}_reference{drift.reference} + {drift.points / 100:g}\n"
        f"and {CHI_SQUARE} > {drift.chi_square:.4g}\n"
        f"{enough}",
        Severity.WARNING,
        {},
        "Llama Mapper: the outputs of {{ $labels.detector }} have changed",
        "{{ $value | humanizePercentage }} of the items of detector {{ $labels.detector }} at "
        f"{{{{ $labels.job }}}} in {drift.window} count as {{{{ $labels.outcome }}}}: at least "
        f"{drift.points:g} points more than in the {drift.reference} before.",
        hold=str(drift.hold),
    )
    return Group("mapper-drift-alerts", [rule])


def _share_rules(slo: Slo, outcome: Outcome) -> list[Rule]:
    labels, drift = {"outcome": outcome.value}, slo.drift
    bad, before = _recent(slo, _items(outcome)), _reference(slo, _items(outcome))
    items, items_before = _recent(slo, ITEMS), _reference(slo, ITEMS)
    both = f"({items} + {items_before})"
    found = f"({bad} + {before})"
    apart = f"clamp_min(abs({bad} * {items_before} - {before} * {items}) - {both} / 2, 0)"
    return [
        record(f"{RATIO}{drift.window}", f"{bad} / ({items} > 0)", labels),
        record(f"{RATIO}_reference{drift.reference}", f"{before} / ({items_before} > 0)", labels),
        # Nothing, not NaN, where all items are alike.
        record(
            CHI_SQUARE,
            f"{both} * {apart} ^ 2 / "
            f"(({items} * {items_before} * {found} * ({both} - {found})) > 0)",
            labels,
        ),
    ]


def _items(outcome: Outcome) -> str:
    return f"mapper:detector_{outcome}:"


def _recent(slo: Slo, name: str) -> str:
    return f"{name}increase{slo.drift.window}"


def _reference(slo: Slo, name: str) -> str:
    return f"{name}reference{slo.drift.reference}"
