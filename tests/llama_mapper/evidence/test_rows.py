"""Rows of `mapper bulk` as evidence."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from llama_mapper.evidence import verify
from schemas.frameworks import load_frameworks
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
    assert done.exit_code == 1, done.stderr  # a row has no time
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
    assert [c["incidents"] for c in same["by_control"]] == [
        c["incidents"] for c in summary["by_control"]
    ]
    kept = [json.loads(line)["event"] for line in (out / "events.jsonl").read_text().splitlines()]
    assert [one["provenance"]["tenant_id"] for one in kept] == ["north"] * 6
    assert kept[0]["provenance"]["ts"] == "2026-11-01T10:00:00Z"


def test_rows_of_bulk_without_the_name_of_their_time_are_rejected(url: str, tmp_path: Path) -> None:
    file, mapped, out = tmp_path / "rows.jsonl", tmp_path / "mapped.jsonl", tmp_path / "evidence"
    file.write_text(json.dumps({"detector": "presidio", "output": "EMAIL_ADDRESS"}))
    assert mapper(url, "bulk", str(file), str(mapped)).exit_code == 0
    assert mapper(url, "evidence", str(mapped), "--out", str(out)).exit_code == 1
    assert "--time-column" in (out / "rejected.jsonl").read_text()


LOGS = [
    {"guard": "presidio", "output": "EMAIL_ADDRESS", "at": "2026-11-01T10:00:00Z", "who": "north"},
    {"guard": "presidio", "output": "US_SSN", "at": "2026-11-02T10:00:00Z", "who": "south"},
    {"guard": "llama-guard-3", "output": "safe", "at": "2026-12-03T10:00:00Z", "who": "north"},
]
NAMES = ("--time-column", "at", "--detector-column", "guard", "--tenant-column", "who")


def test_what_bulk_writes_is_the_same_evidence_in_every_format(url: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(LOGS)
    frame.write_csv(tmp_path / "in.csv")
    frame.write_parquet(tmp_path / "in.parquet")
    frame.write_ndjson(tmp_path / "in.jsonl")
    summaries = []
    for ending in ("jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "parquet"):
        source, target = tmp_path / f"in.{ending.split('.')[0]}", tmp_path / f"mapped.{ending}"
        done = mapper(url, "bulk", str(source), str(target), "--detector-column", "guard")
        assert done.exit_code == 0, done.stderr
        out = tmp_path / f"of-{ending}"
        done = mapper(url, "evidence", str(target), "--out", str(out), *NAMES)
        assert done.exit_code == 0, done.stderr
        summaries.append(json.loads((out / "summary.json").read_text()))
        assert verify(out) == []
    assert summaries[0]["outcomes"] == {"incident": 2, "open": 0, "clean": 1}
    assert summaries[0]["by_tenant"].keys() == {"north", "south"}
    assert summaries == [summaries[0]] * len(summaries)


def test_parts_of_bulk_are_named_by_a_pattern(url: str, tmp_path: Path) -> None:
    for part, row in enumerate(LOGS):
        source, target = tmp_path / f"in-{part}.jsonl", tmp_path / f"part-{part}.jsonl.gz"
        source.write_text(json.dumps(row))
        mapper(url, "bulk", str(source), str(target), "--detector-column", "guard")
    out = tmp_path / "evidence"
    done = mapper(url, "evidence", str(tmp_path / "part-*"), "--out", str(out), *NAMES, "--json")
    assert json.loads(done.stdout)["answers"] == 3, done.stderr


def test_a_damaged_file_is_said_and_leaves_no_folder(url: str, tmp_path: Path) -> None:
    (tmp_path / "mapped.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 1000)[:-10])
    out = tmp_path / "evidence"
    done = mapper(url, "evidence", str(tmp_path / "mapped.jsonl.gz"), "--out", str(out))
    assert done.exit_code == 1
    assert "is damaged" in done.stderr
    assert not out.exists()


VERSIONS = {"taxonomy": "2026.11", "frameworks": load_frameworks().version}


def as_columns(**other: Any) -> dict[str, Any]:
    """A row as an engine writes it, with a timestamp."""
    return {
        **{"detector": "presidio", "output": "US_SSN"},
        "at": datetime(2026, 11, 1, tzinfo=UTC),
        **{"mapped_taxonomy": ["PII.Identifier.SSN"], "mapped_confidence": 0.9},
        **{"mapped_source": "curated", "mapped_fallback_reason": None, "mapped_problem": None},
        "mapped_versions": json.dumps(VERSIONS),
        **other,
    }


def test_parquet_of_engines_is_evidence_and_rows_without_an_answer_are_rejected(
    url: str, tmp_path: Path
) -> None:
    none = dict.fromkeys(("mapped_taxonomy", "mapped_confidence", "mapped_source"))
    rows = [
        as_columns(),
        as_columns(**none, mapped_versions=None, mapped_problem="PAYLOAD_TOO_LARGE: secret"),
        as_columns(mapped_versions=None),
        as_columns(mapped_versions=json.dumps(VERSIONS | {"frameworks": "2001.01"})),
        as_columns(mapped_confidence=float("nan")),
    ]
    folder, out = tmp_path / "mapped", tmp_path / "evidence"
    folder.mkdir()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / "part-0.parquet")
    done = mapper(url, "evidence", str(folder), "--out", str(out), "--time-column", "at", "--json")
    assert json.loads(done.stdout)["answers"] == 1, done.stderr
    rejected = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rejected] == [2, 3, 4, 5]
    assert [row["problem"].split(";")[0] for row in rejected] == [
        "was not mapped: PAYLOAD_TOO_LARGE",
        "has no mapped_versions",
        "was mapped with frameworks 2001.01",
        "has the confidence nan, which is not from 0 to 1",
    ]


def test_rows_of_csv_that_are_cut_are_rejected(url: str, tmp_path: Path) -> None:
    source, mapped, out = (tmp_path / name for name in ("in.csv", "mapped.csv", "evidence"))
    pl.DataFrame(LOGS).write_csv(source)
    mapper(url, "bulk", str(source), str(mapped), "--detector-column", "guard")
    with mapped.open("a") as file:
        file.write("presidio,US_SSN\n")
    done = mapper(url, "evidence", str(mapped), "--out", str(out), *NAMES, "--json")
    assert (done.exit_code, json.loads(done.stdout)["answers"]) == (1, 3)
    [rejected] = (out / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected) == {"line": 5, "problem": "has 2 cells, line 1 has 9"}
