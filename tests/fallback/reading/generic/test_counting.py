"""Texts and records that count findings: zero clears only what it counts."""

import pytest
from said import said

from fallback.reading.generic.vocabulary.counting import counts
from schemas.text import normalise


@pytest.mark.parametrize(
    "text",
    [
        "Scanned 1,284 files. 0 secrets found.",
        "2 tests, 2 passed, 0 warnings, 0 failures, 0 exceptions",
        "12 prompts checked, 0 blocked, 12 allowed",
        "0 critical, 0 high, 0 medium, 0 low",
        "Ran 312 rules on 5 files in 3.2 s: 0 findings",
        "| Severity | Count |\n|---|---|\n| Critical | 0 |\n| High | 0 |",
    ],
)
def test_a_count_of_nothing_is_clean(text: str) -> None:
    assert said(text) == "clean"


@pytest.mark.parametrize(
    "text",
    [
        "0 findings 5 blocking",
        "0 findings, 2 files infected",
        "Ran 412 rules on 87 files: 0 findings 5 blocking.",
        "Scan complete: 0 errors, 3 findings (3 blocking)",
        "12 prompts checked, 2 blocked, 10 allowed",
        "1 critical, 0 high",
        "| Severity | Count |\n|---|---|\n| Critical | 0 |\n| High | 2 |",
    ],
)
def test_a_zero_clears_no_other_count(text: str) -> None:
    assert said(text) != "clean"


def test_a_declared_summary_takes_no_other_count() -> None:
    assert said("Ran 412 rules on 87 files: 0 findings.", "semgrep") == "clean"
    assert said("Ran 412 rules on 87 files: 0 findings 5 blocking.", "semgrep") != "clean"


def test_a_count_of_zero_outranks_the_grade_beside_it() -> None:
    assert said({"type": "EMAIL", "severity": "high", "count": 0}) == "clean"
    assert said({"type": "EMAIL", "severity": "high", "count": 2}) == ["email"]


def test_a_number_beside_a_word_of_no_list_is_no_count() -> None:
    assert counts("0 findings, 3 apples") is None
    assert counts("2 errors, 0 findings") is None


def test_a_number_that_was_cut_off_counts_nothing() -> None:
    assert counts("threats: 0.") is None


def test_a_field_may_count_what_it_names() -> None:
    assert said("toxicity: ok, bias: ok, pii: 2 hits, secrets: 0 matches") == ["pii"]


@pytest.mark.parametrize(
    "text",
    ["All rails passed", "All 7 checks passed (0 skipped).", "6/6 input scanners passed",
     "0 of 4 checks failed", "0/20 attacks succeeded"],
)  # fmt: skip
def test_checks_that_all_passed_are_clean(text: str) -> None:
    assert said(text) == said({"result": text}) == "clean"


@pytest.mark.parametrize(
    "text",
    ["5 of 6 rails passed", "5/6 checks passed", "3 of 4 checks failed", "3/20 attacks succeeded"],
)
def test_a_check_that_did_not_pass_is_a_finding(text: str) -> None:
    assert said(text) == said({"result": text}) == [normalise(text)]


def test_a_check_that_is_excepted_is_what_was_found() -> None:
    assert said("All validators passed except toxicity") == ["toxicity"]


def test_a_line_that_begins_with_a_count_of_errors_is_no_bookkeeping() -> None:
    assert said("2 errors in file: config.yml\nFindings: 0") == "unread"
    assert said("[+] Scan complete. 0 leaks in 132 commits.") == "clean"
