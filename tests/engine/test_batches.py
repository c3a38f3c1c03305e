"""The stored prefix, the device, and where batches are cut."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.confidence import Calibration
from engine.decoder import Prompt
from engine.label_decoder import LabelDecoder
from engine.mapper import MapperEngine
from engine.prompt import PromptEncoder
from engine.runtime.pass_cost import MAX_PASS_S, PassCost
from engine.runtime.session import LlamaSession
from engine.version import WritesLabelTokens, read_version
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from tests.engine.engines import ANSWERS, ENCODER, QUERIES, SIGNALS, load
from tests.support import tiny_llama


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
    (state,), (usual,) = (s.start(1).forward([row]) for s in (session, plain))
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
    version = tiny_llama.publish(tmp_path / "1")
    (version / "prefix.npz").write_bytes(damage)
    tiny_llama.list_anew(version)
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
    pass_cost = per_token(MAX_PASS_S / most)
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), seconds=pass_cost)
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


OK, TIMEOUT = CandidateStatus.OK, CandidateStatus.TIMEOUT
ROW_S = 0.020


def statuses(monkeypatch: pytest.MonkeyPatch, left_s: Sequence[float]) -> list[CandidateStatus]:
    """Of rows that take `ROW_S` each and are due in so many seconds."""
    decoder, now = Counts(), 1000.0
    monkeypatch.setattr("engine.mapper.time.monotonic", lambda: now)
    queries = [Query("d", "x" * 20, deadline=now + left) for left in left_s]
    length = len(ENCODER.suffix_ids("d", "x" * 20))
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), seconds=per_token(ROW_S / length))
    decode = decoder.decode

    def takes_time(prompts: Sequence[Prompt]) -> list[Candidate]:
        nonlocal now
        now += ROW_S * len(prompts)
        return decode(prompts)

    monkeypatch.setattr(decoder, "decode", takes_time)
    return [candidate.status for candidate in engine.answer(queries)]


@pytest.mark.parametrize(
    ("left_s", "answered"), [(0.070, 3), (0.020, 1), (0.005, 1), (-1.0, 8), (9.0, 8)]
)
def test_a_pass_has_the_rows_that_it_answers_before_the_first_deadline(
    monkeypatch: pytest.MonkeyPatch, left_s: float, answered: int
) -> None:
    """Who waits for them must not wait for the others; past rows are the decoder's to refuse."""
    assert statuses(monkeypatch, [left_s] * 8) == [OK] * answered + [TIMEOUT] * (8 - answered)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_one_callers_short_budget_is_not_everybodys(
    monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    others = [0.085] * 4
    asked = [*others[:place], 0.005, *others[place:]]
    assert statuses(monkeypatch, asked) == [OK] * place + [TIMEOUT] + [OK] * (4 - place)
    # Alone, or where there is room for all in time, it is answered.
    assert statuses(monkeypatch, [0.045, 0.100]) == [OK, OK]


def test_what_is_read_of_a_detector_is_kept_and_moves_no_answer(label_version: Path) -> None:
    version = read_version(label_version)
    assert isinstance(version.writes, WritesLabelTokens)
    prompts = PromptEncoder(version.tokenizer.read_text("utf-8"), version.shape.bos, 128)
    session = LlamaSession(version.graph, version.shape, threads=1, prefix=prompts.prefix_ids)
    head = np.load(version.head)
    keeps, forgets = (
        LabelDecoder(session, head, version.writes.answers, kept_prefixes=kept) for kept in (2, 0)
    )
    asked = [
        Prompt(prompts.suffix_ids(d, signal), detector_tokens=len(prompts.detector_ids(d)))
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
    engine = MapperEngine("m", ENCODER, decoder, Calibration(), keeps_prefixes=True)
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
    pass_cost = PassCost.measure(run)
    assert pass_cost.seconds(70) == pytest.approx(0.150)
    assert pass_cost.seconds(16) == pytest.approx(0.042)
