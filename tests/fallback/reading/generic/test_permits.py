"""What was done, and that a program ran, clear nothing that stands beside them."""

from typing import Any

import pytest
from said import said

OUTPUTS: list[tuple[Any, list[str] | str]] = [
    # a permission silences no detection
    ({"allowed": True, "detections": [{"type": "EMAIL"}]}, ["email"]),
    ({"approved": True, "violations": ["hate speech"]}, ["hate speech"]),
    ({"proceed": True, "findings": {"violence": True}}, ["violence"]),
    ({"allowed": True, "detections": []}, "clean"),
    ({"allowed": True, "hate": 0.97}, "clean"),
    ({"allowed": True}, "clean"),
    ({"allowed": True, "reason": "no policy applies"}, "clean"),
    ({"allowed": False, "category": "violence"}, ["violence"]),
    # a run that came to its end clears nothing that a remark reports
    ({"status": "ok", "note": "jailbreak attempt detected"}, ["jailbreak attempt detected"]),
    ({"ok": True, "message": "hate speech was detected"}, ["hate speech was detected"]),
    ({"status": "ok", "message": "no issues found"}, "clean"),
    ({"status": "ok"}, "clean"),
    # one flag of an unknown name may be the worst news
    ({"go": False}, "unread"),
    ({"keeps_zorbs": False}, "unread"),
    ({"hate": False}, "clean"),
    ({"flagged": False, "keeps_zorbs": False}, "clean"),
    ({"zorbs": False, "quibbles": False}, "clean"),
]


@pytest.mark.parametrize(("output", "expected"), OUTPUTS)
def test_what_clears(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected
