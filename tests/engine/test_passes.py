"""Passes of the model: how many, until when, and that rows do not disturb each other."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from engine.mapper import MapperEngine
from engine.runtime.session import LlamaSession
from engine.version import read_version
from schemas.candidate import CandidateStatus, Query
from tests.engine.engines import QUERIES, load, prompt, text_decoder


@pytest.mark.parametrize(
    ("labels", "passes"),
    [
        (["HARM.Aaaaaaaa"], 0),  # nothing to choose: the grammar alone writes it
        (["HARM.Aaaaaaaa", "HARM.Bbbbbbbb"], 1),  # one choice, however long the text
        (["PII.Aaa.Ccc", "PII.Aaa.Ddd", "PII.Bbb.Ccc", "PII.Bbb.Ddd"], 2),
    ],
)
def test_forced_tokens_cost_no_pass(tmp_path: Path, labels: list[str], passes: int) -> None:
    decoded = text_decoder(tmp_path, labels, max_labels=1).decode([prompt("x"), prompt("hate")])
    for row in decoded:
        assert row.passes == passes
        assert row.labels[0] in labels
        assert (row.probability == 1.0) == (passes == 0)


def test_no_pass_begins_after_the_deadline(engine: MapperEngine) -> None:
    late = Query("d", "hate", deadline=time.monotonic() - 1)
    early = Query("d", "hate", deadline=time.monotonic() + 3600)
    lost, answered, unlimited = engine.answer([late, early, Query("d", "hate")])
    assert (lost.status, lost.passes, lost.text, lost.confidence) == (
        CandidateStatus.TIMEOUT,
        0,
        "",
        0.0,
    )
    assert (answered.status, answered.text) == (CandidateStatus.OK, unlimited.text)
    assert answered.probability == pytest.approx(unlimited.probability, abs=1e-4)


@pytest.mark.heavy
def test_the_token_limit_cuts_an_answer_short(text_version: Path) -> None:
    engine = load(text_version, max_new_tokens=4)
    for candidate in engine.answer(QUERIES):
        assert candidate.status is CandidateStatus.OK
        assert candidate.labels == ()
        with pytest.raises(json.JSONDecodeError):
            json.loads(candidate.text)


def test_a_cached_prefix_changes_no_state(text_version: Path) -> None:
    version = read_version(text_version)
    start, rows = [5, 6, 7, 8], [[9, 10, 11], [12], [13, 14]]
    cached = LlamaSession(version.graph, version.shape, threads=1, prefix=start)
    plain = LlamaSession(version.graph, version.shape, threads=1)
    expected = plain.start(3).forward([start + row for row in rows])
    states = cached.start(3).forward(rows)
    for i in range(len(rows)):
        np.testing.assert_allclose(states[i], expected[i][len(start) :], atol=1e-5)


def test_rows_that_leave_or_take_back_do_not_disturb_the_others(text_version: Path) -> None:
    version = read_version(text_version)
    session = LlamaSession(version.graph, version.shape, threads=1, prefix=[5, 6])
    batch = session.start(3)
    batch.forward([[7, 8, 9, 10], [11], [12, 13]])
    batch.mask_last(0, 2)
    batch.mask_last(2, 1)
    batch.keep_rows([0, 2])
    states = batch.forward([[20], [21, 22]])
    for row, (seen, new) in enumerate((([7, 8], [20]), ([12], [21, 22]))):
        alone = session.start(1).forward([seen + new])[0][len(seen) :]
        np.testing.assert_allclose(states[row], alone, atol=1e-5)
