"""Names that stand as a reason, as a step of a scale, or behind the name of an enum."""

from typing import Any

import pytest
from said import said

X, Y = "frobnication", "quuxing"

REASONS: list[tuple[Any, list[str] | str]] = [
    ({"blocked": True, "reason": "hate speech"}, ["hate speech"]),
    ({"passed": False, "reason": "toxicity"}, ["toxicity"]),
    (
        {"images": [{"filteredReason": "All images were filtered out by the guidelines."}]},
        ["all images were filtered out by the guidelines"],
    ),
    ({"images": [{"filteredReason": None}]}, "unread"),
    ({"is_spam": 1, "is_toxic": 0}, ["spam"]),
    ({"labels": [{"ver": 1, "val": X}]}, [X]),
    ("No toxicity, but contains personal data (phone number).", ["phone number"]),
    ({"action": "allow", "reason": "violence"}, "clean"),
    ({"blocked": False, "reason": "violence"}, "unread"),
    ({"flagged": True, "categories": {"violence": True}, "reason": "hate speech"}, ["violence"]),
    ({"status": "REJECTED", "reasons": [{"code": "12", "reason": "Nudity"}]}, ["nudity"]),
    ("<mod><status>REJECTED</status><reason code='12'>Nudity</reason></mod>", ["nudity"]),
    (
        {"status": "failed", "error": "NSFW content detected in all outputs."},
        ["nsfw content detected in all outputs"],
    ),
    ({"status": "failed", "error": "CUDA out of memory"}, "failed"),
]
HEADED: list[tuple[Any, list[str] | str]] = [
    ({X: {f"{X}_content": False, "confidence_score": 0.98}}, "clean"),
    ({X: {f"{X}_content": True, "confidence_score": 0.98}}, [X]),
    ({X: {f"{X}_of_{Y}": False, "score": 0.98}}, [X]),
    ({"hateful": {"level_1": 0.91, "level_2": 0.33}, "sexual": {"level_1": 0.02}}, ["hateful"]),
    ({"checks": {X: {"enabled": True, "result": "pass"}}}, "clean"),
    ({"checks": {X: {"enabled": True, "result": "fail"}}}, [X]),
    ({"blocked": False, "rule": f"no-{X}"}, "clean"),
    ({"blocked": True, "rule": f"no-{X}"}, [X]),
    ({"flagged": False, "total_compute_time": 0.5}, "clean"),
    ({"scan": {"security_warnings": 1}, "warnings": [{"type": X}]}, [X]),
    ({"phone": ["5550199"], "email": []}, ["phone"]),
]
MORE: list[tuple[Any, list[str] | str]] = [
    ({"action": "remove", "ai_text": {"labels": ["spam"]}}, ["spam"]),
    ({"violations": {"privacy": ["email", "phone"], "safety": []}}, ["email", "phone"]),
    ({"violence": ["hate", "spam"]}, ["violence"]),
    ({"categories": [{"confidence": 92.4, "name": {"en": X}}]}, [X]),
    ({"status": "block", "violation_types": [X], "cwe_codes": ["CWE-77"]}, [X]),
    ({"violation": {"violation_level": "error", "user_message": "x"}}, ["violation level"]),
    ("GuardResponse(violation=PolicyViolation(rule='frobnication', severity='high'))", [X]),
    ({"threatType": "frobnication", "threatEntryType": "URL"}, [X]),
    (
        "acme.exceptions.HttpResponseError: (InvalidBody) The text is too long\n"
        "Code: InvalidBody\nMessage: The text is too long",
        "failed",
    ),
    (
        'Likely blocked by filters.\nContent:\n{}\nRatings:\n{"spam": true}',
        ["likely blocked by filters", "spam"],
    ),
]
ENUMS: list[tuple[Any, list[str] | str]] = [
    ({"status": "ACME_STATUS_CONTENT_FILTER"}, ["content filter"]),
    ({"verdict": "SCAN_VERDICT_UNSAFE", "reason": "x"}, ["unsafe"]),
    ({"status": "ACME_STATUS_OK"}, "unread"),
]


@pytest.mark.parametrize(("output", "expected"), [*REASONS, *HEADED, *MORE, *ENUMS])
def test_names_in_other_places(output: Any, expected: list[str] | str) -> None:
    read = said(output)
    assert read == (sorted(expected) if isinstance(expected, list) else expected)


@pytest.mark.parametrize(
    "text",
    [
        "0 issues fixed, 3 files with issues", "found 3 vulnerabilities", "2 warnings, 0 issues",
        "Found 5 findings (0 blocking)", "original",
    ],
)  # fmt: skip
def test_a_count_of_something_else_clears_nothing(text: str) -> None:
    assert said(text) != "clean"
