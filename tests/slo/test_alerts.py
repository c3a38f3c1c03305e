"""Every alert: silent just inside its limit, fires in time just outside, ends after recovery.

The replays are judged by promtool. What they expect comes from `slo.yaml`.
"""

from pathlib import Path

import pytest
import yaml

from schemas.slo import BurnRate, Indicator, LevelAlert, Objective, load_slo
from tests.slo.promtool import GPU_RULES, HOUR, MINUTE, RULES, Expectation, Replay, firing
from tests.slo.traffic import Phase, series

pytestmark = [pytest.mark.slow, pytest.mark.prometheus]

SLO = load_slo()
FIRST = SLO.windows[0]
FACES = {
    Indicator.LATENCY: "Latency",
    Indicator.SCHEMA_VALID: "SchemaValid",
    Indicator.FALLBACK: "Fallback",
    Indicator.AVAILABILITY: "Availability",
}
LEVELS = [(o, a) for o in SLO.objectives.values() for a in o.alerts]
BURNS = [(o, b) for o in SLO.objectives.values() for b in SLO.burn_rates if b.error_ratio(o)]
WINDOW_BURNS = [b for b in SLO.burn_rates if b.short.seconds >= 2 * HOUR]


def bad(indicator: Indicator, seconds: int, share: float) -> Phase:
    """Steady traffic of which a share is bad."""
    match indicator:
        case Indicator.LATENCY:
            return Phase(seconds, took={0.3: share})
        case Indicator.SCHEMA_VALID:
            return Phase(seconds, invalid=share)
        case Indicator.FALLBACK:
            return Phase(seconds, fallbacks=share)
        case Indicator.AVAILABILITY:
            return Phase(seconds, errors=share)


def at_level(indicator: Indicator, seconds: int, level: float, beyond: float) -> Phase:
    """Steady traffic at a level of the document, times `beyond`."""
    match indicator:
        case Indicator.LATENCY:
            # The p95 lies in the bucket that ends at the level, or in the next.
            upper = next(edge for edge in (0.225, 0.3) if edge > level)
            return Phase(seconds, took={level: 0.5, upper: 0.05 * beyond})
        case Indicator.FALLBACK:
            return bad(indicator, seconds, level / 100 * beyond)
        case _:
            return bad(indicator, seconds, (100 - level) / 100 * beyond)


def groups(indicator: str) -> list[str]:
    """What an alert on the indicator rests on."""
    name = f"mapper-slo-{indicator.replace('_', '-')}"
    return ["mapper-slo-p95", name, "mapper-slo-level-alerts", "mapper-slo-burn-alerts"]


def level_name(objective: Objective, alert: LevelAlert) -> str:
    p95 = "P95" if objective.indicator is Indicator.LATENCY else ""
    return f"Mapper{FACES[objective.indicator]}{p95}{alert.severity.capitalize()}"


@pytest.mark.parametrize(("objective", "alert"), LEVELS, ids=lambda x: getattr(x, "severity", ""))
def test_level(objective: Objective, alert: LevelAlert, tmp_path: Path) -> None:
    indicator, hold = objective.indicator, alert.hold.seconds
    name, window = level_name(objective, alert), FIRST.seconds
    worse = hold + window
    recovered = worse + hold + window
    phases = [
        at_level(indicator, worse, alert.level, 0.97),
        at_level(indicator, hold + window, alert.level, 1.03),
        Phase(2 * window),
    ]
    labels = {"severity": alert.severity, "priority": alert.severity.priority}
    Replay(groups=groups(indicator), evaluate_s=30, series=series(phases)).check(
        tmp_path,
        [
            firing(worse, 0, name),
            firing(worse + hold, 0, name),
            firing(recovered, 1, name, **labels),
            firing(recovered + window + MINUTE, 0, name),
        ],
    )


@pytest.mark.parametrize(
    ("objective", "burn"), BURNS, ids=[f"{o.indicator}-{b.rate:g}x" for o, b in BURNS]
)
def test_burn_rate(objective: Objective, burn: BurnRate, tmp_path: Path) -> None:
    indicator, ratio = objective.indicator, burn.error_ratio(objective)
    assert ratio is not None
    pace = "Fast" if burn.rate >= 6 else "Slow"
    name = f"Mapper{FACES[indicator]}Burn{pace}"
    slow = burn.long.seconds > 6 * HOUR
    scrape = 150 if slow else 60
    half = burn.long.seconds // 2
    worse, better = half, half + burn.long.seconds * 2 // 3
    phases = [
        bad(indicator, worse, ratio * 0.97),
        bad(indicator, better - worse, ratio * 1.03),
        Phase(burn.short.seconds + 10 * MINUTE),
    ]
    rate = f"{burn.rate:g}"
    grave = pace == "Fast" and indicator in (Indicator.LATENCY, Indicator.SCHEMA_VALID)
    # A half of the window at each pace is the limit; a third of it beyond is in time.
    Replay(
        groups=groups(indicator),
        scrape_s=scrape,
        evaluate_s=600 if slow else 60,
        series=series(phases, scrape),
    ).check(
        tmp_path,
        [
            firing(worse, 0, name, burn_rate=rate),
            firing(worse + half * 2 // 3, 0, name, burn_rate=rate),
            firing(better, 1, name, burn_rate=rate, priority="P1" if grave else "P2"),
            firing(better + burn.short.seconds + 10 * MINUTE, 0, name, burn_rate=rate),
        ],
    )


@pytest.mark.parametrize("burn", WINDOW_BURNS, ids=lambda b: f"{b.rate:g}x")
def test_windows_over_the_objective(burn: BurnRate, tmp_path: Path) -> None:
    """Bursts of slow windows, one in each short window of the alert."""
    cycle = burn.short.seconds // MINUTE
    limit = round(cycle * burn.rate * SLO.objectives[Indicator.LATENCY].budget)
    half, beyond = burn.long.seconds // 2, burn.long.seconds * 2 // 3
    calm = burn.short.seconds + 10 * MINUTE
    values = [
        *_bursts(half // MINUTE // cycle, limit - 1, cycle),
        *_bursts(beyond // MINUTE // cycle, limit + 1, cycle),
        f"0x{calm // MINUTE}",
    ]
    name, labels = "MapperLatencyWindowsBurnSlow", {"burn_rate": f"{burn.rate:g}"}
    Replay(
        groups=["mapper-slo-latency-windows", "mapper-slo-burn-alerts"],
        evaluate_s=600,
        series={'mapper:latency_window_over:bool5m{job="mapper"}': " ".join(values)},
    ).check(
        tmp_path,
        [
            firing(half, 0, name, **labels),
            firing(half + burn.long.seconds // 3, 0, name, **labels),
            firing(half + beyond, 1, name, priority="P2", **labels),
            firing(half + beyond + calm, 0, name, **labels),
        ],
    )


def _bursts(cycles: int, slow: int, cycle: int) -> list[str]:
    return [f"1x{slow - 1} 0x{cycle - slow - 1}"] * cycles


def test_one_slow_detector(tmp_path: Path) -> None:
    """It drowns in the p95 of all."""
    name = "MapperDetectorLatencyP95Warning"
    inside, outside = {0.25: 0.5, 0.3: 0.049}, {0.25: 0.5, 0.3: 0.051}
    hold, window = 10 * MINUTE, FIRST.seconds
    slow = [
        Phase(hold + window, 60, took=inside),
        Phase(hold + window, 60, took=outside),
        Phase(2 * window, 60),
    ]
    others = series([Phase(hold * 6)])
    Replay(
        groups=groups("latency"), evaluate_s=30, series=others | series(slow, detector="presidio")
    ).check(
        tmp_path,
        [
            firing(hold + window, 0, name),
            firing(2 * hold + window, 0, name),
            firing(2 * (hold + window), 1, name, detector="presidio", priority="P2"),
            firing(2 * (hold + window), 0, name, detector="other"),
            firing(2 * (hold + window) + window + MINUTE, 0, name),
        ],
    )


def test_requests_that_are_turned_away_have_an_alert_of_their_own(tmp_path: Path) -> None:
    """However few they are among all: a hundredth of a percent does not burn the budget."""
    name, counter = "MapperOverloadedWarning", 'mapper_errors_total{job="mapper", error_code='
    away = f'{counter}"OVERLOADED"}}'
    others = {f'{counter}"REQUEST_TIMEOUT"}}': "0+60x60"}
    values = "0x10 2+2x19 40x30"
    Replay(evaluate_s=30, series=series([Phase(HOUR)]) | {away: values} | others).check(
        tmp_path,
        [
            firing(12 * MINUTE, 0, name),
            firing(22 * MINUTE, 1, name, priority="P2"),
            firing(22 * MINUTE, 0, "MapperAvailabilityBurnFast"),
            firing(45 * MINUTE, 0, name),
        ],
    )


def test_metrics_absent(tmp_path: Path) -> None:
    name, wait = "MapperMetricsAbsent", SLO.guards.absent.seconds
    # Nobody scrapes for a quarter of an hour; a series without samples is stale after 5 minutes.
    gone = 5 * MINUTE
    values = f"{'0 ' * 10}{'_ ' * 15}{'0 ' * 10}"
    Replay(
        groups=["mapper-slo-absent"],
        evaluate_s=30,
        series={'mapper_requests_total{job="mapper", detector="other"}': values},
    ).check(
        tmp_path,
        [
            firing(10 * MINUTE, 0, name),
            firing(9 * MINUTE + gone + wait - MINUTE, 0, name),
            firing(9 * MINUTE + gone + wait + MINUTE, 1, name, priority="P1"),
            firing(26 * MINUTE, 0, name),
        ],
    )


def test_silence_and_health_fire_nothing(tmp_path: Path) -> None:
    for phase in (Phase(HOUR, per_minute=0), Phase(HOUR)):
        expected = [Expectation(HOUR, "count(ALERTS) or vector(0)", (0,))]
        Replay(series=series([phase])).check(tmp_path, expected)


def test_mishaps_in_a_quiet_hour_fire_nothing(tmp_path: Path) -> None:
    """Every second item of two a minute fails, is slow, invalid and falls back; then few do."""
    half = Phase(4 * MINUTE, 2, errors=0.5, invalid=0.5, fallbacks=0.5, took={0.3: 0.5})
    phases = [half, Phase(2 * HOUR, per_minute=2)]
    expected = [
        Expectation(at * MINUTE, "count(ALERTS{alertstate='firing'}) or vector(0)", (0,))
        for at in (5, 20, 60)
    ]
    Replay(evaluate_s=30, series=series(phases)).check(tmp_path, expected)


@pytest.mark.parametrize(("per_minute", "fires"), [(3, 0), (5, 1)])
def test_a_level_of_few_events_is_no_level(per_minute: int, fires: int, tmp_path: Path) -> None:
    """All is bad; with fewer than 20 events in 5 minutes it is the budgets' to alert."""
    all_bad = Phase(HOUR // 2, per_minute, errors=1, invalid=1, fallbacks=1, took={0.3: 1})
    names = {level_name(o, a) for o, a in LEVELS} | {"MapperDetectorLatencyP95Warning"}
    Replay(series=series([all_bad])).check(
        tmp_path,
        [
            *(firing(HOUR // 2, fires, name) for name in names),
            firing(HOUR // 2, 1, "MapperAvailabilityBurnFast", burn_rate="14.4"),
        ],
    )


def test_deployments_are_told_apart(tmp_path: Path) -> None:
    failing = series([Phase(HOUR, errors=0.5)], namespace="staging")
    healthy = series([Phase(HOUR)], namespace="production")
    name = "MapperAvailabilityCritical"
    Replay(groups=groups("availability"), series=failing | healthy).check(
        tmp_path,
        [
            firing(HOUR, 1, name, namespace="staging"),
            firing(HOUR, 0, name, namespace="production"),
        ],
    )


def test_on_a_gpu_only_the_latency_objective_differs(tmp_path: Path) -> None:
    """Answers of 0.15 s spend its budget and page nobody; beyond 0.25 s they page as anywhere."""
    half = HOUR // 2
    phases = [Phase(half, took={0.175: 1.0}), Phase(half, took={0.3: 1.0})]
    Replay(rules=GPU_RULES, groups=groups("latency"), series=series(phases)).check(
        tmp_path,
        [
            Expectation(half, 'sum(mapper:slo_errors:ratio30m{slo="latency"})', (1,)),
            Expectation(half, "count(ALERTS) or vector(0)", (0,)),
            firing(HOUR, 1, "MapperLatencyP95Critical", priority="P1"),
        ],
    )


def test_every_alert_is_tested_here() -> None:
    """By name; a new alert needs its own replay."""
    tested = {level_name(o, a) for o, a in LEVELS}
    for o, b in BURNS:
        tested.add(f"Mapper{FACES[o.indicator]}Burn{'Fast' if b.rate >= 6 else 'Slow'}")
    tested |= {"MapperLatencyWindowsBurnSlow", "MapperDetectorLatencyP95Warning"}
    tested |= {"MapperMetricsAbsent", "MapperOverloadedWarning"}
    tested.add("MapperDetectorDrift")  # tests/slo/test_drift.py
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    assert {r["alert"] for g in rules for r in g["rules"] if "alert" in r} == tested
