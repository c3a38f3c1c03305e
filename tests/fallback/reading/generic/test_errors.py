"""Errors of gateways and frameworks: a block that one reports is a finding, others are not."""

import json
from typing import Any

import pytest
from said import said

X, Y = "frobnication", "quuxing"
PROXY = {"type": "None", "param": "None", "code": "400"}

NAMED: list[tuple[Any, list[str]]] = [
    (f'data: {{"error": "Blocked by Acme Guard, Violations: {X}, {Y}"}}', [X, Y]),
    ({"error": {"message": f"Request rejected by guardrail: {X} detected", **PROXY}}, [X]),
    ({"error": {"message": {"error": "Violated policy", "categories": {X: True, Y: False}}}}, [X]),
    ({"error": {"message": json.dumps({"error": "Denied", "labels": [X]}), **PROXY}}, [X]),
    (f"{{'error': {{'message': None, 'violations': ['{X}'], 'code': 400}}}}", [X]),
    (f"Error: 400 - {{'error': {{'message': 'Blocked', 'categories': {{'{X}': True}}}}}}", [X]),
    (f"GuardException: Request blocked. Violated policies: no_{X}, no_{Y}", [X, Y]),
    (f"ValueError: unsafe prompt. Violated Policy: POLICY__NO_{X.upper()}", [X]),
    ({"errors": [{"code": 4001, "reason": "prompt injection"}]}, ["prompt injection"]),
    ({"details": {"prompt": {"violence": {"result": True, "confidence": 0.95}}}}, ["violence"]),
    (
        {"error": {"message": "Blocked PII entity detected: EMAIL by Guardrail: x."}},
        ["email", "pii entity"],
    ),
    ({"error": "Content blocked: gore category keyword 'x' detected (severity: high)"}, ["gore"]),
    ({"error": {"message": {"error": "Violated guardrail policy", "labels": [X]}}}, [X]),
    ({"action": "BLOCK", "method": "TOXICITY", "policy_id": "p-1"}, ["toxicity"]),
]
BLOCKED: list[Any] = [
    {"error": "Blocked by the house guard"},
    {"error": {"code": "1301", "message": "The content was blocked"}},
    'status code: 400; body: {"error": {"code": "1301", "message": "The content was blocked"}}',
    {"type": "error", "error": "Unexpected stop reason: content_filtered"},
    {"error": {"message": "{'error': 'Violated guardrail policy', 'guardrail_name': 'acme'}"}},
    {"error": {"message": "Guardrail raised an exception: Tool 'x' denied by default", **PROXY}},
    {"error": {"message": "The prompt is not processed.", "code": "content_policy_violation"}},
    {"detail": {"error": "Violated guardrail policy", "info": {"score": 12, "state": "completed"}}},
    {"status": 400, "error": "Bad Request", "message": "The message was flagged by moderation"},
    {"code": 20101, "msg": "content contains sensitive words", "data": None},
    {"error": {"code": "data_inspection_failed", "message": "Data may contain inappropriate text"}},
]
FAILED: list[Any] = [
    {"error": "Permission denied for project x"},
    {"error": "Access denied: token expired"},
    {"error": {"message": "Guardrail check failed: upstream timed out", **PROXY}},
    {"code": 1003, "msg": "token expired", "data": None},
    {"Code": 408, "Message": "the commodity is not activated", "RequestId": "N-1"},
    {"moderation": {"status": "FAILED", "error": "the endpoint returned 503", "reasons": []}},
    {"name": X, "status": "failed", "error": "worker lost"},
    "skipped: text too short",
    "Not evaluated (language not supported)",
]


@pytest.mark.parametrize(("output", "names"), NAMED)
def test_a_block_names_what_it_blocked(output: Any, names: list[str]) -> None:
    assert said(output) == names


@pytest.mark.parametrize("output", BLOCKED)
def test_a_block_without_a_name_is_a_finding(output: Any) -> None:
    read = said(output)
    assert isinstance(read, list)
    assert len(read) == 1


@pytest.mark.parametrize("output", FAILED)
def test_what_was_not_judged_is_no_finding_and_not_clean(output: Any) -> None:
    assert said(output) == "failed"


def test_no_error_is_no_failure() -> None:
    assert said({"error": "no error", "flagged": False}) == "clean"


def test_a_result_of_a_check_says_neither() -> None:
    assert said({"pii_check": {"result": True}}) == "unread"


def test_a_check_that_failed_is_a_finding_and_a_check_of_health_is_none() -> None:
    assert said({"error": "No prediction. failed toxicity check"}) == ["toxicity"]
    assert said({"error": "failed health check"}) == "failed"
