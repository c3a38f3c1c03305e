"""The tables of `docs/slo.md`: objectives, alerts, burn rates, internal thresholds.

In: `schemas/slo.yaml`, the page as it is. Out: the page with its tables between their markers.
"""

from itertools import groupby

from schemas.slo import Indicator, Objective, Profile, Slo
from slo.rule import Rule
from slo.rules import alert_groups
from tools.markdown import render, table

_SIGNS = {
    Indicator.SCHEMA_VALID: ("≥", "<"),
    Indicator.FALLBACK: ("<", ">"),
    Indicator.AVAILABILITY: ("≥", "<"),
}


def slo_page(slo: Slo, page: str) -> str:
    """Raises ValueError for a page without the markers."""
    tables = {
        "objectives": _objectives(slo),
        "alerts": _alerts(slo),
        "burn rates": _burn_rates(slo),
        "drift": _drift(slo),
        "internal thresholds": _internal(slo),
    }
    return render(page, tables)


def _objectives(slo: Slo) -> str:
    rows = []
    for objective in slo.objectives.values():
        if objective.indicator is Indicator.LATENCY:
            rows += [_latency_row(slo, objective, profile) for profile in Profile]
        else:
            rows.append(_share_row(objective))
    heads = ("indicator", f"objective ({slo.period})", "error budget", "alerts")
    facts = (
        f"Owner: {slo.owner}. Effective {slo.effective}, reviewed {slo.review}.\n"
        f"A level alert needs {slo.guards.events} events in {slo.windows[0]}, a burn-rate alert "
        f"{slo.guards.errors} bad ones in its long window.\n\n"
    )
    return facts + table(heads, rows)


def _latency_row(slo: Slo, objective: Objective, profile: Profile) -> tuple[str, ...]:
    goal = slo.profiles[profile]
    note = ", informative" if goal.informative else ""
    levels = (f"{a.severity} > {a.level * 1000:g} ms for {a.hold}" for a in objective.alerts)
    return (
        f"{objective.title}, {profile.upper()} profile",
        f"≤ {goal.seconds * 1000:g} ms{note}",
        f"{100 * objective.budget:g} % of the answers may be slower",
        ", ".join(levels),
    )


def _share_row(objective: Objective) -> tuple[str, ...]:
    good, bad = _SIGNS[objective.indicator]
    value = objective.good_percent
    if objective.indicator is Indicator.FALLBACK:
        value = 100 * objective.budget
    levels = (f"{a.severity} {bad} {a.level:g} % for {a.hold}" for a in objective.alerts)
    return (
        objective.title,
        f"{good} {value:g} %",
        f"{100 * objective.budget:g} %",
        ", ".join(levels),
    )


def _alerts(slo: Slo) -> str:
    rules = [rule for group in alert_groups(slo, slo.profiles[Profile.CPU]) for rule in group.rules]
    rows = [
        _alert_row(name, list(same)) for name, same in groupby(rules, lambda r: r.fields["alert"])
    ]
    return table(("alert", "priority", "fires"), rows)


def _alert_row(name: str, rules: list[Rule]) -> tuple[str, ...]:
    first = rules[0].fields
    windows = [rule.fields["labels"].get("window") for rule in rules]
    when = f"after {first['for']}" if "for" in first else f"while {' or '.join(windows)} burns"
    return f"[`{name}`](runbook.md#{name.lower()})", first["labels"]["priority"], when


def _burn_rates(slo: Slo) -> str:
    heads = ("burn rate", "windows", "budget spent when it fires")
    titles = (o.title.lower() for o in slo.objectives.values())
    rows = []
    for burn in slo.burn_rates:
        spent = burn.rate * burn.long.seconds / slo.period.seconds
        ratios = (burn.error_ratio(o) for o in slo.objectives.values())
        shares = (f"> {100 * r:g} %" if r else "out of reach" for r in ratios)
        windows = f"{burn.long} and {burn.short}"
        rows.append((f"{burn.rate:g}x", windows, f"{100 * spent:.3g} %", *shares))
    return table((*heads, *titles), rows)


def _drift(slo: Slo) -> str:
    drift = slo.drift
    rows = [
        ("items", f"≥ {drift.items} in {drift.window} and in the {drift.reference} before"),
        ("the share", f"> {drift.points:g} points above that of the {drift.reference} before"),
        (f"chi-square, p = {drift.p:g}", f"> {drift.chi_square:.4g}"),
        ("all of it", f"for {drift.hold}"),
    ]
    return table(("of a detector", "alerts when"), rows)


def _internal(slo: Slo) -> str:
    internal = slo.internal
    rows = [
        ("schema-valid", f"< {internal.schema_valid_min:g} %"),
        ("fallback", f"> {internal.fallback_max:g} %"),
        ("latency p95", f"> {internal.latency_p95_max_ms:g} ms"),
    ]
    return table(("of the last five minutes", "alerts when"), rows)
