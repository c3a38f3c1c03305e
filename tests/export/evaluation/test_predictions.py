"""The committed predictions of the folds, and their calibration."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.data.labelled import DataError
from export.evaluation.comparison import (
    GATE,
    Part,
    calibrate_apart,
    load_parts,
    read_guesses,
)
from export.evaluation.evaluate import main

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return load_parts()


def write_predictions(parts: list[Part], folder: Path) -> None:
    for part in parts:
        for prefix in ("", "base-"):
            lines = [
                json.dumps(
                    {
                        "detector": row.detector,
                        "output": row.output,
                        "gold": row.gold,
                        "top": [[["OTHER.Safe"], 0.25], [["OTHER.Unknown"], 0.1]],
                    }
                )
                for row in part.rows
            ]
            (folder / f"{prefix}{part.name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def test_missing_predictions_are_named_with_the_command_that_makes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--predictions", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path / 'fold1.jsonl'}: is missing; make it: make train FOLD=1" in told
    assert f"{tmp_path / 'gate.jsonl'}: is missing; make it: make train FOLD=final" in told
    assert "--fold 2 --untrained" in told
    assert len(told.strip().splitlines()) == 8


def test_predictions_are_read_in_the_order_of_the_rows(parts: list[Part], tmp_path: Path) -> None:
    write_predictions(parts, tmp_path)
    for guesses in read_guesses(parts, tmp_path).values():
        assert len(guesses) == sum(len(part.rows) for part in parts)
        assert {(found[0].labels, found[0].score) for found in guesses} == {(("OTHER.Safe",), 0.25)}


@pytest.mark.parametrize("change", [lambda lines: lines[1:], lambda lines: lines[::-1]])
def test_predictions_for_other_rows_are_refused(
    parts: list[Part], tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    write_predictions(parts, tmp_path)
    file = tmp_path / "fold0.jsonl"
    file.write_text("\n".join(change(file.read_text("utf-8").splitlines())), "utf-8")
    with pytest.raises(DataError, match=r"fold0\.jsonl: was made for other rows"):
        read_guesses(parts, tmp_path)
    file.write_text("{}\n", "utf-8")
    with pytest.raises(DataError, match=r"fold0\.jsonl: is not a prediction file"):
        read_guesses(parts, tmp_path)


def test_a_part_is_calibrated_on_the_other_folds_and_never_on_the_gate() -> None:
    rng = np.random.default_rng(0)
    part = [name for name in ("fold0", "fold1", GATE) for _ in range(200)]
    score = rng.random(600)
    exact = (rng.random(600) < score).astype(np.float64)
    before = calibrate_apart(score, exact, part)
    changed = exact.copy()
    changed[400:] = 1 - changed[400:]  # the gate
    np.testing.assert_array_equal(calibrate_apart(score, changed, part), before)
    changed = exact.copy()
    changed[:200] = 1  # fold 0
    after = calibrate_apart(score, changed, part)
    np.testing.assert_array_equal(after[:200], before[:200])
    assert after[200:].mean() > before[200:].mean()
    with pytest.raises(ValueError, match="no other fold"):
        calibrate_apart(score[:200], exact[:200], part[:200])
