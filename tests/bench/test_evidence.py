"""What the bench of `mapper evidence` reads, and what its block says."""

import json
from pathlib import Path

from bench.evidence.section import Measured, Spent, make_logs, render
from fallback.rules.catalog import load_detectors


def test_logs_are_of_curated_detectors_over_a_year(tmp_path: Path) -> None:
    make_logs(tmp_path / "logs.jsonl", 500)
    rows = [json.loads(line) for line in (tmp_path / "logs.jsonl").open()]
    assert len(rows) == 500
    assert {row["detector"] for row in rows} <= set(load_detectors())
    assert {row["at"][:4] for row in rows} == {"2026"}
    assert len({row["at"][:7] for row in rows}) == 12
    assert len({row["tenant"] for row in rows}) == 10


def test_the_block_has_both_commands_and_the_largest_files() -> None:
    sizes = {"events.jsonl": 900.0, "ocsf.jsonl": 500.0, "seal.json": 0.001, "report.html": 0.02}
    block = render(Measured(1_000_000, 800.0, Spent(60, 50, 95), Spent(20, 18, 80), sizes))
    assert "| `mapper evidence` | 1,000,000 | 800 | 1400 | 60 | 50 | 95 |" in block
    assert "| `mapper evidence --verify` | 1,000,000 | 1400 | - | 20 | 18 | 80 |" in block
    assert "`events.jsonl` 900 MB, `ocsf.jsonl` 500 MB, `report.html` 0.02 MB." in block
