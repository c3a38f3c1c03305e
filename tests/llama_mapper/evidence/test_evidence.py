"""`mapper evidence`: counts, forms that other tools take, and records that show tampering."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from trestle.oscal.assessment_results import AssessmentResults

from llama_mapper.evidence import (
    Answer,
    Catalogue,
    Outcome,
    Period,
    Rejected,
    read_answers,
    verify,
    write_evidence,
)
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy
from tests.llama_mapper.evidence.answers import SECRET_WORDS, answer, lines
from tests.support.command_line import mapper

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
    assert done.exit_code == 1, done.stderr  # lines are rejected
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


def test_incidents_are_counted_by_control_tenant_and_period(url: str, tmp_path: Path) -> None:
    rows = [
        answer("PII.Contact.Email", provenance={"tenant_id": tenant, "ts": f"{day}T05:42:11Z"})
        for tenant, day in (
            *(("north", "2026-11-29"), ("north", "2026-12-01"), ("south", "2026-12-01")),
            *(("south", "2026-12-02"), ("-cmd|'/C calc'!A0", "2026-12-02")),
        )
    ]
    (tmp_path / "mapped.jsonl").write_text("\n".join(lines([*rows, answer("OTHER.Safe")])))
    out = tmp_path / "evidence"
    mapper(url, "evidence", str(tmp_path / "mapped.jsonl"), "--out", str(out), "--by", "month")
    with (out / "controls.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    controls = load_frameworks().controls(["PII.Contact.Email"])
    expected = [
        {"period": period, "tenant": tenant, "framework": name, "control": id_, "incidents": count}
        for period, tenant, count in (
            *(("2026-11", "north", "1"), ("2026-12", "'-cmd|'/C calc'!A0", "1")),
            *(("2026-12", "north", "1"), ("2026-12", "south", "2")),
        )
        for name in sorted(controls)
        for id_ in sorted(controls[name])
    ]
    assert cells == expected
    summary = json.loads((out / "summary.json").read_text())
    [one] = [c for c in summary["by_control"] if (c["framework"], c["id"]) == ("SOC 2", "P4.1")]
    assert (one["incidents"], one["by_period"]) == (5, {"2026-11": 1, "2026-12": 4})
    assert one["by_tenant"] == {"-cmd|'/C calc'!A0": 1, "north": 2, "south": 2}
    assert "controls.csv" in (out / "report.html").read_text()
    assert verify(out) == []


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


BAD_LINES = [
    json.dumps(answer("PII.Contact.Email", provenance={"detector": "acme \ud800"})),
    json.dumps(answer("OTHER.Safe", provenance={"tenant_id": "\udfff"})),
    json.dumps(answer("PII.Contact.Email", confidence=float("nan"))),
    json.dumps(answer("OTHER.Safe", confidence=float("inf"))),
    json.dumps(answer("PII.Contact.Email", scores={"PII.Contact.Email": float("nan")})),
    json.dumps(answer("OTHER.Safe", provenance={"ts": "0001-01-01T00:00:00+14:00"})),
    json.dumps(answer("OTHER.Safe", provenance={"ts": "2026-11-29T05:42:11"})),
    json.dumps({"error": {"error_code": "\ud800"}}),
    '{"taxonomy": ["\xff"]}'.encode("latin-1"),
    "[" * 100_000,
]


@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_rejected_and_no_other_is_lost(
    bad: str | bytes, url: str, tmp_path: Path
) -> None:
    good = json.dumps(answer("PII.Contact.Email")).encode()
    (tmp_path / "mapped.jsonl").write_bytes(
        b"\n".join([good, bad if isinstance(bad, bytes) else bad.encode(), good])
    )
    out = tmp_path / "evidence"
    done = mapper(url, "evidence", str(tmp_path / "mapped.jsonl"), "--out", str(out))
    assert done.exit_code == 1
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["answers"], summary["rejected"]) == (2, 1)
    [rejected] = (out / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["line"] == 2
    assert json.loads(rejected)["problem"]
    assert verify(out) == []


def test_an_input_that_cannot_be_read_leaves_no_folder(tmp_path: Path) -> None:
    def found() -> Iterator[Answer | Rejected]:
        yield from read_answers(lines(ROWS))
        raise OSError("the disk is gone")

    place = tmp_path / "evidence"
    made, catalogue = datetime(2026, 11, 29, tzinfo=UTC), Catalogue("2026.11", (), {})
    with pytest.raises(OSError, match="gone"):
        write_evidence(found(), place, catalogue, period=Period.DAY, made=made, plan="#p")
    assert not place.exists()
