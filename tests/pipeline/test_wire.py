"""What travels between Triton's steps comes back as it was, and nonsense is refused in words."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime import cores
from fallback.rules.lookup import MatchKind, RuleAnswer
from fallback.signal import Reading, Signal, Verdict
from pipeline import wire
from pipeline.steps import ReadItem
from schemas.candidate import Candidate, CandidateSet, CandidateStatus, Neighbour
from schemas.contract import FallbackReason, Kind

scores = st.none() | st.floats(0, 1)
signals = st.builds(
    Signal,
    name=st.text(),
    score=scores,
    flagged=st.sampled_from([True, False, None]),
    verdict=st.none() | st.sampled_from(Verdict),
)
rules = st.builds(
    RuleAnswer.of,
    st.lists(st.text(), max_size=3).map(tuple),
    st.sampled_from(MatchKind),
    st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
)
doubts = st.none() | st.sampled_from(FallbackReason)
kinds = st.none() | st.sampled_from(Kind)
answers = st.builds(
    Candidate,
    text=st.text(),
    probability=st.floats(0, 1),
    confidence=st.floats(0, 1),
    status=st.sampled_from(CandidateStatus),
    retrieved=st.floats(0, 1),
    families=st.lists(st.tuples(st.text(), st.floats(0, 1)), max_size=2).map(tuple),
    likely=st.lists(
        st.tuples(st.lists(st.text(), max_size=2).map(tuple), st.floats(0, 1)), max_size=2
    ).map(tuple),
    neighbours=st.lists(
        st.builds(
            Neighbour,
            st.text(),
            st.lists(st.text(), max_size=2).map(tuple),
            st.floats(0, 1),
        ),
        max_size=2,
    ).map(tuple),
)


@given(st.text(), st.lists(st.tuples(signals, rules), min_size=1, max_size=4), doubts, kinds)
def test_items_travel(
    detector: str,
    pairs: list[tuple[Signal, RuleAnswer]],
    doubt: FallbackReason | None,
    kind: Kind | None,
) -> None:
    read, known = zip(*pairs, strict=True)
    item = ReadItem(detector, Reading(read), known, "2026.11-0a1b", doubt, kind)
    assert wire.load_item(detector, wire.dump_item(item).decode()) == item


@given(st.text(), st.lists(st.none() | answers, max_size=4))
def test_candidates_travel(model: str, given_answers: list[Candidate | None]) -> None:
    candidates = CandidateSet(model, tuple(given_answers))
    assert wire.load_candidates(wire.dump_candidates(candidates).decode()) == candidates


@given(st.text() | st.sampled_from(["{}", "[]", "[1]", "null", '[{"name": 1}]', "[" * 9999]))
def test_nonsense_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="READ_SIGNALS"):
        wire.load_item("d", text)
    if text:
        with pytest.raises(ValueError, match="CANDIDATE"):
            wire.load_candidates(text)


def test_columns_are_texts_whatever_the_bytes() -> None:
    tensors = {"A": SimpleNamespace(as_numpy=lambda: np.array([[b"x"], [b"\xff"]], np.object_))}

    assert wire.read_columns(tensors.get, ("A", "B")) == [["x", "\ufffd"], ["", ""]]
    assert wire.to_column(["x", b"y"]).tolist() == [[b"x"], [b"y"]]


def test_an_item_is_as_far_as_its_worst_answer() -> None:
    def status(*found: CandidateStatus) -> str:
        return wire.item_status(CandidateSet("m", tuple(Candidate("", 0, 0, s) for s in found)))

    ok, late, error = CandidateStatus.OK, CandidateStatus.TIMEOUT, CandidateStatus.ERROR
    assert [status(ok), status(ok, late), status(late, error)] == ["ok", "timeout", "error"]
    assert status() == "skipped"


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", math.inf), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_cores_heed_the_cgroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: float
) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(cores, "_CGROUP_V2", tmp_path / "cpu.max")
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(64)))

    assert cores.usable_cores() == min(64, expected)
