"""Several signals become one event, which is valid whatever the model answered."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.signal import Signal, Verdict
from schemas.candidate import Candidate, CandidateStatus
from schemas.contract import FallbackReason, Source
from schemas.event import event_errors
from schemas.taxonomy import load_taxonomy
from tests.fallback.test_decision import answer, decide_all


def test_several_signals_are_joined_and_the_gravest_reason_reported() -> None:
    signals = [Signal("US_SSN", 0.85, True), Signal("zzz", 0.9, True), Signal("yyy")]
    answers = (answer("PII.Identifier.SSN"), answer(text="{"), answer("OTHER.Safe"))
    got = decide_all("presidio", signals, answers)
    assert got.event["taxonomy"] == ["PII.Identifier.SSN", "OTHER.NeedsReview"]
    assert got.event["scores"] == {"PII.Identifier.SSN": 0.85, "OTHER.NeedsReview": 0.9}
    assert (got.source, got.fallback_reason) == (Source.MIXED, FallbackReason.INVALID_JSON)
    assert not got.schema_valid
    assert [s["name"] for s in got.signals] == ["US_SSN", "zzz", "yyy"]


def test_signals_beyond_the_models_limit_go_to_the_rules_and_the_notes_say_so() -> None:
    signals = [Signal("US_SSN", 0.9, True), Signal("EMAIL_ADDRESS", 0.8, True)]
    got = decide_all("presidio", signals, [answer("PII.Identifier.SSN")])
    assert set(got.event["taxonomy"]) == {"PII.Identifier.SSN", "PII.Contact.Email"}  # type: ignore[call-overload]
    assert (got.source, got.fallback_reason) == (Source.MIXED, None)
    assert "beyond the limit" in str(got.event["notes"])


def test_more_candidates_than_signals_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="2 candidates for 1 signals"):
        decide_all("x", [Signal("a")], (None, None))


scores = st.none() | st.floats(0, 1)
signal_strategy = st.builds(
    Signal, st.text(max_size=600), scores, st.sampled_from([True, None]), st.none()
) | st.builds(Signal, st.just("x"), st.none(), st.just(False), st.sampled_from(list(Verdict)))
candidate_text = st.text(max_size=40) | st.lists(
    st.sampled_from(load_taxonomy().names), max_size=4
).map(lambda labels: json.dumps({"taxonomy": labels}))
answer_strategy = st.none() | st.builds(
    Candidate,
    candidate_text,
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(list(CandidateStatus)),
)


@given(st.lists(st.tuples(signal_strategy, answer_strategy), min_size=1, max_size=8), scores)
def test_every_answer_is_a_valid_event(
    pairs: list[tuple[Signal, Candidate | None]], threshold: float | None
) -> None:
    signals, answers = zip(*pairs, strict=True)
    got = decide_all("presidio", signals, answers, threshold=threshold)
    assert event_errors(got.event) == []
    assert got.event["confidence"] == got.confidence
    assert (got.source is Source.MODEL) <= (got.fallback_reason is None)
    json.dumps(got.event)
