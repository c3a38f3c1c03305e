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


def test_stand_ins_are_compared_with_the_least_time() -> None:
    ways = {"--url": Run(10_000, 500, False, 20, 1, 100)}
    stand_ins = {1: Run(10_000, 500, False, 16, 1, 100), 2: Run(10_000, 500, False, 8, 1, 100)}
    block = bulk_ways.render(bulk_ways.Measured(ways, stand_ins))
    assert "| `mapper bulk --url` | 10,000 | 500 | 20 | 1 | 100 |" in block
    assert "| 1 | 10,000 | 500 | 16 | 15 |" in block
    assert "| 2 | 10,000 | 500 | 8 | 7.5 |" in block
