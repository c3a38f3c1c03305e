"""Scores of good things on an unknown scale, and flags named after goals and measures."""

from typing import Any

import pytest
from said import said

from fallback.decision.decision import load_guard
from pipeline.steps import Pipeline

UNSCALED = [
    {"relevance": 4},
    {"quality": 8},
    {"safety": 9},
    {"name": "relevance", "score": 4},
    {"metric": "faithfulness", "score": 1},
    {"scores": {"relevance": 4, "faithfulness": 5}},
    {"relevance": {"score": 4}},
    "Relevance: 4\nCoherence: 5",
]
SCALED = [
    ({"relevance": 0.92}, "clean"),
    ({"relevance": "4/5"}, "clean"),
    ({"relevance": 4, "max": 5}, "clean"),
    ({"quality": 92}, "clean"),
    ({"metric": "faithfulness", "score": 0.95}, "clean"),
    ({"metric": "faithfulness", "score": 1, "threshold": 0.7}, "clean"),
    ({"metric": "relevance", "score": 4, "passed": True}, "clean"),
    ({"relevance": 2}, ["relevance"]),
    ({"metric": "relevance", "score": 2}, ["relevance"]),
    ({"metric": "relevance", "score": 1, "max_score": 5}, ["relevance"]),
]
NAMED = [
    ({"respects_privacy": False}, ["privacy"]),
    ({"respects_privacy": True, "stays_on_topic": True}, "clean"),
    ({"stays_on_topic": False}, ["irrelevant"]),
    ({"action": "ALLOW", "would_block": True, "rule": "profanity"}, ["profanity"]),
    ({"should_be_escalated": True, "status": "ok"}, ["should be escalated"]),
    ({"must_redact": False}, "clean"),
    ({"risk": "high", "category": "self_harm", "done": True}, ["self harm"]),
    ({"type": "review.completed", "review": {"state": "rejected", "reasons": ["spam"]}}, ["spam"]),
    ({"labels": ["PERSON", "EMAIL"], "hits": [0, 4]}, ["email"]),
    ({"checks": ["malware", "phishing"], "verdicts": ["clean", "malicious"]}, ["phishing"]),
    ({"labels": ["hate", "spam"], "scores": [0.9, 0.1], "flags": [False, True]}, ["spam"]),
    ({"rules": ["no_violence", "no_pii"], "outcomes": ["pass", "fail"]}, ["pii"]),
    ({"status": "partial", "completed": ["toxicity"], "findings": []}, "unread"),
    ([{"scanner": "pii", "error": "timeout"}, {"scanner": "hate", "detected": True}], ["hate"]),
    ([{"attempts": [{"ok": False, "error": "timeout"}, {"ok": True, "label": "spam"}]}], ["spam"]),
    ({"policies": {"no_violence": "breached", "no_spam": "respected"}}, ["violence"]),
    ({"nsfw_percentile": 99, "gore_percentile": 3}, ["nsfw"]),
    ('guard_hits_total{category="malware"} 0\nguard_hits_total{category="spam"} 2', ["spam"]),
    ({"exit_code": 0, "stdout": "No leaks found", "stderr": ""}, "clean"),
    ({"allowed_pct": 0.98, "violations": {"hate": 1}}, ["hate"]),
    ({"safe_for_children": False, "safe": True}, ["unsafe"]),
    ({"can_proceed": False}, ["check failed"]),
    ({"follows_guidelines": False}, ["check failed"]),
    ({"follows_guidelines": True, "can_proceed": True}, "clean"),
    ({"statut": "succès", "catégorie": "spam"}, ["spam"]),
]


@pytest.mark.parametrize("output", UNSCALED, ids=str)
def test_much_or_little_of_an_unknown_scale_is_unread(output: Any) -> None:
    assert said(output) == "unread"


@pytest.mark.parametrize(("output", "wanted"), [*SCALED, *NAMED], ids=str)
def test_an_output_is_read(output: Any, wanted: list[str] | str) -> None:
    assert said(output) == wanted


@pytest.mark.parametrize(
    "text",
    ["PASS (but flagged for bias)", "PASS but flagged", "Verdict: PASS (but flagged for bias)"],
)
def test_what_takes_a_pass_back_is_no_name_of_a_check(text: str) -> None:
    assert said(text) != "clean"


@pytest.mark.parametrize("name", ["Toxicity", "Bias", "Hallucination"])
@pytest.mark.parametrize("score", [0.05, 0.95])
def test_no_score_is_clean_whose_direction_depends_on_the_version(name: str, score: float) -> None:
    for output in ({name: score}, {"name": name, "score": score}):
        assert said(output, "deepeval") != "clean"


def test_a_broken_goal_is_not_taken_for_harmless() -> None:
    pipeline = Pipeline(load_guard())
    event = pipeline.decide(pipeline.read("nobody", '{"stays_on_topic": false}')).event
    assert event["taxonomy"] == ["OTHER.OffTopic"]
