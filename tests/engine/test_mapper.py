"""The engine through its public doors, on tiny random Llamas in the real runtime."""

import functools
import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.confidence import Calibration
from engine.decoder import Prompt, candidate_text
from engine.label_decoder import LabelDecoder
from engine.mapper import MapperEngine
from engine.prompt import PromptEncoder
from engine.runtime.pass_cost import LIMIT, Pace
from engine.runtime.session import LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import WritesLabelTokens, read_version
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from schemas.event import MAX_CANDIDATE_LABELS, candidate_errors, decoding_schema
from schemas.taxonomy import load_taxonomy
from tests.support import tiny_llama

ANSWERS = [[name] for name in load_taxonomy().names] + [
    ["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"]
]
SIGNALS = [
    "hate", "hate/threatening", "US_SSN", "S10", "toxic", "", "Prompt injection in a document",
    "violence: medium (4)", "naïve 暴力", "🔪", "CREDIT_CARD_NUMBER" * 3, "x",
]  # fmt: skip
QUERIES = [Query("openai-moderation", signal) for signal in SIGNALS]


@pytest.fixture(scope="session", params=tiny_llama.TOKENIZERS)
def text_version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama.publish(
        tmp_path_factory.mktemp("text") / "1",
        tokenizer=tiny_llama.TOKENIZERS[request.param](),
        bos=tiny_llama.BOS,
    )


@pytest.fixture(scope="session")
def label_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama.publish(tmp_path_factory.mktemp("labels") / "1", answers=ANSWERS)


@pytest.fixture(scope="session")
def text_engine(text_version: Path) -> MapperEngine:
    return load(text_version)


@pytest.fixture(scope="session")
def label_engine(label_version: Path) -> MapperEngine:
    return load(label_version)


@pytest.fixture(scope="session", params=["text", "labels"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MapperEngine:
    answers = ANSWERS if request.param == "labels" else None
    return load(tiny_llama.publish(tmp_path_factory.mktemp(request.param) / "1", answers=answers))


def load(version: Path, **settings: Any) -> MapperEngine:
    settings.setdefault("max_new_tokens", 160)  # some tokenizers here need a token a byte
    return MapperEngine.load(version, threads=1, **settings)


# --- answers -------------------------------------------------------------------------------------


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


# --- drafts --------------------------------------------------------------------------------------


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


# --- the grammar ---------------------------------------------------------------------------------

SCHEMA = decoding_schema(load_taxonomy())


@pytest.fixture(scope="session", params=tiny_llama.TOKENIZERS)
def written(request: pytest.FixtureRequest) -> tuple[Grammar, PromptEncoder]:
    """A tokenizer's grammar of the decoding schema, and its prompts."""
    tokenizer = tiny_llama.TOKENIZERS[request.param]()
    encoder = PromptEncoder(tokenizer.to_str(), bos=None, max_input_tokens=128)
    size = tokenizer.get_vocab_size()
    return Grammar(SCHEMA, encoder.continuation_pieces, vocabulary=size), encoder


LISTS = st.lists(st.sampled_from(load_taxonomy().names), min_size=1, max_size=MAX_CANDIDATE_LABELS)


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(labels=LISTS)
def test_the_tokenizers_own_encoding_is_a_path(
    written: tuple[Grammar, PromptEncoder], labels: list[str]
) -> None:
    grammar, encoder = written
    place = grammar.start
    ids = encoder.continuation_ids(candidate_text(labels))
    for token in ids:
        assert token in grammar.allowed(place)
        place = grammar.after(place, token)
    assert grammar.allowed(place).size == 0
    assert grammar.text(ids) == candidate_text(labels)
    assert tuple(grammar.tokens(labels)) == ids


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_path_is_the_tokenizers_own_encoding_of_a_valid_text(
    written: tuple[Grammar, PromptEncoder], data: st.DataObject
) -> None:
    grammar, encoder = written
    place, ids = grammar.start, []
    while (allowed := grammar.allowed(place)).size:
        ids.append(int(data.draw(st.sampled_from(allowed)) if allowed.size > 1 else allowed[0]))
        place = grammar.after(place, ids[-1])
    text = grammar.text(ids)
    assert Draft202012Validator(SCHEMA).is_valid(json.loads(text))
    assert text == candidate_text(json.loads(text)["taxonomy"])
    assert tuple(ids) == encoder.continuation_ids(text)


def test_there_are_as_many_paths_as_texts(written: tuple[Grammar, PromptEncoder]) -> None:
    grammar, _ = written

    @functools.cache
    def paths(place: int) -> int:
        following = [grammar.after(place, int(token)) for token in grammar.allowed(place)]
        return sum(map(paths, following)) if following else 1

    labels = len(load_taxonomy().names)
    assert paths(grammar.start) == sum(labels**n for n in range(1, MAX_CANDIDATE_LABELS + 1))


def test_a_tokenizer_that_changes_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="does not write"):
        Grammar(SCHEMA, lambda text: [(0, text.lower())], vocabulary=1)


def test_a_token_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        Grammar(SCHEMA, ENCODER.continuation_pieces, vocabulary=9)


# --- passes, deadlines, limits -------------------------------------------------------------------


def text_decoder(
    tmp_path: Path, labels: Sequence[str], max_labels: int, tokenizer: str = "bytes"
) -> TextDecoder:
    version = read_version(
        tiny_llama.publish(tmp_path / "1", tokenizer=tiny_llama.TOKENIZERS[tokenizer]())
    )
    array = {"type": "array", "items": {"enum": list(labels)}, "minItems": 1}
    schema = {
        "type": "object",
        "properties": {"taxonomy": {**array, "maxItems": max_labels}},
        "required": ["taxonomy"],
        "additionalProperties": False,
    }
    encoder = PromptEncoder(version.tokenizer.read_text("utf-8"), None, 128)
    return TextDecoder(
        LlamaSession(version.graph, version.shape, threads=1),
        np.load(version.head),
        Grammar(schema, encoder.continuation_pieces, vocabulary=version.shape.vocab),
        max_new_tokens=160,
    )


ENCODER = PromptEncoder(tiny_llama.byte_only_tokenizer().to_str(), bos=None, max_input_tokens=128)


def prompt(signal: str, draft: tuple[str, ...] | None = None) -> Prompt:
    return Prompt((*ENCODER.prefix_ids, *ENCODER.suffix_ids("d", signal)), draft)


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
    expected = plain.start(3).feed([start + row for row in rows])
    states = cached.start(3).feed(rows)
    for i in range(len(rows)):
        np.testing.assert_allclose(states[i], expected[i][len(start) :], atol=1e-5)


def test_rows_that_leave_or_take_back_do_not_disturb_the_others(text_version: Path) -> None:
    version = read_version(text_version)
    session = LlamaSession(version.graph, version.shape, threads=1, prefix=[5, 6])
    batch = session.start(3)
    batch.feed([[7, 8, 9, 10], [11], [12, 13]])
    batch.take_back(0, 2)
    batch.take_back(2, 1)
    batch.keep_rows([0, 2])
    states = batch.feed([[20], [21, 22]])
    for row, (seen, new) in enumerate((([7, 8], [20]), ([12], [21, 22]))):
        alone = session.start(1).feed([seen + new])[0][len(seen) :]
        np.testing.assert_allclose(states[row], alone, atol=1e-5)


# --- the stored prefix, the device, the cut of batches -------------------------------------------


def test_a_stored_prefix_is_taken_and_not_computed(tmp_path: Path) -> None:
    prefix, row = [5, 6, 7], [9, 10]
    version = read_version(tiny_llama.publish(tmp_path / "plain"))
    plain = LlamaSession(version.graph, version.shape, threads=1, prefix=prefix)
    other = [part * 2 for part in plain.prefix_cache()]
    stored = read_version(tiny_llama.publish(tmp_path / "stored", prefix=(prefix, other)))
    session = LlamaSession(
        stored.graph, stored.shape, threads=1, prefix=prefix, prefix_file=stored.prefix
    )
    for found, expected in zip(session.prefix_cache(), other, strict=True):
        np.testing.assert_array_equal(found, expected)
    (state,), (usual,) = (s.start(1).feed([row]) for s in (session, plain))
    assert np.abs(state - usual).max() > 1e-3


def test_a_stored_prefix_of_another_prompt_is_computed_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = read_version(tiny_llama.publish(tmp_path / "plain"))
    right = LlamaSession(version.graph, version.shape, threads=1, prefix=[5, 6, 8])
    wrong = ([5, 6, 7], [part * 2 for part in right.prefix_cache()])
    stored = read_version(tiny_llama.publish(tmp_path / "stored", prefix=wrong))
    session = LlamaSession(
        stored.graph, stored.shape, threads=1, prefix=[5, 6, 8], prefix_file=stored.prefix
    )
    for found, expected in zip(session.prefix_cache(), right.prefix_cache(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert "another prompt prefix" in caplog.text


@pytest.mark.parametrize("damage", [b"", b"PK no archive", b"\x00" * 5000])
def test_a_damaged_prefix_is_refused(tmp_path: Path, damage: bytes) -> None:
    version = tiny_llama.publish(tmp_path / "1", manifest={"files": {}})
    (version / "prefix.npz").write_bytes(damage)
    with pytest.raises(ConfigError, match="does not load"):
        load(version)


def test_a_prefix_of_another_shape_is_refused(tmp_path: Path) -> None:
    encoder = PromptEncoder(tiny_llama.byte_tokenizer().to_str(), None, 128)
    half = [np.zeros((1, 1, len(encoder.prefix_ids), 8), np.float32)] * 4
    version = tiny_llama.publish(tmp_path / "1", prefix=(encoder.prefix_ids, half))
    with pytest.raises(ConfigError, match="instead of float32"):
        load(version)


def test_where_there_is_no_gpu_the_cpu_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    assert load(version, device="cuda").answer(QUERIES) == load(version).answer(QUERIES)
    assert "computing on the CPU instead of cuda" in caplog.text


def test_an_unknown_device_is_refused(label_version: Path) -> None:
    with pytest.raises(ConfigError, match="'tpu' is none of cpu, cuda"):
        load(label_version, device="tpu")


class Counts:
    """A decoder that notes the lengths of the rows it gets together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        self.batches.append([len(row.ids) for row in prompts])
        return [Candidate(f"{len(row.ids)}", 0.5, passes=1) for row in prompts]


def per_token(seconds: float) -> Callable[[Sequence[int]], float]:
    return lambda lengths: sum(lengths) * seconds


def test_batches_are_cut_where_a_pass_would_last_too_long() -> None:
    decoder, most = Counts(), 250
    pace = per_token(LIMIT / most)
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), seconds=pace)
    queries = [Query("d", "x" * size) for size in (90, 3, 120, 30, 60, 1)]
    candidates = engine.answer(queries)
    lengths = [len(ENCODER.suffix_ids(q.detector, q.signal)) for q in queries]
    assert [candidate.text for candidate in candidates] == [str(length) for length in lengths]
    assert list(itertools.chain(*decoder.batches)) == sorted(lengths)
    assert len(decoder.batches) > 1
    for batch, following in itertools.pairwise(decoder.batches):
        assert sum(batch) <= most or len(batch) == 1
        assert sum(batch) + following[0] > most


def test_a_row_that_no_pass_holds_is_answered_alone() -> None:
    decoder = Counts()
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), seconds=lambda lengths: 9.0)
    assert [c.status for c in engine.answer(QUERIES)] == [CandidateStatus.OK] * len(QUERIES)
    assert all(len(batch) == 1 for batch in decoder.batches)


@pytest.mark.parametrize(
    ("left", "answered"), [(0.070, 3), (0.020, 1), (0.005, 1), (-1.0, 8), (9.0, 8)]
)
def test_a_pass_has_the_rows_that_it_answers_before_the_first_deadline(
    monkeypatch: pytest.MonkeyPatch, left: float, answered: int
) -> None:
    """Who waits for them must not wait for the others; past rows are the decoder's to refuse."""
    decoder, now = Counts(), 1000.0
    monkeypatch.setattr("engine.mapper.time.monotonic", lambda: now)
    queries = [Query("d", "x" * 20, deadline=now + left) for _ in range(8)]
    length = len(ENCODER.suffix_ids("d", "x" * 20))
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), seconds=per_token(0.020 / length))
    decode = decoder.decode

    def takes_time(prompts: Sequence[Prompt]) -> list[Candidate]:
        nonlocal now
        now += 0.020 * len(prompts)
        return decode(prompts)

    monkeypatch.setattr(decoder, "decode", takes_time)
    statuses = [c.status for c in engine.answer(queries)]
    assert statuses == [CandidateStatus.OK] * answered + [CandidateStatus.TIMEOUT] * (8 - answered)


def test_what_is_read_of_a_detector_is_kept_and_moves_no_answer(label_version: Path) -> None:
    version = read_version(label_version)
    assert isinstance(version.writes, WritesLabelTokens)
    prompts = PromptEncoder(version.tokenizer.read_text("utf-8"), version.shape.bos, 128)
    session = LlamaSession(version.graph, version.shape, threads=1, prefix=prompts.prefix_ids)
    head = np.load(version.head)
    keeps, forgets = (
        LabelDecoder(session, head, version.writes.answers, kept_leads=kept) for kept in (2, 0)
    )
    asked = [
        Prompt(prompts.suffix_ids(d, signal), lead=len(prompts.lead_ids(d)))
        for d in ("presidio", "", "custom-guard", "presidio", "a guard of another name", "presidio")
        for signal in SIGNALS
    ]
    wanted = forgets.decode(asked)
    for kept in (keeps.decode(asked), keeps.decode(asked[::-1])[::-1]):
        assert [d.labels for d in kept] == [d.labels for d in wanted]
        assert [d.probability for d in kept] == pytest.approx(
            [d.probability for d in wanted], abs=1e-4
        )
    for prompt, alone in zip(asked, wanted, strict=True):
        [again] = keeps.decode([prompt])
        assert again.labels == alone.labels
        assert again.probability == pytest.approx(alone.probability, abs=1e-4)


def test_a_pass_is_of_one_detector_where_detectors_are_kept() -> None:
    decoder = Counts()
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), leads=True)
    queries = [Query(d, signal) for signal in ("a", "bb bb", "c") for d in ("x", "a long name")]
    lengths = [len(ENCODER.suffix_ids(q.detector, q.signal)) for q in queries]
    assert [c.text for c in engine.answer(queries)] == [str(length) for length in lengths]
    assert decoder.batches == [sorted(lengths[::2]), sorted(lengths[1::2])]


def test_the_pace_is_a_line_through_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def run(tokens: int) -> None:
        nonlocal now
        now += 0.010 + 0.002 * tokens

    monkeypatch.setattr("engine.runtime.pass_cost.time.perf_counter", lambda: now)
    pace = Pace.measure(run)
    assert pace.seconds(70) == pytest.approx(0.150)
    assert pace.seconds(16) == pytest.approx(0.042)


# --- failures ------------------------------------------------------------------------------------


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
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS, manifest={"files": {}})
    np.save(version / "head.npy", np.full((len(ANSWERS), tiny_llama.HIDDEN), np.nan, np.float32))
    (candidate,) = load(version).answer([Query("d", "hate")])
    assert (candidate.status, candidate.confidence) == (CandidateStatus.ERROR, 0.0)
