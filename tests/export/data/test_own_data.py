"""`make train DATA=`: rows of an operator's own are trained on, wrong ones are named by line."""

import json
from pathlib import Path

import pytest

from export.data.folds import split
from export.data.items import Item, build_items
from export.data.labelled import DataError
from export.data.own import own_rows
from export.training.train import main

pytestmark = pytest.mark.export

SECRET = ("SECRET.ApiKey",)


def labelled(folder: Path, *rows: tuple[str, object, list[str]]) -> Path:
    file = folder / "own.jsonl"
    lines = [json.dumps({"detector": d, "output": o, "gold": g}) for d, o, g in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def items_of(file: Path) -> list[Item]:
    return build_items([*split("final")[0], *own_rows(file)])


def test_own_words_are_trained_on_beside_the_projects(tmp_path: Path) -> None:
    items = items_of(labelled(tmp_path, ("house-guard", "vault drip", ["SECRET.ApiKey"])))
    [item] = [item for item in items if item.text == "vault drip"]
    assert (item.answer, item.curated, item.detector) == (SECRET, True, None)


def test_a_meaning_of_ones_own_holds_under_ones_own_detector(tmp_path: Path) -> None:
    items = items_of(labelled(tmp_path, ("house-guard", "hate speech", ["SECRET.ApiKey"])))
    assert [i.detector for i in items if i.text == "hate speech" and i.answer == SECRET] == [
        "house-guard"
    ]


def test_the_signal_of_a_whole_output_is_what_is_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = json.dumps({"flagged": True, "categories": {"vault drip": True, "hate": False}})
    several = json.dumps({"categories": {"vault drip": True, "hate": True}})
    file = labelled(
        tmp_path,
        ("house-guard", output, ["SECRET.ApiKey"]),
        ("house-guard", several, ["SECRET.ApiKey", "HARM.SPEECH.Hate.Other"]),
    )
    assert [(row.output, row.line) for row in own_rows(file)] == [("vault drip", 1)]
    assert "1 of 2 rows are trained on" in capsys.readouterr().err


def test_rows_of_the_gate_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detector = split("final")[1][0].detector
    own_rows(labelled(tmp_path, (detector, "vault drip", ["SECRET.ApiKey"])))
    assert "1 are of gate families" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("x", "y", ["SECRET.Nope"])], r"own\.jsonl:1: gold\[0\]: 'SECRET.Nope' is not a label"),
        (
            [("x", "vault drip", ["SECRET.ApiKey"]), ("x", "Vault-Drip", ["SECRET.Other"])],
            r"own\.jsonl:2: gold: 'Vault-Drip' of x is SECRET.ApiKey in line 1",
        ),
        (
            [("presidio", "US_SSN", ["SECRET.Other"])],
            r"own\.jsonl:1: .* is PII.Identifier.SSN in export/data/vocabulary.jsonl",
        ),
        ([("x", "{}", ["OTHER.Safe"])], "no row has exactly one signal"),
    ],
)
def test_a_wrong_row_is_named(
    rows: list[tuple[str, object, list[str]]], problem: str, tmp_path: Path
) -> None:
    file = labelled(tmp_path, *rows)
    with pytest.raises(DataError, match=problem):
        own_rows(file)
    with pytest.raises(SystemExit, match=problem):
        main(["--data", str(file)])


def test_the_first_stage_reads_no_vocabulary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--fold", "meanings", "--data", str(labelled(tmp_path, ("x", "y", ["OTHER.Safe"])))])
    assert "does not train on detectors' vocabularies" in capsys.readouterr().err
