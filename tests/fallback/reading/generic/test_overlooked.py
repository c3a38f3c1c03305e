"""Findings and doubts that stand where a reader may overlook them or turn them round."""

from typing import Any

import pytest
from said import said

#: A heading says what was measured, and turns no harm below it round.
HEADINGS = [
    ({"safety": {"toxicity": 0.91}}, ["toxicity"]),
    ({"safety": {"hate": True, "spam": False}}, ["hate"]),
    ({"safety": {"violence": "high"}}, ["violence"]),
    ({"quality": {"fluency": 0.98}, "safety": {"toxicity": 0.91}}, ["toxicity"]),
    ({"trust_score": {"fraud": 0.93}}, ["fraud"]),
    ({"safety": {"toxicity": 0.02}}, "clean"),
    ({"passed": {"toxicity": True, "pii": False}}, ["pii"]),
    ({"safety": {"input_ok": True, "output_ok": True}}, "clean"),
]
#: A low score of the whole silences no score beside it.
INSIDE = [
    ({"name": "Moderation", "score": 0, "metadata": {"category_scores": {"violence": 0.93}}},
     ["violence"]),
    ({"name": "spam", "score": 0.1, "details": {"scores": {"insult": 0.9}}}, ["insult"]),
    ({"flagged": False, "metadata": {"scores": {"latency": 0.9}}}, "clean"),
    ({"label": "hate", "score": 0.02, "metadata": {"scores": {"insult": 0.1}}}, "clean"),
]  # fmt: skip
#: A verdict that was not reached is no clean one, whatever stands beside it.
OPEN = [
    {"verdict": "inconclusive", "confidence": 0.41},
    {"verdict": "undecided", "score": 0.1},
    {"status": "pending", "findings": []},
    {"code": 0, "message": "success", "data": {"task_id": "t-9", "state": "PENDING"}},
    {"safe": None, "categories": None},
    {"flagged": None, "categories": []},
    {"is_flagged": None, "labels": []},
]
CLOSED = [
    {"flagged": False, "blocked": None},
    {"safe": None, "flagged": False},
    {"detections": None, "warnings": None},
]
#: What is called an error may be a finding.
ERRORS = [
    ({"ruleId": "xss", "level": "error", "kind": "fail", "message": {"text": "it"}}, ["xss"]),
    ({"rule": "toxicity", "level": "error"}, ["toxicity"]),
    ({"title": "Toxic content", "status": 400, "detail": "The text was blocked."},
     ["toxic content"]),
    ({"title": "Bad Request", "status": 400, "detail": "Prompt rejected: weapons"}, ["weapons"]),
    ({"error": {"type": "GuardrailTripped", "message": "It recommends a stock."}},
     ["guardrail tripped"]),
    ("::error file=a.txt,line=3::Jailbreak attempt detected", ["jailbreak attempt detected"]),
    ("::warning file=a.py,line=3,col=5::Hardcoded password", ["hardcoded password"]),
]  # fmt: skip
FAILURES = [
    {"title": "Forbidden", "status": 403, "detail": "Your key has no access to this model."},
    {"title": "Unprocessable Entity", "status": 422, "detail": "field text is required"},
    {"level": "error", "error": "connection lost"},
]


@pytest.mark.parametrize(("output", "expected"), HEADINGS)
def test_headings_of_measures(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected


@pytest.mark.parametrize(("output", "expected"), INSIDE)
def test_scores_inside_a_clean_score(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected


@pytest.mark.parametrize("output", OPEN)
def test_a_verdict_that_was_not_reached_clears_nothing(output: Any) -> None:
    assert said(output) == "unread"


@pytest.mark.parametrize("output", CLOSED)
def test_a_missing_value_beside_a_verdict_is_no_doubt(output: Any) -> None:
    assert said(output) == "clean"


@pytest.mark.parametrize(("output", "expected"), ERRORS)
def test_findings_that_are_called_errors(output: Any, expected: list[str]) -> None:
    assert said(output) == expected


@pytest.mark.parametrize("output", FAILURES)
def test_failures_stay_failures(output: Any) -> None:
    assert said(output) == "failed"


def test_an_error_that_was_cut_after_its_first_word_is_a_failure() -> None:
    assert said({"error": "The"}) == "failed"
