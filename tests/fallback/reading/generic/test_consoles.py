"""What scanners print on a terminal, and words that only their own detector takes for names."""

import pytest
from said import said

NETEASE = "netease-yidun"


@pytest.mark.parametrize(
    "text",
    [
        "Total: 0 (UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 0, CRITICAL: 0)",
        "Scan complete\nCritical: 0\nHigh: 0\nMedium: 0\nLow: 0",
        "violations: []",
    ],
)
def test_counts_of_zero_are_clean(text: str) -> None:
    assert said(text) == "clean"


@pytest.mark.parametrize(
    "text",
    [
        "Total: 4 (UNKNOWN: 0, LOW: 1, MEDIUM: 0, HIGH: 3, CRITICAL: 0)",
        "Scan complete\nCritical: 0\nHigh: 2\nMedium: 0\nLow: 7",
        "Successes: 8\nFailures: 2\nErrors: 0\nPass Rate: 80.00%",
    ],
)
def test_a_count_above_zero_is_never_clean(text: str) -> None:
    assert said(text) != "clean"


def test_colours_of_a_terminal_are_no_part_of_a_name() -> None:
    assert said("\x1b[31mfrobnication\x1b[0m: true") == ["frobnication"]


@pytest.mark.parametrize(
    "output",
    [
        {"label": 600},
        {"label": "600", "level": 2},
        ["600"],
        "600: HIGH",
        "0.93 600",
        "2) 600",
        "label=600 level=2",
    ],
)
def test_a_number_of_the_own_vocabulary_is_a_name(output: object) -> None:
    assert said(output, NETEASE) == ["600"]


def test_numbers_of_the_own_vocabulary_are_listed() -> None:
    assert said("600, 100", NETEASE) == ["100", "600"]


@pytest.mark.parametrize(
    ("detector", "text", "name"),
    [
        ("ai4privacy-300k-model", "PASS: HIGH", "pass"),
        (
            "amazon-bedrock-guardrails",
            "automatedReasoningPolicy: true",
            "automated reasoning policy",
        ),
        ("tencent-tms", '{"label": "Custom"}', "custom"),
        ("pillar-security", "4 - secrets", "secrets"),
    ],
)
def test_an_own_word_is_a_name_whatever_it_means_elsewhere(
    detector: str, text: str, name: str
) -> None:
    assert said(text, detector) == [name]


def test_levels_of_a_logger_and_its_progress_name_nothing() -> None:
    lines = (
        "INFO: scanning 48 files",
        "WARN: [HIGH] API key in src/a.sh:12",
        "INFO: done, 1 finding",
    )
    assert said("\n".join(lines)) == ["api key"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("555-0100 => PHONE_NUMBER", ["phone number"]),
        ("jo@ex.com => EMAIL (0.99)\n555-0100 => PHONE_NUMBER (0.75)", ["email", "phone number"]),
        ("I would classify this as spam.", ["spam"]),
        ("Private key in src/id.pem:1", ["private key"]),
        ("/srv/a.zip: Frobnication FOUND", ["frobnication"]),
        ("2026-11-02 10:11:12 WARN guard: rule=ssn-detector match=1 file=a.csv", ["ssn"]),
        ("• Category: hate\n• Score: 0.94", ["hate"]),
        ("not ok 1 - no weapons\nok 2 - no pii\n1..2", ["weapons"]),
    ],
)
def test_a_label_beside_its_text_or_place_is_read(line: str, wanted: list[str]) -> None:
    assert said(line) == wanted


def test_a_denied_class_is_not_found() -> None:
    assert said("I wouldn't classify this as spam.") != ["spam"]


def test_checks_of_a_protocol_that_passed_are_clean() -> None:
    assert said("TAP version 13\nok 1 - no weapons\nok 2 - no pii\n1..2") == "clean"
