"""The bench's arithmetic and rendering, and a contender in its own process; no figures."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import levers, report, service_load
from bench.contenders import Ask, UnavailableError
from bench.harness import assets, rounds, stats
from bench.harness.stack import FACADE, MODEL, TRITON
from bench.harness.workers import Worker
from bench.load import scrapes
from bench.report import Target
from tests.support import tiny_llama
from tools import markdown

ROOT = Path(__file__).parents[2]


def test_a_timing_is_median_and_95th_percentile_in_milliseconds() -> None:
    timing = stats.timing([i / 1000 for i in range(101)])

    assert timing == stats.Timing(101, pytest.approx(50), pytest.approx(95))


def test_nothing_measured_is_no_number() -> None:
    timing = stats.timing(())

    assert timing.count == 0
    assert math.isnan(timing.median)
    assert report.number(timing.p95) == report.share(timing.p95) == "-"


def test_what_a_layer_adds_is_the_median_of_the_differences() -> None:
    assert stats.median_difference_ms([0.010, 0.100, 0.030], [0.008, 0.001, 0.027]) == (
        pytest.approx(3)
    )


def test_interleaved_callables_answer_every_input_once_and_warm_ups_are_not_counted() -> None:
    calls: list[tuple[str, int]] = []

    def record(name: str, value: int) -> float:
        calls.append((name, value))
        return float(value)

    took = rounds.interleave(
        {name: lambda value, name=name: record(name, value) for name in ("a", "b")},
        list(range(12)),
        -1,
    )

    assert took == {"a": list(range(12)), "b": list(range(12))}
    blocks = 3
    assert calls.count(("a", -1)) == calls.count(("b", -1)) == blocks
    # Every block is answered by both before the next one begins.
    assert {value for _, value in calls[: len(calls) // blocks]} <= {-1, 0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("value", "at_least", "met"),
    [(5.0, False, True), (5.1, False, False), (4.9, True, False), (5.0, True, True)],
)
def test_a_target_is_met_on_its_limit(value: float, at_least: bool, met: bool) -> None:
    assert Target("a", value, 5, at_least=at_least).met is met


def test_what_was_not_measured_is_missed() -> None:
    target = Target("p95", float("nan"), 100, " ms")

    assert not target.met
    assert "| p95 | ≤ 100 ms | not measured | **missed** |" in report.targets([target])


def test_a_missed_target_says_by_how_much() -> None:
    table = report.targets([Target("p95", 125, 100, " ms"), Target("x", 4, 5, at_least=True)])

    assert "| p95 | ≤ 100 ms | 125 ms | **missed** by 25 % |" in table
    assert "| x | ≥ 5 | 4 | **missed** by 20 % |" in table


def test_the_load_is_judged_at_the_rates_that_were_driven() -> None:
    rate = service_load.Rate(
        100,
        p50=5,
        p95=20,
        p99=300,
        fallback=0.2,
        failed=0,
        cpu={MODEL: 0.3, TRITON: 0.1, FACADE: 0.1},
        hits=0.9,
        lag_p99=1,
    )
    waits = scrapes.Waits(count=1000, p50=2, p99=4, p999=9)
    scraping = scrapes.Scraping(waits, waits, 6, longest_turn_ms=8, series=9000, kilobytes=700)
    shown = service_load.render(service_load.Load({"50": rate}, 4, 1, scraping))

    assert "| 50 per second, p95 | ≤ 250 ms | 20 ms | met |" in shown
    assert "| 50 per second, fallback | ≤ 10 % | 20 % | **missed** by 100 % |" in shown
    assert "| p99 while `/metrics` is read, times without | ≤ 1.1 | 1 | met |" in shown
    assert "| 50 per second, CPU | ≤ 70 % | 50 % | met |" in shown
    faster = service_load.render(service_load.Load({"5": rate, "200": rate}, 4, 1, scraping))
    assert "| 200 per second, fallback | ≤ 10 % |" in faster
    assert "200 per second, CPU" not in faster
    assert "5 per second, p95" not in faster


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.0123"), (1.234, "1.23"), (45.67, "45.7"), (1234.5, "1234"), (99.99, "100")],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert report.number(value) == text


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        report.table(("a", "b", "c"), [("1", "2")])


def test_a_block_is_replaced_and_the_rest_of_the_page_stays() -> None:
    page = report.PAGE.read_text("utf-8")
    new = markdown.render(page, {"layers": "| new |\n"})

    before, after = "<!-- generated: layers -->", "<!-- end: layers -->"
    assert f"{before}\n| new |\n{after}" in new
    assert markdown.render(new, {"layers": "| new |\n"}) == new
    assert new.split(before)[0] == page.split(before)[0]
    assert new.split(after)[1] == page.split(after)[1]


@pytest.mark.parametrize("section", ["peers", "levers", "layers", "direct", "load"])
def test_the_page_has_a_place_for_every_section(section: str) -> None:
    markdown.render(report.PAGE.read_text("utf-8"), {section: ""})


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("version") / "1"
    tiny_llama.publish(path, seed=1)
    return path


def test_a_drafted_answer_is_the_undrafted_one_and_costs_no_more(version: Path) -> None:
    with (
        Worker(Path(sys.executable), "own_text", version=str(version), threads=1) as plain,
        Worker(
            Path(sys.executable), "own_text", version=str(version), threads=1, draft=True
        ) as drafted,
    ):
        [told] = plain.ask([Ask("custom-guard", "hate")]).told
        reply = drafted.ask([Ask("custom-guard", "hate", told.labels)])

    assert len(told.labels) == 1
    assert [one.labels for one in reply.told] == [told.labels]
    assert told.passes is not None
    assert all(one.passes is not None and one.passes <= told.passes for one in reply.told)
    assert reply.seconds > 0


def test_a_cached_answer_costs_no_pass(version: Path) -> None:
    ask = Ask("custom-guard", "hate")
    python = Path(sys.executable)
    with Worker(python, "own_engine", version=str(version), threads=1, cache=True) as worker:
        first, second = worker.ask([ask]).told[0], worker.ask([ask]).told[0]
        assert worker.resident_mb() > 0

    assert first.labels == second.labels
    assert first.passes != 0
    assert second.passes == 0


def test_a_profile_says_where_a_pass_of_the_served_graph_goes(version: Path) -> None:
    shares = levers.operators(version, [Ask("custom-guard", "hate")], threads=1)

    assert "MatMul" in shares
    assert 0 < sum(shares.values()) <= 1 + 1e-9


@pytest.mark.export
def test_the_base_is_made_into_versions_that_the_contenders_read(tmp_path: Path) -> None:
    quiet = os.environ | {"HF_HUB_OFFLINE": "1"}
    base, checkpoint, versions = (tmp_path / name for name in ("base", "checkpoint", "versions"))
    make = "tests.export.tiny_checkpoint"
    for command in (
        ("-m", make, base),
        ("-m", "bench.making.convert", checkpoint, base),
        ("-m", "bench.making.text_versions", versions, checkpoint),
    ):
        subprocess.run([assets.EXPORT, *command], check=True, env=quiet, cwd=ROOT)

    python, ask = Path(sys.executable), Ask("custom-guard", "hate", ("OTHER.Unknown",))
    for name in ("int8", "float32", "unsigned"):
        options = {"version": str(versions / name), "threads": 1}
        with Worker(python, "own_text", **options) as text:
            [told] = text.ask([ask]).told
        assert len(told.labels) == 1
        with Worker(python, "one_pass", answered=True, **options) as bound:
            assert [one.passes for one in bound.ask([ask]).told] == [1]


def test_an_engine_that_is_not_installed_is_unavailable_with_a_reason(version: Path) -> None:
    with pytest.raises(UnavailableError, match="xllamacpp"):
        Worker(Path(sys.executable), "llama_cpp", gguf="none", version=str(version), threads=1)


def test_an_environment_that_is_missing_is_unavailable_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="make bench"):
        Worker(tmp_path / "bin" / "python", "llama_cpp")


def test_a_contender_that_breaks_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)own_engine.*manifest\.json"):
        Worker(Path(sys.executable), "own_engine", version=str(tmp_path), threads=1)


def test_the_command_refuses_an_unknown_section() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "levers" in done.stderr
