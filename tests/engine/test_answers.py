"""Answers and drafts of the engine through its public doors."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.confidence import Calibration
from engine.decoder import Prompt
from engine.mapper import MapperEngine
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.event import MAX_CANDIDATE_LABELS, candidate_errors
from schemas.taxonomy import load_taxonomy
from tests.engine.engines import ANSWERS, ENCODER, QUERIES, SIGNALS, load, prompt, text_decoder
from tests.support import tiny_llama


def test_batched_answers_as_alone(text_engine: MapperEngine, label_engine: MapperEngine) -> None:
    for engine in (text_engine, label_engine):
        together = engine.answer(QUERIES * 2)
        for query, candidate in zip(QUERIES * 2, together, strict=True):
            (alone,) = engine.answer([query])
            assert candidate.labels == alone.labels
            assert candidate.probability == pytest.approx(alone.probability, abs=1e-4)
            assert candidate.passes == alone.passes


def test_the_signal_matters(engine: MapperEngine) -> None:
    assert len({candidate.labels for candidate in engine.answer(QUERIES)}) > 1


def test_an_empty_batch_has_no_answers(engine: MapperEngine) -> None:
    assert engine.answer([]) == []


@settings(max_examples=40, deadline=None)
@given(detector=st.text(max_size=40), signal=st.text(max_size=300))
def test_whatever_is_asked_the_candidate_is_valid(
    engine: MapperEngine, detector: str, signal: str
) -> None:
    (candidate,) = engine.answer([Query(detector, signal)])
    assert candidate.status is CandidateStatus.OK
    assert candidate_errors(json.loads(candidate.text)) == []
    assert tuple(json.loads(candidate.text)["taxonomy"]) == candidate.labels
    assert 0 < candidate.probability <= 1
    assert candidate.confidence == candidate.probability


@pytest.mark.parametrize(
    "signal",
    ["\x00", "\ud800 lone", "a\x00b\r\n\u2028c", "\u202eevil\u200b", "😀" * 16_384, "x " * 32_768,
     "\n" * 65_536, "<|end|>" * 9_000],
)  # fmt: skip
def test_hostile_signals_are_answered(text_engine: MapperEngine, signal: str) -> None:
    for candidate in text_engine.answer([Query(signal, signal), Query("d", signal)]):
        assert candidate.status is CandidateStatus.OK
        assert candidate_errors(json.loads(candidate.text)) == []


def test_label_version_answers_in_one_pass(label_engine: MapperEngine) -> None:
    for candidate in label_engine.answer(QUERIES):
        assert candidate.passes == 1
        assert list(candidate.labels) in ANSWERS


def test_calibration_makes_the_confidence(tmp_path: Path) -> None:
    curve = {"kind": "isotonic", "x": [0.0, 1.0], "y": [0.4, 0.6]}
    engine = load(
        tiny_llama.publish(tmp_path / "1", answers=ANSWERS, manifest={"calibration": curve})
    )
    for candidate in engine.answer(QUERIES):
        assert candidate.confidence == pytest.approx(0.4 + 0.2 * candidate.probability)


def with_draft(query: Query, draft: Sequence[str]) -> Query:
    return Query(query.detector, query.signal, draft=tuple(draft))


DRAFTS = [
    ["HARM.SPEECH.Threat"],
    ["PII.Identifier.SSN", "SECRET.Other"],
    ["NO.SUCH.Label"],
    ['"]}'],
]


@pytest.mark.heavy
def test_a_draft_changes_nothing_but_passes(text_engine: MapperEngine) -> None:
    plain = text_engine.answer(QUERIES)
    drafts = [*DRAFTS, *([*candidate.labels, "OTHER.Unknown"][:3] for candidate in plain)]
    for draft in drafts:
        drafted = text_engine.answer([with_draft(query, draft) for query in QUERIES])
        for expected, candidate in zip(plain, drafted, strict=True):
            assert candidate.text == expected.text
            assert candidate.probability == pytest.approx(expected.probability, abs=1e-4)
            assert candidate.passes <= expected.passes


@pytest.mark.heavy
@pytest.mark.parametrize("tokenizer", tiny_llama.TOKENIZERS)
@pytest.mark.parametrize("max_labels", [1, MAX_CANDIDATE_LABELS])
def test_an_accepted_draft_costs_one_pass(tmp_path: Path, tokenizer: str, max_labels: int) -> None:
    decoder = text_decoder(tmp_path, load_taxonomy().names, max_labels, tokenizer)
    for signal in SIGNALS:
        (plain,) = decoder.decode([prompt(signal)])
        assert plain.passes > 1
        # The candidate names a label once that the model may have written several times.
        written = [
            draft
            for length in range(len(plain.labels), max_labels + 1)
            for draft in itertools.product(plain.labels, repeat=length)
            if tuple(dict.fromkeys(draft)) == plain.labels
        ]
        drafted = decoder.decode([prompt(signal, draft) for draft in written])
        assert [row.passes for row in drafted].count(1) == 1
        for row in drafted:
            assert row.passes <= plain.passes
            assert row.labels == plain.labels
            assert row.probability == pytest.approx(plain.probability, abs=1e-4)


@pytest.mark.heavy
def test_alone_batched_and_drafted_are_one_answer(text_engine: MapperEngine) -> None:
    random = np.random.default_rng(5)
    names, words = load_taxonomy().names, [*names_words(), *SIGNALS]
    signals = [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(60)]
    queries = [Query("detoxify", signal) for signal in signals]
    alone = [text_engine.answer([query])[0] for query in queries]
    drafts = [candidate.labels for candidate in alone]
    drafts[::3] = [tuple(random.choice(names, 2)) for _ in drafts[::3]]
    drafted = [with_draft(query, draft) for query, draft in zip(queries, drafts, strict=True)]
    for others in (text_engine.answer(queries), text_engine.answer(drafted)):
        for expected, candidate in zip(alone, others, strict=True):
            assert candidate.text == expected.text
            assert candidate.probability == pytest.approx(expected.probability, abs=1e-4)
            assert candidate.passes <= expected.passes


def names_words() -> list[str]:
    return [name.rpartition(".")[2] for name in load_taxonomy().names]


class FailsOnLong:
    """A decoder that breaks on some content."""

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        if any(len(row.ids) > 60 for row in prompts):
            raise RuntimeError("out of memory")
        return [Candidate("{}", 0.5, labels=("OTHER.Safe",), passes=1) for _ in prompts]


def test_a_failing_batch_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    engine = MapperEngine("m", ENCODER, FailsOnLong(), Calibration(), max_batch=2)
    candidates = engine.answer([Query("d", text) for text in ("a", "secret " * 20, "b", "c")])
    assert [candidate.status for candidate in candidates] == ["ok", "error", "ok", "error"]
    assert "failed" in caplog.text
    assert "secret" not in caplog.text


def test_a_model_that_computes_no_numbers_is_an_error(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    np.save(version / "head.npy", np.full((len(ANSWERS), tiny_llama.HIDDEN), np.nan, np.float32))
    tiny_llama.list_anew(version)
    (candidate,) = load(version).answer([Query("d", "hate")])
    assert (candidate.status, candidate.confidence) == (CandidateStatus.ERROR, 0.0)
