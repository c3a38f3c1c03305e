"""Drift by detector: the recorded shares, the test, and when the alert fires."""

import math
from pathlib import Path

import pytest

from schemas.slo import Outcome, load_slo
from tests.slo.promtool import HOUR, Expectation, Replay, firing

pytestmark = [pytest.mark.slow, pytest.mark.prometheus]

SLO = load_slo()
DRIFT = SLO.drift
DAY = DRIFT.window.seconds
WEEK = DRIFT.reference.seconds
ALERT = "MapperDetectorDrift"
#: Coarse: what is judged are a day's counts.
STEP = HOUR // 2


def counted(name: str, detector: str, *phases: tuple[int, float]) -> dict[str, str]:
    """A day's count, by the seconds that it stays at a number."""
    values = " ".join(f"{a_day:g}x{seconds // STEP - 1}" for seconds, a_day in phases)
    return {f'mapper:detector_{name}:increase1d{{job="mapper", detector="{detector}"}}': values}


def detector(
    name: str, a_day: float, outcome: Outcome, before: float, after: float, days: int = 8
) -> dict[str, str]:
    """A detector's counts over a week and a day in which a share changed, or the last of it."""
    earlier = (days - 1) * DAY
    gone = f"_x{(WEEK - earlier) // STEP} " if earlier < WEEK else ""
    # The count of the week's last day stands at its end.
    phases = [(earlier + STEP, before), (DAY + STEP, after)] if earlier else [(DAY, after)]
    shares = counted(outcome, name, *((seconds, a_day * share) for seconds, share in phases))
    items = counted("items", name, *((seconds, a_day) for seconds, _ in phases))
    return {series: gone + values for series, values in (items | shares).items()}


def replay(series: dict[str, str]) -> Replay:
    return Replay(
        groups=["mapper-drift", "mapper-drift-alerts"],
        scrape_s=STEP,
        evaluate_s=STEP,
        series=series,
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_a_share_that_rose_alerts_and_others_do_not(outcome: Outcome, tmp_path: Path) -> None:
    series = (
        detector("risen", 1000, outcome, 0.02, 0.12)
        | detector("steady", 1000, outcome, 0.3, 0.3)
        | detector("little", 100_000, outcome, 0.02, 0.06)
        | detector("by chance", 200, outcome, 0.1, 0.16)
        | detector("fallen", 1000, outcome, 0.5, 0.1)
        | detector("rare", 190, outcome, 0, 1)
        | detector("new", 10_000, outcome, 0, 1, days=1)
    )
    end, chosen = WEEK + DAY + STEP, f'{{detector="risen", outcome="{outcome}"}}'
    replay(series).check(
        tmp_path,
        [
            firing(WEEK - STEP, 0, ALERT),
            Expectation(end, f"sum(mapper:detector_drift:ratio1d{chosen})", (0.12,)),
            Expectation(end, f"sum(mapper:detector_drift:ratio_reference7d{chosen})", (0.02,)),
            Expectation(end, 'sum(mapper:detector_items:reference7d{detector="risen"})', (7000,)),
            firing(end, 1, ALERT, detector="risen", outcome=outcome, priority="P2"),
            firing(end, 1, ALERT),
        ],
    )


def test_the_recorded_test_is_the_textbooks(tmp_path: Path) -> None:
    """Of a day with 12 % of 1000 and a week with 2 % of 7000."""
    a, b, c, d = 120, 880, 140, 6860
    n = a + b + c + d
    wanted = n * (abs(a * d - b * c) - n / 2) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
    expr = 'sum(mapper:detector_drift:chi_square{outcome="unknown"})'
    replay(detector("risen", 1000, Outcome.UNKNOWN, 0.02, 0.12)).check(
        tmp_path, [Expectation(WEEK + DAY + STEP, f"abs({expr} / {wanted} - 1) < bool 1e-9", (1,))]
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_a_day_of_counters_is_counted_whole(outcome: Outcome, tmp_path: Path) -> None:
    """600 items an hour, 60 of them with the outcome, and a silence of six hours."""
    chosen = 'job="mapper", detector="presidio"'
    counters = {
        Outcome.UNKNOWN: f"mapper_unknown_total{{{chosen}}}",
        Outcome.LOW_CONFIDENCE: f'mapper_fallback_total{{{chosen}, reason="low_confidence"}}',
        Outcome.OVERRIDDEN: f"mapper_override_total{{{chosen}}}",
        Outcome.UNREAD: f'mapper_fallback_total{{{chosen}, reason="unread"}}',
    }
    steps, quiet = 18 * HOUR // 150, 6 * HOUR // 150
    requests = f'mapper_requests_total{{{chosen}, status="success"}}'
    series = {
        requests: f"0+25x{steps} {25 * steps}x{quiet}",
        counters[outcome]: f"0+2.5x{steps} {2.5 * steps}x{quiet}",
    }
    found = f"round(sum(mapper:detector_{outcome}:increase1d), 10)"
    Replay(groups=["mapper-drift-counts"], scrape_s=150, evaluate_s=150, series=series).check(
        tmp_path,
        [
            Expectation(DAY, found, (1080,)),
            Expectation(DAY, "round(sum(mapper:detector_items:increase1d), 100)", (10_800,)),
        ],
    )


@pytest.mark.parametrize(("p", "critical"), [(0.05, 3.841), (0.01, 6.635), (0.0001, 15.137)])
def test_the_critical_value_is_the_tables(p: float, critical: float) -> None:
    drift = DRIFT.model_copy(update={"p": p})
    assert drift.chi_square == pytest.approx(critical, abs=0.001)
    assert math.erfc(math.sqrt(critical / 2)) == pytest.approx(p, rel=0.01)
