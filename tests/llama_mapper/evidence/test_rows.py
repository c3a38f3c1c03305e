"""Rows of `mapper bulk` as evidence."""

import json
from pathlib import Path

from tests.llama_mapper.evidence.answers import lines
from tests.support.command_line import mapper


def test_rows_of_bulk_are_evidence_as_lines_of_batch_are(url: str, tmp_path: Path) -> None:
    said = [("presidio", "EMAIL_ADDRESS"), ("llama-guard-3", "unsafe\nS10"), ("presidio", "[]")]
    rows = [
        {"guard": detector, "output": output, "at": f"2026-11-0{day}T10:00:00Z", "who": "north"}
        for day, (detector, output) in enumerate(said * 2, 1)
    ]
    rows.append({"guard": "presidio", "output": "EMAIL_ADDRESS", "at": None, "who": "north"})
    file, mapped = tmp_path / "rows.jsonl", tmp_path / "mapped.jsonl"
    file.write_text("\n".join(lines(rows)))
    done = mapper(url, "bulk", str(file), str(mapped), "--detector-column", "guard")
    assert done.exit_code == 0, done.stderr

    names = ("--detector-column", "guard", "--tenant-column", "who")
    out = tmp_path / "evidence"
    command = ("evidence", str(mapped), "--out", str(out), "--by", "day")
    done = mapper(url, *command, "--time-column", "at", *names)
    assert done.exit_code == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    [rejected] = (out / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected) == {"line": 7, "problem": "has no text in the field 'at'"}

    items = [{"detector": row["guard"], "output": row["output"]} for row in rows[:6]]
    file.write_text("\n".join(lines(items)))
    batch = tmp_path / "batch.jsonl"
    batch.write_text(mapper(url, "batch", str(file), "--json").stdout)
    direct = tmp_path / "direct"
    assert mapper(url, "evidence", str(batch), "--out", str(direct)).exit_code == 0
    same = json.loads((direct / "summary.json").read_text())
    assert same["by_label"] == summary["by_label"]
    assert same["by_control"] == summary["by_control"]
    kept = [json.loads(line)["event"] for line in (out / "events.jsonl").read_text().splitlines()]
    assert [one["provenance"]["tenant_id"] for one in kept] == ["north"] * 6
    assert kept[0]["provenance"]["ts"] == "2026-11-01T10:00:00Z"


def test_rows_of_bulk_without_the_name_of_their_time_are_rejected(url: str, tmp_path: Path) -> None:
    file, mapped, out = tmp_path / "rows.jsonl", tmp_path / "mapped.jsonl", tmp_path / "evidence"
    file.write_text(json.dumps({"detector": "presidio", "output": "EMAIL_ADDRESS"}))
    assert mapper(url, "bulk", str(file), str(mapped)).exit_code == 0
    assert mapper(url, "evidence", str(mapped), "--out", str(out)).exit_code == 0
    assert "--time-column" in (out / "rejected.jsonl").read_text()
