"""Small outputs by kind: what clears, and what must never read as clean.

`meaning.jsonl` holds them: `kind`, `output`, `gold` labels and, where several answers are right,
`accept`. Labels are the model's business and are not compared here; the tests below compare only
what reads as clean.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from said import said

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("meaning.jsonl").read_text(encoding="utf-8").splitlines()
]
_CLEAN = {"OTHER.Safe", "OTHER.LowRisk"}


def may_be_clean(row: dict[str, Any]) -> bool:
    return any(_CLEAN & set(labels) for labels in [row["gold"], *row.get("accept", [])])


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in ROWS}))
def test_only_what_is_clean_reads_as_clean(kind: str) -> None:
    rows = [row for row in ROWS if row["kind"] == kind]
    wrong = [r["output"] for r in rows if said(r["output"]) == "clean" and not may_be_clean(r)]
    assert wrong == []


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in ROWS}))
def test_what_is_clean_reads_as_clean(kind: str) -> None:
    rows = [r for r in ROWS if r["kind"] == kind and r["gold"] == ["OTHER.Safe"]]
    assert [r["output"] for r in rows if said(r["output"]) != "clean" and "accept" not in r] == []
