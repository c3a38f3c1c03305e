"""`mapper evidence`: counts, forms that other tools take, and records that show tampering."""

import csv
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from trestle.oscal.assessment_results import AssessmentResults

from llama_mapper.evidence import (
    Catalogue,
    Outcome,
    Period,
    Rejected,
    read_answers,
    verify,
    write_evidence,
)
from llama_mapper.evidence.chain import Chain
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy
from tests.support.command_line import mapper

SECRET_WORDS = "the planted words of a user"


def answer(*labels: str, **fields: Any) -> dict[str, Any]:
    """An answer of the service."""
    controls = load_frameworks().controls(labels)
    provenance = {"detector": "presidio", "model": "m", "route": "model", "tenant_id": None}
    provenance |= {"ts": "2026-11-29T05:42:11.102+00:00"} | fields.pop("provenance", {})
    return {
        "taxonomy": list(labels),
        "scores": dict.fromkeys(labels, 0.9),
        "confidence": 0.97,
        "label_confidence": dict.fromkeys(labels, 0.97),
        "notes": SECRET_WORDS,
        "provenance": provenance,
        "policy_context": {"frameworks": controls},
        "version_info": {"taxonomy": "2026.11", "rules": "2026.11-1", "model": "m"},
        "source": "model",
        "fallback_reason": None,
        "signals": [{"name": SECRET_WORDS}],
        "row": {"id": SECRET_WORDS},
        **fields,
    }


def lines(rows: Iterable[Any]) -> list[str]:
    return [json.dumps(row) for row in rows]


ROWS = [
    answer("PII.Contact.Email"),
    answer("PII.Contact.Email", "HARM.SPEECH.Threat", provenance={"tenant_id": "north"}),
    answer("OTHER.Safe"),
    answer("OTHER.NeedsReview", provenance={"detector": "acme-guard"}),
    answer("SECRET.Password", "OTHER.Unknown", provenance={"ts": "2026-12-01T00:30:00+02:00"}),
    {"line": 6, "error": {"error_code": "PAYLOAD_TOO_LARGE", "message": "", "retryable": False}},
    answer("PII.Contact.Email", version_info={"view": "2025.09"}),
    "no answer",
]


@pytest.fixture
def folder(url: str, tmp_path: Path) -> Path:
    """The evidence of `ROWS`."""
    file = tmp_path / "mapped.jsonl"
    file.write_text("\n".join(lines(ROWS)))
    done = mapper(url, "evidence", str(file), "--out", str(tmp_path / "evidence"), "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {
        "folder": str(tmp_path / "evidence"),
        **{"answers": 5, "incident": 3, "open": 1, "clean": 1, "rejected": 3},
    }
    return tmp_path / "evidence"


def test_incidents_are_counted_by_control_label_detector_tenant_and_period(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["by_label"] == {
        "PII.Contact.Email": 2,
        "HARM.SPEECH.Threat": 1,
        "SECRET.Password": 1,
    }
    assert summary["by_detector"]["acme-guard"] == {"incident": 0, "open": 1, "clean": 0}
    assert summary["by_tenant"]["north"] == {"incident": 1, "open": 0, "clean": 0}
    # 2026-12-01 00:30 at +02:00 is still November in UTC.
    assert [row["period"] for row in summary["by_period"]] == ["2026-11"]
    expected: dict[tuple[str, str], int] = {}
    for row in ROWS[:2] + ROWS[4:5]:
        assert isinstance(row, dict)
        for name, ids in row["policy_context"]["frameworks"].items():
            for id_ in ids:
                expected[name, id_] = expected.get((name, id_), 0) + 1
    found = {(c["framework"], c["id"]): c["incidents"] for c in summary["by_control"]}
    assert {key: count for key, count in found.items() if count} == expected
    assert len(found) == sum(len(f.controls) for f in load_frameworks().frameworks.values())
    assert all(control["title"] for control in summary["by_control"])
    assert summary["versions"]["rules"] == ["2026.11-1"]
    with (folder / "incidents.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert sum(int(cell["incidents"]) for cell in cells) == 4


def test_a_control_that_no_detector_of_the_answers_can_touch_is_named(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    uncovered = {(c["framework"], c["id"]) for c in summary["not_covered"]}
    # Presidio finds personal data and nothing else.
    assert ("SOC 2", "CC6.8") in uncovered
    assert ("SOC 2", "P4.1") not in uncovered
    assert summary["detectors_not_curated"] == ["acme-guard"]


def test_rejected_lines_have_their_reasons(folder: Path) -> None:
    rejected = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rejected] == [6, 7, 8]
    assert "PAYLOAD_TOO_LARGE" in rejected[0]["problem"]
    assert "2025.09" in rejected[1]["problem"]
    assert "is not an answer" in rejected[2]["problem"]


def test_grc_tools_and_siems_take_it(folder: Path) -> None:
    document = AssessmentResults.oscal_read(folder / "oscal.json")
    assert document is not None
    [result] = document.results
    assert result.observations
    events = (folder / "ocsf.jsonl").read_text().splitlines()
    findings = [DetectionFinding.model_validate_json(event) for event in events]
    assert len(findings) == 3
    assert len({finding.finding_info.uid for finding in findings}) == 3
    assert findings[1].finding_info.types == ["PII.Contact.Email", "HARM.SPEECH.Threat"]


def test_no_file_has_what_a_detector_said(folder: Path) -> None:
    for path in folder.iterdir():
        assert SECRET_WORDS not in path.read_text(), path.name


def test_the_page_needs_nothing_from_elsewhere(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert not re.search(r"<script|<link|src=|href=|url\(|@import", page)
    assert "PII.Contact.Email" in page


def test_a_folder_with_files_is_not_written_over(url: str, folder: Path, tmp_path: Path) -> None:
    done = mapper(url, "evidence", str(tmp_path / "mapped.jsonl"), "--out", str(folder))
    assert done.exit_code == 1
    assert "name a new folder" in done.stderr
    assert verify(folder) == []


def test_the_command_checks_a_folder(url: str, folder: Path) -> None:
    assert mapper(url, "evidence", "--verify", str(folder)).exit_code == 0
    (folder / "report.html").write_text("all is well")
    done = mapper(url, "evidence", "--verify", str(folder), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["problems"] == ["report.html: is not the sealed one"]


@pytest.mark.parametrize("arguments", [(), ("x.jsonl",), ("x.jsonl", "--verify", ".")])
def test_wrong_usage_is_said(url: str, arguments: tuple[str, ...]) -> None:
    assert mapper(url, "evidence", *arguments).exit_code == 2


def test_a_missing_file_is_named(url: str, tmp_path: Path) -> None:
    done = mapper(url, "evidence", str(tmp_path / "no.jsonl"), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "no.jsonl" in done.stderr


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_change_of_the_records_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("evidence") / "folder"
    rows = [answer("PII.Contact.Email", confidence=n / 10) for n in range(5)]
    made = datetime(2026, 11, 29, tzinfo=UTC)
    catalogue = Catalogue("2026.11", (), {})
    write_evidence(
        read_answers(lines(rows)), place, catalogue, period=Period.DAY, made=made, plan="#p"
    )
    records = (place / "events.jsonl").read_text().splitlines()
    change = data.draw(st.sampled_from(["remove", "swap", "repeat", "edit", "forge"]))
    at = data.draw(st.integers(0, 3))
    if change == "remove":
        del records[at + data.draw(st.integers(0, 1))]
    elif change == "swap":
        records[at], records[at + 1] = records[at + 1], records[at]
    elif change == "repeat":
        records.insert(at, records[at])
    elif change == "edit":
        records[at] = records[at].replace("PII.Contact.Email", "OTHER.Safe")
    else:  # every later hash is made anew
        chain = Chain()
        events = [json.loads(record)["event"] for record in records]
        events[at]["confidence"] = 0.99
        records = [chain.line(event).strip() for event in events]
    assert verify(place) == []
    (place / "events.jsonl").write_text("\n".join(records) + "\n")
    assert verify(place) != []


@given(st.lists(st.text(max_size=80) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["taxonomy", "provenance", "ts"]), inner),
).map(json.dumps)))  # fmt: skip
def test_any_line_is_an_answer_or_rejected(given_lines: list[str]) -> None:
    found = list(read_answers(given_lines))
    assert len(found) == sum(bool(line.strip()) for line in given_lines)
    assert all(isinstance(one, Rejected) for one in found)


def test_a_label_beside_an_open_one_is_an_incident() -> None:
    outcomes = [one.outcome for one in read_answers(lines(ROWS)) if not isinstance(one, Rejected)]
    assert outcomes == [
        *(Outcome.INCIDENT, Outcome.INCIDENT, Outcome.CLEAN),
        *(Outcome.OPEN, Outcome.INCIDENT),
    ]
    known = set(load_taxonomy().names)
    assert {
        label for row in ROWS[:5] if isinstance(row, dict) for label in row["taxonomy"]
    } <= known


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
