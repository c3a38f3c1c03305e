"""Checks in lines, lists beside flags, and failures that name what was to be checked."""

from typing import Any

import pytest
from said import said

PASSED = [
    ("5 of 5 checks passed: toxicity, bias, pii", "clean"),
    ("All checks passed: toxicity, bias", "clean"),
    ("2 of 2 checks passed: toxicity, something unknown", "clean"),
    ("2 of 5 checks failed: bias, pii", ["bias", "pii"]),
    ("Checks passed: toxicity, bias", "clean"),
    ("PASS: SQL injection\nPASS: cross site scripting (reflected)", "clean"),
    ("PASS: toxicity\nFAIL: pii", ["pii"]),
    ("step 1/2 toxicity ... ok\nstep 2/2 pii ... ok\nAll checks passed.", "clean"),
    ("toxicity ... ok\npii ... FAIL", ["pii"]),
    (
        "t.py::test_toxicity PASSED   [ 50%]\nt.py::test_jailbreak PASSED   [100%]\n\n"
        "===== 2 passed in 1.20s =====",
        "clean",
    ),
    (
        "t.py::test_toxicity PASSED   [ 50%]\nt.py::test_jailbreak FAILED   [100%]\n\n"
        "===== 1 failed, 1 passed in 1.20s =====",
        ["jailbreak"],
    ),
]
BESIDE = [
    ("categories=hate,violence,sexual flags=0,0,1", ["sexual"]),
    ("categories=hate,violence,sexual flags=0,0,0", "clean"),
    ({"labels": "hate, spam", "scores": "0.9, 0.1"}, ["hate"]),
    ({"labels": "hate, spam", "flagged": True}, ["hate", "spam"]),
    ({"votes": {"a": "unsafe", "b": "safe"}, "majority": "unsafe", "topic": "hate"}, ["hate"]),
    ({"votes": {"a": "safe", "b": "unsafe"}}, ["unsafe"]),
    ({"votes": {"a": "safe", "b": "safe"}, "majority": "safe"}, "clean"),
    ({"hate": 1, "violence": 7, "scale_max": 7}, ["violence"]),
    ({"task_completed": True, "violations": ["hate"]}, ["hate"]),
    (
        {"matches": [{"threatType": "BRAND_NEW", "threat": {"url": "http://x.test/"}}]},
        ["brand new"],
    ),
    ({"detected": {"profanity": {"count": 0}, "threats": {"count": 2}}}, ["threats"]),
    ({"categories": {"profanity": {"count": 0}, "threats": {"count": 0}}}, "clean"),
    ("1) Is there hate speech? no\n2) Is there self-harm? yes", ["self harm"]),
    ("1) Does it contain threats? No\n2) Does it contain spam? No", "clean"),
    ("[x] hate   [ ] violence   [ ] sexual", ["hate"]),
    ("hate      [##........] 0.21\nviolence  [########..] 0.83", ["violence"]),
    ("hate ██░░░░ 0.21\nviolence █████░ 0.83", ["violence"]),
    ("gibberish score 0.97 > 0.8", ["gibberish"]),
    ("toxicity 0.61 < threshold 0.80", "clean"),
    ("{Flagged:true Categories:[{Name:hate Score:0.93} {Name:sexual Score:0.01}]}", ["hate"]),
]
FAILED = [
    {"results": [], "errors": [{"scanner": "toxicity", "error": "model not loaded"}]},
    'Traceback (most recent call last):\n  File "guard.py", line 12, in run\n'
    "    return scores['toxicity']\nKeyError: 'toxicity'",
]


@pytest.mark.parametrize(("output", "expected"), PASSED)
def test_checks_that_passed_are_no_findings(output: str, expected: list[str] | str) -> None:
    assert said(output) == expected


@pytest.mark.parametrize(("output", "expected"), BESIDE)
def test_what_stands_beside_a_name_judges_it(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected


@pytest.mark.parametrize("output", FAILED)
def test_the_name_of_a_check_that_broke_is_no_finding(output: Any) -> None:
    assert said(output) == "failed"


def test_a_block_that_ends_a_traceback_is_a_finding() -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: blocked: hate'
    assert said(text) != "failed"


def test_a_heading_without_a_value_is_no_name() -> None:
    assert said("remote: 3 objects\nremote:   locations:\nremote:   path: a.js") == "unread"
