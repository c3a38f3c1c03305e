"""A tool's remark that it did not check: nothing was found, and nothing is cleared."""

from typing import Any

import pytest
from said import said

REMARKS = [
    "Scan was skipped",
    "the toxicity classifier is temporarily unavailable",
    "Language not supported",
    "moderation timed out, failing open",
    "This check has been disabled by the administrator",
    "The document could not be parsed.",
    "could not reach the model",
    "Failed to load classifier weights",
    "guardrail was not executed",
    "service unavailable",
]
CLEAN = [
    "Scan completed",
    "The check passed",
    "no policy applies",
    "The text is a recipe, nothing harmful",
    "This message was reviewed",
    "The content is not malicious",
    "Unable to find anything harmful",
    "The user asks how a scan is skipped",
    "input is benign",
]
EMPTY: list[dict[str, Any]] = [
    {"findings": []},
    {"flagged": False},
    {"scores": {}},
    {"verdict": "safe"},
    {"hate": 0.01},
]


@pytest.mark.parametrize("output", EMPTY)
@pytest.mark.parametrize("key", ["note", "comment", "reason", "details"])
@pytest.mark.parametrize("remark", REMARKS)
def test_what_was_not_checked_is_not_clean(remark: str, key: str, output: dict[str, Any]) -> None:
    assert said({**output, key: remark}) == "unread"


@pytest.mark.parametrize("output", EMPTY)
@pytest.mark.parametrize("key", ["note", "comment", "reason", "details"])
@pytest.mark.parametrize("remark", CLEAN)
def test_other_remarks_clear_as_before(remark: str, key: str, output: dict[str, Any]) -> None:
    assert said({**output, key: remark}) == said(output) == "clean"


@pytest.mark.parametrize("status", ["skipped", "not run", "not applicable"])
def test_a_status_of_the_whole_counts_and_one_of_a_part_does_not(status: str) -> None:
    assert said({"findings": [], "status": status}) == "unread"
    parts = [{"check": "secrets", "status": "passed"}, {"check": "spelling", "status": status}]
    assert said({"results": parts}) == "clean"


def test_a_finding_stays_beside_it() -> None:
    output = {"flagged": True, "category": "hate", "note": "the image check was skipped"}
    assert said(output) == ["hate"]
