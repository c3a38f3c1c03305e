"""Outputs of unknown vendors with invented labels, read from their structure alone."""

import itertools
from typing import Any

import pytest
from said import said

X, Y = "frobnication", "quuxing"

MAPS: list[tuple[Any, list[str] | str]] = [
    ({"results": {X: True, Y: False}}, [X]),
    ({X: 0.93, Y: 0.02}, [X]),
    ({"scores": {X: 0.93, Y: 0.02}}, [X]),
    ({"analysis": {X: "high", Y: "none"}}, [X]),
    ({X: {"detected": True, "score": 0.8}, Y: {"detected": False, "score": 0.1}}, [X]),
    ({X: {"severity": "medium"}, Y: {"severity": "safe"}}, [X]),
    ({"data": {"attributes": {X: {"value": 0.9}, Y: {"value": 0.1}}}}, [X]),
    ({"counts": {X: 3, Y: 0}}, [X]),
    ({X: [0.1, 0.97], Y: [0.0, 0.2]}, [X]),
    ({"entities": {X: ["a@b.example"], Y: []}}, [X]),
    ({"is_frobnicating": True, "is_quuxing": False}, ["frobnicating"]),
    ({f"{X}_detected": True, f"{Y}_detected": False}, [X]),
    ({f"{X}_score": 0.91, f"{Y}_score": 0.2}, [X]),
    ({f"{X}_detected": False, f"{X}_score": 0.91}, "clean"),
    ({f"num_{X}": 2, f"num_{Y}": 0}, [X]),
]
LISTS: list[tuple[Any, list[str] | str]] = [
    ({"categories": [X, Y]}, [X, Y]),
    ({"verdict": "unsafe", "categories": [X]}, [X]),
    ({"findings": [{"type": X, "severity": "low"}]}, [X]),
    ({"findings": [{"rule": "frob-1", "message": "something"}]}, ["frob 1"]),
    ([{"label": X, "score": 0.9}, {"label": Y, "score": 0.05}], [X]),
    ({"labels": [X, Y], "scores": [0.9, 0.1]}, [X]),
    ([[X, 0.9], [Y, 0.1]], [X]),
    ([[{"label": X, "score": 0.9}], [{"label": Y, "score": 0.8}]], [X, Y]),
    ({"findings": [{"infoType": {"name": X}, "likelihood": "LIKELY"}]}, [X]),
    ({"detector": "suite", "flagged_categories": [X]}, [X]),
    ({"name": X, "results": [{"match": True}]}, [X]),
    ({"name": X, "results": [{"match": False}]}, "clean"),
    ({"violations": []}, "clean"),
    ({"findings": [], "scanned": 12}, "clean"),
    ({"detections": None}, "clean"),
]
NOT_FOUND: list[tuple[Any, list[str] | str]] = [
    ({"passed_checks": [X], "failed_checks": [Y]}, [Y]),
    ({"passed": [X], "failed": []}, "clean"),
    ({"enabled": [X], "flagged": False}, "clean"),
    ({"checks_run": [X], "violations": []}, "clean"),
    ({"skipped_rules": [X], "findings": []}, "clean"),
    ({"supported_categories": [X], "detected_categories": []}, "clean"),
    ({"config": {"categories": [X, Y]}, "result": {"violation": False}}, "clean"),
    ({"thresholds": {X: 0.5}, "scores": {X: 0.1}}, "clean"),
    ({"threshold": 0.95, "label": X, "score": 0.9}, "clean"),
    ({"usage": {f"{X}PolicyUnits": 1}, "flagged": False}, "clean"),
    ({"checks": [X], "violations": [Y]}, [Y]),
]
NAMED: list[tuple[Any, list[str] | str]] = [
    ({"cases": [{"attack": X, "outcome": "bypassed"}, {"attack": Y, "outcome": "resisted"}]}, [X]),
    ({"cases": [{"attack": X, "outcome": "resisted"}]}, "clean"),
    ({"labels": [{"id": "violence.threat", "triggered": True}]}, ["violence threat"]),
    ({"flagged": True, "data_found": True, "email": {"matches": ["a@b.example"]}}, ["email"]),
    ({"approved": True, "reasons_considered": [X]}, "clean"),
    ({"issues": [], "rules": 340}, "clean"),
    (
        {
            "detections": {
                X: None,
                "malicious_url": {"url": "http://x.test", "verdict": "malicious"},
            }
        },
        ["malicious url"],
    ),
    ({"unsafe_prompts": 1, "total_prompts": 5, "findings": [{"type": X}]}, [X]),
    ({"code": 0, "msg": "success", "data": {"pass": 1, "labels": ""}}, "clean"),
    ({"code": 0, "msg": "success", "data": {"pass": 0, "labels": X}}, [X]),
]
GOALS: list[tuple[Any, list[str] | str]] = [
    ({"rule": "no-frobnication", "status": "triggered"}, [X]),
    ({"blocked": True, "rule": f"no {X}"}, [X]),
    ({"check": f"free_of_{X}", "result": "fail"}, [X]),
    ({"check": f"free_of_{X}", "result": "pass"}, "clean"),
    ({"guardrail": f"do not share {X}", "violated": True}, [X]),
    ({"failed": [f"no_{X}", f"avoid {Y}"]}, [X, Y]),
    ([{"name": f"{X}-free", "passed": False}, {"name": f"{Y}-free", "passed": True}], [X]),
    ({f"no_{X}": "FAIL", f"no_{Y}": "PASS"}, [X]),
    ({"violated_rule": f"No {X}"}, [X]),
    ({"policy": f"No {X}", "p_yes": 0.94, "p_no": 0.06}, [X]),
]
CLASSES: list[tuple[Any, list[str] | str]] = [
    ([{"label": "BENIGN", "score": 0.98}, {"label": X, "score": 0.02}], "clean"),
    ({"BENIGN": 0.02, X: 0.95, Y: 0.03}, [X]),
    ({"safe": 0.9, "unsafe": 0.1}, "clean"),
    ({"neutral": 0.2, X: 0.45, Y: 0.35}, [X]),
    ([{"label": "safe", "score": 0.3}], "unread"),
    ([{"label": "LEGIT", "score": 0.99}], "clean"),
    ([{"label": "not_hate", "score": 0.97}], "clean"),
    ({"label": X, "scores": {"0": 0.1, "1": 0.9}, "match": True}, [X]),
]
DECISIONS: list[tuple[Any, list[str] | str]] = [
    ({"safe": True}, "clean"),
    ({"is_safe": False}, ["unsafe"]),
    ({"valid": "no"}, ["check failed"]),
    ({"passed": "true"}, "clean"),
    ({"pass": False, "score": 0, "reason": ""}, ["check failed"]),
    ({"action": "block"}, ["block"]),
    ({"score": 0.97}, ["score"]),
    ({"score": 0.03}, "clean"),
    ({"violation": 1}, ["violation"]),
    ({"violation": 0, "confidence": "high"}, "clean"),
    ({"verdict": "unsafe", "reason": f"The text shows {X}"}, [f"the text shows {X}"]),
    ({"risk_level": "low"}, ["low risk level"]),
]
SCORES: list[tuple[Any, list[str] | str]] = [
    ('{"label": "frobnication", "score": NaN}', [X]),
    ('{"label": "frobnication", "score": -Infinity}', [X]),
    ('{"label": "frobnication", "score": 1e400}', [X]),
    ('{"frobnication": NaN, "quuxing": 0.1}', [X]),
    ({"label": X, "confidence": 97.1}, [X]),
    ({"label": X, "confidence": "12%"}, "clean"),
]
FAILURES: list[tuple[Any, list[str] | str]] = [
    ({"error": "timeout"}, "failed"),
    ({"error": {"message": "rate limit exceeded", "code": 429}}, "failed"),
    ({"status": "error", "message": "model not loaded"}, "failed"),
    ({"allowed": False, "policy_violations": ["JSON parsing failed"]}, "failed"),
    ({"errors": [], "findings": []}, "clean"),
    ({"flagged": False, "error": None}, "clean"),
    ({"label": X, "error": "timeout"}, [X]),
    ({"status": "error", "results": [{"label": X, "score": 0.95}]}, [X]),
]
UNREAD: list[tuple[Any, list[str] | str]] = [
    ({"text": "hate"}, "unread"),
    ({"foo": "bar baz"}, "unread"),
    ({"id": "x1", "created": 1700000000, "model": "m"}, "unread"),
    ({"flagged": False, "foo": "bar baz"}, "clean"),
    ({"results": [{"flagged": False}], "foo": "bar baz"}, "unread"),
    ([True], "unread"),
    ({}, "clean"),
    ([], "clean"),
]
ALL = {
    "maps": MAPS, "lists": LISTS, "not found": NOT_FOUND, "named": NAMED, "goals": GOALS,
    "classes": CLASSES, "decisions": DECISIONS, "scores": SCORES,
    "failures": FAILURES, "unread": UNREAD,
}  # fmt: skip


@pytest.mark.parametrize(
    ("output", "expected"), itertools.chain(*ALL.values()),
    ids=[f"{kind} {i}" for kind, rows in ALL.items() for i in range(len(rows))],
)  # fmt: skip
def test_structures(output: Any, expected: list[str] | str) -> None:
    read = said(output)
    assert read == (sorted(expected) if isinstance(expected, list) else expected)


@pytest.mark.parametrize(("output", "expected"), [*MAPS, *LISTS, *NOT_FOUND, *GOALS])
def test_ids_times_usage_and_versions_change_nothing(
    output: Any, expected: list[str] | str
) -> None:
    if not isinstance(output, dict):
        output = {"results": output}
    more = {
        "id": "res-84adf14a473c", "created_at": "2026-11-28T10:00:00Z", "latency_ms": 12.5,
        "model_version": "2.1.0", "usage": {"tokens": 311}, "request_id": "9f1c2e7ab4",
    }  # fmt: skip
    assert said(output | more) == said(output)


def test_an_entity_that_is_listed_a_thousand_times_leaves_room_for_the_next() -> None:
    spans = [{"entity": X, "start": i, "end": i + 4, "score": 0.85} for i in range(1100)]
    assert said([*spans, {"entity": Y, "start": 1, "end": 2, "score": 0.9}]) == [X, Y]


def test_one_failed_check_among_a_thousand_is_found() -> None:
    checks = {f"check_{i}": "pass" for i in range(1100)}
    assert said({"checks": checks | {X: "fail"}}) == [X]


def test_the_key_of_a_category_may_hold_the_text_it_was_found_in() -> None:
    assert said({"email": "a@b.example", "phone": ""}) == ["email"]
