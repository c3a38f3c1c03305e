"""What the bench of `mapper bulk` maps, and what its block says."""

import json
from pathlib import Path

from bench import bulk_ways
from bench.bulk import Loop, Measured, Run, render
from bench.harness.rows import make_rows


def test_rows_have_each_different_output(tmp_path: Path) -> None:
    make_rows(tmp_path / "rows.jsonl", 200, 20, seed=1)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").open()]
    assert [row["id"] for row in rows] == list(range(200))
    assert len({row["output"] for row in rows}) == 20


def test_a_loops_time_for_all_rows_is_said_to_be_computed() -> None:
    runs = [Run(1_000, 10, False, 100, 9, 250), Run(10_000, 10, True, 600, 90, 280)]
    loops = [Loop("a loop", timed=5, seconds=2), Loop("another", reason="no engine here")]
    block = render(Measured(runs, loops))
    assert "| a loop | 1,000 | 10 | - | 400, computed |" in block
    assert "a loop: 5 rows took 2 s." in block
    assert "Not measured: another: no engine here." in block
    assert "**missed** by 100 %" in block
    assert block.count("met |") == 2


def test_what_many_rows_cost_is_computed_from_the_runs() -> None:
    """50 pairs per second at an endpoint, and 90 s of CPU for 10,000 rows."""
    runs = [Run(1_000, 5_000, False, 100, 9, 250), Run(10_000, 10, True, 600, 90, 280)]
    block = render(Measured(runs, []))
    assert "maps 50 different pairs per second" in block
    assert "1 million pairs take 5.56 hours at one and 16.7 minutes at 20" in block
    assert "2500 CPU-hours per billion rows, 25000 for 10 billion" in block


def test_wide_rows_are_judged_by_the_peak_of_memory(tmp_path: Path) -> None:
    make_rows(tmp_path / "rows.jsonl", 20, 20, seed=1, extra_bytes=2_000)
    assert all(len(json.loads(line)["text"]) == 2_000 for line in (tmp_path / "rows.jsonl").open())
    runs = {0: Run(1_000, 20, False, 1, 1, 200), 2_000: Run(1_000, 20, False, 2, 2, 1_100)}
    block = bulk_ways.render_wide(bulk_ways.Wide(runs))
    assert "| 2,000 | 1,000 | 2 | 2 | 1100 |" in block
    assert "**missed** by 10 %" in block


def test_stand_ins_are_compared_with_the_least_time() -> None:
    ways = {"--url": Run(10_000, 500, False, 20, 1, 100)}
    stand_ins = {1: Run(10_000, 500, False, 16, 1, 100), 2: Run(10_000, 500, False, 8, 1, 100)}
    block = bulk_ways.render(bulk_ways.Measured(ways, stand_ins))
    assert "| `mapper bulk --url` | 10,000 | 500 | 20 | 1 | 100 |" in block
    assert "| 1 | 10,000 | 500 | 16 | 15 |" in block
    assert "| 2 | 10,000 | 500 | 8 | 7.5 |" in block
