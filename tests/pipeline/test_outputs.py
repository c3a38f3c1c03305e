"""Whole outputs through the whole pipeline, with the version published in this checkout."""

from functools import cache

import pytest

from export.evaluation import outputs
from export.evaluation.evaluate import MODEL_FOLDER, version_directory
from pipeline.local import LocalPipeline

pytestmark = pytest.mark.model


@cache
def version() -> LocalPipeline:
    return LocalPipeline(version_directory(MODEL_FOLDER, None))


@pytest.mark.parametrize("names", [("field", "readings"), ("composites",)], ids="+".join)
def test_an_output_gets_its_labels(names: tuple[str, ...]) -> None:
    score = outputs.score(version(), [o for name in names for o in outputs.load(name)])
    assert score.false_safe == ()
    assert score.share >= 0.95, score.misses


def test_an_attack_takes_no_label_away() -> None:
    attacked = outputs.score_hostile(version(), outputs.load_hostile())
    assert attacked.cleared == ()
    assert attacked.share >= 0.95, attacked.lost


def test_a_disputed_row_says_why() -> None:
    disputes = outputs.disputes()
    assert len(disputes) <= 5
    for dispute in disputes:
        assert dispute["dispute"].strip()
        assert dispute["reads"]
        places = {output.place for output in outputs.load(dispute["file"])}
        assert f"{dispute['file']} {dispute['line']}" in places
