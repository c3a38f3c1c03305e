"""The recorded series: what the document's queries say, and the arithmetic of the budgets."""

from pathlib import Path

import pytest

from schemas.slo import Indicator, Span, load_slo
from tests.slo.promtool import HOUR, MINUTE, Expectation, Replay
from tests.slo.traffic import Phase, series

pytestmark = [pytest.mark.slow, pytest.mark.prometheus]

SLO = load_slo()
MIXED = Phase(HOUR, errors=0.03, invalid=0.02, fallbacks=0.2, took={0.2: 0.3, 0.3: 0.08})


@pytest.mark.parametrize(
    ("document", "recorded"),
    [
        (
            "histogram_quantile(0.95, "
            "sum(rate(mapper_request_duration_seconds_bucket[5m])) by (le))",
            "mapper:request_duration_seconds:p95_5m",
        ),
        (
            '100 * (sum(rate(mapper_schema_validation_total{valid="true"}[5m])) / '
            "sum(rate(mapper_schema_validation_total[5m])))",
            '100 - 100 * mapper:slo_errors:ratio5m{slo="schema_valid"}',
        ),
        (
            "100 * (sum(rate(mapper_fallback_total[5m])) / sum(rate(mapper_requests_total[5m])))",
            '100 * mapper:slo_errors:ratio5m{slo="fallback"}',
        ),
        (
            '100 * (sum(rate(mapper_requests_total{status="success"}[5m])) / '
            "sum(rate(mapper_requests_total[5m])))",
            '100 - 100 * mapper:slo_errors:ratio5m{slo="availability"}',
        ),
    ],
    ids=["latency", "schema_valid", "fallback", "availability"],
)
def test_the_documents_own_queries_say_the_same(
    document: str, recorded: str, tmp_path: Path
) -> None:
    same = f"abs(sum({recorded}) - {document}) < bool 1e-9"
    Replay(series=series([MIXED])).check(tmp_path, [Expectation(HOUR, same, (1,))])


def test_the_share_of_bad_events(tmp_path: Path) -> None:
    """Of 6000 a minute, over an hour."""
    wanted = {"latency": 0.08, "schema_valid": 0.02, "fallback": 0.2, "availability": 0.03}
    expected = [
        Expectation(HOUR, f'round(sum(mapper:slo_errors:ratio{w}{{slo="{slo}"}}), 1e-6)', (share,))
        for slo, share in wanted.items()
        for w in ("5m", "1h")
    ]
    events = 'round(sum(mapper:slo_events:increase30m{slo="availability"}))'
    expected.append(Expectation(HOUR, events, (180_000,)))
    Replay(series=series([MIXED])).check(tmp_path, expected)


@pytest.mark.parametrize("indicator", Indicator)
def test_half_of_the_budget_is_left(indicator: Indicator, tmp_path: Path) -> None:
    budget = SLO.objectives[indicator].budget
    half = budget / 2
    shares = Phase(8 * HOUR, errors=half, invalid=half, fallbacks=half, took={0.3: half})
    left = f'round(sum(mapper:slo_error_budget_remaining:ratio30d{{slo="{indicator}"}}), 0.001)'
    group = f"mapper-slo-{indicator.replace('_', '-')}"
    Replay(groups=[group], series=series([shares])).check(
        tmp_path, [Expectation(8 * HOUR, left, (0.5,))]
    )


def test_budgets_weigh_events_not_minutes(tmp_path: Path) -> None:
    """A bad night with a tenth of the traffic: 1 % of 1000 a minute after none of 9000 is 0.1 %,
    all that availability may have."""
    phases = [Phase(8 * HOUR, 9000), Phase(8 * HOUR, 1000, errors=0.01)]
    left = 'sum(mapper:slo_error_budget_remaining:ratio30d{slo="availability"})'
    Replay(
        groups=["mapper-slo-availability"], evaluate_s=150, scrape_s=150, series=series(phases, 150)
    ).check(tmp_path, [Expectation(16 * HOUR, f"round({left}, 0.02)", (0,))])


def test_a_budget_can_be_overspent(tmp_path: Path) -> None:
    left = 'round(sum(mapper:slo_error_budget_remaining:ratio30d{slo="availability"}), 0.01)'
    Replay(groups=["mapper-slo-availability"], series=series([Phase(HOUR, errors=0.003)])).check(
        tmp_path, [Expectation(HOUR, left, (-2,))]
    )


def test_long_windows_count_as_short_ones_do(tmp_path: Path) -> None:
    """6 hours are summed from recorded counts, 2 hours from the counters."""
    hourly = 6000 * 60 * 0.2
    sums = [
        Expectation(6 * HOUR, f'round(sum({name}{{slo="fallback"}}) / {hourly}, 0.1)', (hours,))
        for name, hours in (
            ("mapper:slo_errors:increase2h", 2),
            ("mapper:slo_errors:increase6h", 6),
        )
    ]
    phase = Phase(6 * HOUR + 10 * MINUTE, fallbacks=0.2)
    # Counts are summed on the assumption of a look each 30 seconds.
    Replay(groups=["mapper-slo-fallback"], evaluate_s=30, series=series([phase])).check(
        tmp_path, sums
    )


def test_windows_over_the_objective_are_those_with_traffic(tmp_path: Path) -> None:
    over = "sum(mapper:latency_window_over:bool5m)"
    phases = [
        Phase(10 * MINUTE, took={0.25: 1.0}),
        Phase(10 * MINUTE, took={0.3: 1.0}),
        Phase(10 * MINUTE, per_minute=0),
    ]
    Replay(groups=["mapper-slo-p95"], series=series(phases)).check(
        tmp_path,
        [
            Expectation(10 * MINUTE, over, (0,)),
            Expectation(20 * MINUTE, over, (1,)),
            Expectation(30 * MINUTE, over, ()),
        ],
    )


def test_nothing_is_recorded_of_nothing(tmp_path: Path) -> None:
    """No NaN, which would stay in every sum."""
    expected = [
        Expectation(HOUR, f"count({name})", ())
        for name in (
            "mapper:slo_errors:ratio5m",
            "mapper:slo_error_budget_remaining:ratio30d",
            "mapper:request_duration_seconds:p95_5m",
        )
    ]
    Replay(series=series([Phase(HOUR, per_minute=0)])).check(tmp_path, expected)


def test_a_burn_rate_spends_what_it_is_known_to_spend() -> None:
    """The SRE Workbook's table: 2 % of 30 days in an hour at 14.4, 5 % in 6 hours at 6, ..."""
    spent = {b.rate: round(b.rate * b.long.seconds / SLO.period.seconds, 9) for b in SLO.burn_rates}
    assert spent == {14.4: 0.02, 6.0: 0.05, 3.0: 0.1, 1.0: 0.1}


def test_the_limits_of_the_burn_rates() -> None:
    limits = {
        indicator: [burn.error_ratio(objective) for burn in SLO.burn_rates]
        for indicator, objective in SLO.objectives.items()
    }
    assert limits == {
        Indicator.LATENCY: [0.72, 0.3, 0.15, 0.05],
        Indicator.SCHEMA_VALID: [0.072, 0.03, 0.015, 0.005],
        Indicator.FALLBACK: [None, 0.6, 0.3, 0.1],
        Indicator.AVAILABILITY: [0.0144, 0.006, 0.003, 0.001],
    }


def test_the_windows_are_the_documents() -> None:
    assert [str(w) for w in SLO.windows] == [
        "5m",
        "15m",
        "30m",
        "1h",
        "2h",
        "6h",
        "1d",
        "3d",
        "30d",
    ]
    assert SLO.windows[-1] == Span("30d", 30 * 24 * HOUR)
