"""The stopwatch of `docs/own-detectors.md`: what it hides, what it corrects, and when it stops."""

import subprocess
from pathlib import Path

import pytest
import yaml

from bench.harness.stack import serving
from bench.own_detector import LABELS, PAGE, detectors, measure, report, reviewed, unseen_code
from export.data.folds import gate_rows, load_folds
from fallback.rules.catalog import load_detectors

GATE = load_folds().gate

DRAFT = {
    "file": "# doubtful: no\ndetector: acme\nmaps:\n  b: HARM.SPEECH.Insult\n  a: PII.Other\n"
    "  c: PII.Other\n",
    "entries": [
        {"word": "a", "state": "certain", "labels": ["PII.Other"]},
        {"word": "b", "state": "doubtful", "labels": ["HARM.SPEECH.Insult"]},
        {"word": "c", "state": "certain", "labels": ["PII.Other"]},
        {"word": "Q9", "state": "code", "labels": ["OTHER.Unknown"]},
    ],
}


def test_a_detector_has_40_different_labels() -> None:
    for gold in detectors(gate_rows()).values():
        assert len(gold) == LABELS


def test_the_service_does_not_know_the_families_that_are_hidden(tmp_path: Path) -> None:
    python = unseen_code(tmp_path)
    asked = (
        "import client_api; from fallback.rules.catalog import load_detectors;"
        "print(client_api.__file__, *sorted({d.family for d in load_detectors().values()}))"
    )
    ran = subprocess.run(
        [python, "-c", asked], cwd=tmp_path / "venv", capture_output=True, check=True, text=True
    )
    code, *families = ran.stdout.split()
    assert Path(code).is_relative_to(tmp_path)
    assert set(families) == {d.family for d in load_detectors().values()} - GATE


def test_a_reviewer_corrects_what_is_wrong_and_maps_codes() -> None:
    gold = {
        "a": ("PII.Other",),
        "b": ("HARM.SPEECH.Toxicity",),
        "c": ("PII.Person.Age",),
        "Q9": ("OTHER.Blocklist",),
    }
    review = reviewed(DRAFT, gold)
    assert (review.looked_at, review.changed, review.unmarked) == (2, 3, 1)
    maps = yaml.safe_load(review.file)["maps"]
    assert {word: (labels,) if isinstance(labels, str) else tuple(labels)
            for word, labels in maps.items()} == gold  # fmt: skip


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.model
def test_the_clock_stops_when_both_answer_as_decided(tmp_path: Path) -> None:
    own = tmp_path / "detectors"
    own.mkdir()
    [gold, _] = detectors(gate_rows()).values()
    # "OTHER.Sentiment" is what no draft says of it: only the corrected file can give it.
    changed = {**gold, next(iter(gold)): ("OTHER.Sentiment",)}
    with serving(tmp_path, MAPPER_DETECTORS_DIR=str(own)) as service:
        measured = measure(service, "a guard", changed, tmp_path)
    assert measured.review.changed >= 1
    assert [path.name for path in own.iterdir()] == ["unseen-aguard.yaml"]
    assert measured.detector in report([measured])


def test_the_page_has_the_figures() -> None:
    assert "| in all, s |" in PAGE.read_text(encoding="utf-8")
