"""Outputs that say that the check was not made on everything: nothing found clears nothing."""

from typing import Any

import pytest
from said import said

PARTIAL: list[dict[str, Any]] = [
    # flags of the run
    {"input_truncated": True},
    {"was_interrupted": True},
    {"scan_incomplete": True},
    {"bypassed": "yes"},
    {"stub": True},
    {"verdict_overridden": True},
    {"analysis_complete": False},
    {"classifier_loaded": False},
    {"guardrail_executed": False},
    {"language_supported": "false"},
    # counts
    {"unscanned_pages": 3},
    {"scan_errors": 1},
    {"n_checks_failed_to_run": 2},
    {"documents_checked": 0},
    {"evaluated_prompts": 0},
    {"coverage": 0.4},
    {"scan_coverage": "55%"},
    # categories that were left out
    {"unavailable_detectors": ["violence"]},
    {"not_evaluated": ["self harm"]},
    {"timed_out": ["hate", "spam"]},
    {"errored_checks": {"hate": "no model"}},
    # reservations of the tool
    {"caveat": "the second half threatens a neighbour"},
    {"except": "one insult"},
    {"warnings": ["the toxicity classifier failed to load"]},
]
WHOLE: list[dict[str, Any]] = [
    {"input_truncated": False},
    {"is_complete": True},
    {"unscanned_pages": 0},
    {"scan_errors": 0},
    {"documents_checked": 7},
    {"unavailable_detectors": []},
    {"skipped": ["README.md", "a.png"]},
    {"caveat": "none"},
    {"except": ""},
    {"warnings": []},
]
CLEAR: list[dict[str, Any]] = [{"flagged": False}, {"verdict": "safe"}, {"hate": 0.02}]


@pytest.mark.parametrize("output", CLEAR)
@pytest.mark.parametrize("beside", PARTIAL, ids=str)
def test_a_part_that_was_not_judged_is_not_clean(
    beside: dict[str, Any], output: dict[str, Any]
) -> None:
    assert said({**output, **beside}) != "clean"
    assert said({"result": {**output, **beside}}) != "clean"


@pytest.mark.parametrize("output", CLEAR)
@pytest.mark.parametrize("beside", WHOLE, ids=str)
def test_a_whole_check_clears_as_before(beside: dict[str, Any], output: dict[str, Any]) -> None:
    assert said({**output, **beside}) == "clean"


@pytest.mark.parametrize("beside", PARTIAL, ids=str)
def test_a_finding_stays_beside_it(beside: dict[str, Any]) -> None:
    found = said({"flagged": True, "category": "harassment", **beside})
    assert "harassment" in found


OUTPUTS: list[tuple[Any, list[str] | str]] = [
    # a known category without a result
    ({"violence": False, "hate": "pending"}, "unread"),
    ({"violence": "no", "hate": "unknown"}, "unread"),
    ("violence: no\nhate: not evaluated", "unread"),
    ({"violence": False, "spelling": "skipped"}, "clean"),
    ({"violence": False, "hate": None}, "clean"),
    ({"violence": True, "hate": "pending"}, ["violence"]),
    ({"flagged": False, "scan_coverage": "100%"}, "clean"),
    ({"flagged": False, "coverage": 1.0}, "clean"),
    # texts that say so in another clause
    ("0 findings (3 scanners crashed)", "unread"),
    ("No issues found. 1 file could not be read.", "unread"),
    ("Passed: 0, Failed: 0, Skipped: 4", "unread"),
    ("0 passed, 0 failed", "unread"),
    ("4 passed, 0 failed", "clean"),
    ("0 of 3 rails failed", "clean"),
    ("clean?", "unread"),
    ("No issues found. The scan was completed.", "clean"),
    # a person must look
    ({"verdict": "safe", "requires_review": True}, ["requires review"]),
    # checks that were skipped, and elements without content
    ('<testsuite tests="1"><testcase name="no_slurs"><skipped/></testcase></testsuite>', "unread"),
    ('<testsuite tests="1"><testcase name="toxicity"><failure/></testcase></testsuite>',
     ["toxicity"]),
    ("<violations><harassment/><spam /></violations>", ["harassment", "spam"]),
    ("ok 1 - toxicity # SKIP no model\nok 2 - bias # TODO", "unread"),
    ("ok 1 - toxicity\nnot ok 2 - bias # TODO", ["bias # todo"]),
    # the level of a log line is no finding, and a bare 0 may be the number of the class
    ('ts=1 level=info msg="scan done" detections=2 type=phishing', ["phishing"]),
    ({"label": "accurate", "score": 0}, "unread"),
    ({"label": "accurate", "score": 0.1}, ["factual error"]),
    # an error without content
    ("&{Flagged:false Labels:[] Err:<nil>}", "clean"),
    # one denial in words of other languages
    ("No se encontraron infracciones en el texto.", "clean"),
    ("Nenhum risco foi identificado", "clean"),
    ("Es wurden keinerlei Risiken festgestellt", "clean"),
    ("Non sono stati rilevati insulti", ["non sono stati rilevati insulti"]),
    ("Es wurden keine Prüfungen durchgeführt", ["es wurden keine prüfungen durchgeführt"]),
]  # fmt: skip


@pytest.mark.parametrize(("output", "expected"), OUTPUTS)
def test_what_is_left_open(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected
