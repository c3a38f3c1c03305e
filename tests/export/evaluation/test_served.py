"""`make evaluate DATA=`: a version on labelled lines, as served."""

import json
from pathlib import Path
from typing import Any

import pytest

from export.data.rows import DATA, Row
from export.evaluation.evaluate import MODEL_FOLDER, main, version_directory
from export.evaluation.served import decide, report
from pipeline.local import LocalPipeline
from tests.export.evaluation.labelled_files import GOOD, Write

pytestmark = pytest.mark.export

COMPOSITES = DATA / "composites.jsonl"


@pytest.fixture(scope="module")
def served() -> LocalPipeline:
    """The newest published version: `make test` publishes one where there is none."""
    return LocalPipeline(version_directory(MODEL_FOLDER, None))


def test_the_curated_words_of_a_known_detector_are_right_and_sure(served: LocalPipeline) -> None:
    rows = [
        Row("presidio", "US_SSN", ("PII.Identifier.SSN",)),
        Row("llama-guard-3", "unsafe\nS10", ("HARM.SPEECH.Hate.Other",)),
        Row("openai-moderation", "[]", ("OTHER.Safe",)),
        Row("openai-moderation", "", ("OTHER.Unknown",)),
    ]
    found = report(served, rows)
    for figures in found.at.values():
        assert figures["exact"] == figures["macro_over_detectors"] == figures["micro_f1"] == 1
        assert figures["by_curation"] == {"curated": {"rows": 4, "exact": 1.0}}
        assert figures["schema_valid"] == 1


def test_a_decision_is_the_one_the_service_makes(served: LocalPipeline) -> None:
    """A word that nobody knows: at threshold 0 the model's guess stands, else it yields."""
    [decided] = decide(served, [Row("no-such-guard", "zxqv wlkj", ("OTHER.Unknown",))])
    assert decided[0.0].source == "model"
    assert decided[0.0].event["provenance"]["model"] == served.model_id  # type: ignore[index]
    unsure = decided[0.0].confidence < 0.6
    assert (decided[0.6].fallback_reason == "low_confidence") == unsure


def test_the_command_prints_and_writes_every_figure_of_the_contract(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(*COMPOSITES.read_text("utf-8").splitlines()[:20])
    out = tmp_path / "report.json"
    assert main(["--data", str(data), "--json", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    assert found["rows"] == 20
    assert found["version"] == int(version_directory(MODEL_FOLDER, None).name)
    assert list(found["thresholds"]) == ["0", "0.6"]
    for figures in found["thresholds"].values():
        for key in ("exact", "micro_f1", "sure_coverage", "ece", "schema_valid", "fallback"):
            assert 0 <= figures[key] <= 1
        assert figures["exact_interval"][0] <= figures["exact"] <= figures["exact_interval"][1]
        assert sum(group["rows"] for group in figures["by_category"].values()) == 20
    printed = capsys.readouterr().out
    assert f"{found['thresholds']['0']['exact']:.1%}" in printed
    assert found["model"] in printed


def test_wrong_rows_are_listed_with_their_lines(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = '{"detector": "presidio", "output": "US_SSN", "gold": ["OTHER.Safe"]}'
    out = tmp_path / "report.json"
    assert main(["--data", str(write(GOOD, "", wrong)), "--json", str(out)]) == 0
    [row] = json.loads(out.read_text("utf-8"))["wrong"]
    assert (row["line"], row["detector"], row["output"]) == (3, "presidio", "US_SSN")
    assert (row["gold"], row["answered"]) == (["OTHER.Safe"], ["PII.Identifier.SSN"])
    printed = capsys.readouterr().out
    assert "wrong at threshold 0.6: 1 of 2 rows" in printed
    assert "labelled.jsonl:3: presidio: US_SSN" in printed
    assert "gold OTHER.Safe, answered PII.Identifier.SSN" in printed


def test_the_command_fails_with_the_reason(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(write("{"))]) == 1
    assert "labelled.jsonl:1: (line): not JSON" in capsys.readouterr().err
    assert main(["--data", str(write(GOOD)), "--version", "999999"]) == 1
    assert "VERSION=999999: is not published" in capsys.readouterr().err
    (tmp_path / "1").mkdir()
    assert main(["--data", str(write(GOOD)), "--model-folder", str(tmp_path)]) == 1
    assert "no version is published; run `make export-model`" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--json", str(tmp_path / "report.json")])
