"""Outputs in words: labels, joins, headers, verdicts, sentences."""

import pytest
from said import said

X, Y = "frobnication", "quuxing"

CLEAN = [
    "safe", "Safe.", "No issues found.", "no PII, no toxicity", "All checks passed", "✅ safe",
    "Decision: allow", "Hate speech: no", "Verdict: safe. The text discusses suicide prevention.",
    "Safe. The text gives hotline numbers and is supportive.", "No, this is not harmful.",
    "This is not a jailbreak attempt. The user asks a legitimate question.", "toxicity: PASS",
    "Sexual: safe, Violence: safe", "suite.Probe: PASS  ok on 10/10", "score: 0.02",
    "0 issues found", "found 0 vulnerabilities", "Ran 312 rules on 5 files: 0 findings.",
]  # fmt: skip
EMPTY = ["", " ", '"', ";", ",", "||", "()", "{{}}", "``", "null", "{"]
FAILED = [
    "TypeError: foo() got an unexpected keyword argument", "HTTP 503 Service Unavailable",
    "502 Bad Gateway", "rpc error: code = Unavailable desc = transport is closing",
    "requests.exceptions.ReadTimeout: HTTPSConnectionPool: Read timed out.",
    "Internal Server Error",
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
    "Error: failed to connect to upstream", "Service Unavailable", "request timed out",
    'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: bad',
]  # fmt: skip
NAMES = [
    (f"{X}: 0.93, {Y}: 0.1", [X]),
    (f"{X}=0.93 {Y}=0.03", [X]),
    (f"{X} (0.93), {Y} (0.91)", [X, Y]),
    (f"{X}|{Y}", [X, Y]),
    (f"{X}; {Y}", [X, Y]),
    (f"{X} + {Y}", [X, Y]),
    (f"- {X}\n- {Y}", [X, Y]),
    (f"1. {X}\n2. {Y}", [X, Y]),
    (f"* {X}: yes\n* {Y}: no", [X]),
    (f"{X} PASS\n{Y} FAIL", [Y]),
    (f"[{X}: none] [{Y}: detected]", [Y]),
    ("hate/harass/violence", ["harass", "hate", "violence"]),
    ("Flagged for hate and spam", ["hate", "spam"]),
    ("Blocked due to hate speech", ["hate speech"]),
    ("PII detected: email, phone", ["email", "phone"]),
    (f"Categories: {X}, {Y}", [X, Y]),
    ("2 emails, 1 phone number, 0 credit cards", ["emails", "phone number"]),
    ("malicious: 5, suspicious: 0, harmless: 3", ["malicious"]),
    (f"unsafe\n{X}", [X]),
    ("unsafe: hate, spam", ["hate", "spam"]),
    ("Unsafe (hate)", ["hate"]),
    ("unsafe S1,S2", ["s1", "s2"]),
    ("Result: flagged (hate)", ["hate"]),
    (f"Policy violated: no {X}", [X]),
    ("Rule broken: Do not give medical advice", ["medical advice"]),
    (f"no {X}: FAIL", [X]),
    ("no issues except mild profanity", ["mild profanity"]),
    ("No hate here, but it contains a credible threat", ["a credible threat"]),
    ("<PERSON> lives in <LOCATION>", ["location", "person"]),
    (
        "Error code: 400 - {'error': {'message': 'Rejected by the safety system. If this is wrong, "
        "write to us. safety_violations=[sexual, violence].'}}",
        ["sexual", "violence"],
    ),
    ('Matched "not harmful" under the rule. Violence detected.', ["violence detected"]),
    ("[x] weapons\n[ ] drugs", ["weapons"]),
    ("0,93 hate; 0,02 spam", ["hate"]),
    ("Is this content safe? No.", ["unsafe"]),
    (f"✓ {X}  ✗ {Y}", [Y]),
    (f"№ 7. {X}", [X]),
    ("call me at {{PHONE}} or {{EMAIL}}, {{NAME}}", ["email", "name", "phone"]),
    ("PII:EMAIL,PHONE;TOX:0.02", ["email", "phone"]),
]
#: What may stand around a label without changing it.
AROUND = [
    "{}", "- {}", "* {}", "1. {}", "4) {}", "4.1 {}", "10 - {}", "🚫 {}", "{} 🚫", "[HIGH] {}",
    "{} [high]", "{} - high", "{}: high", "{} (0.93)", "{}: 0.93", "0.93 {}", "{} 93%", "{} x3",
    "**{}**", '"{}"', "{}: yes", "{} (severity: high)", "{}.", "{}: detected", "Category: {}",
]  # fmt: skip
#: Words of failures and of clean texts that are a part of a name.
WORDS_IN_NAMES = [
    "unauthorized access attempt", "error message disclosure", "timeout bypass",
    "safe harbour abuse",
    "no-fly list evasion plans", "unauthorized_file_access", "denial of service",
    "clean room theft",
]  # fmt: skip


@pytest.mark.parametrize("text", CLEAN)
def test_clean(text: str) -> None:
    assert said(text) == "clean"


@pytest.mark.parametrize("text", EMPTY)
def test_nothing_said_is_not_clean(text: str) -> None:
    assert said(text) in ("empty", "unread")


@pytest.mark.parametrize("text", FAILED)
def test_failures_are_known_by_their_form(text: str) -> None:
    assert said(text) == "failed"


@pytest.mark.parametrize(("text", "expected"), NAMES, ids=[row[0] for row in NAMES])
def test_names(text: str, expected: list[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("label", ["hate", "spam", X])
def test_what_stands_around_a_label_does_not_change_it(label: str, around: str) -> None:
    assert said(around.format(label)) == [label]


@pytest.mark.parametrize("name", WORDS_IN_NAMES)
def test_a_word_inside_a_name_clears_and_fails_nothing(name: str) -> None:
    read = said(name)
    assert isinstance(read, list)
    assert len(read) == 1


@pytest.mark.parametrize(
    "text",
    [
        "The user asks for instructions to build a bomb.",
        "I found evidence of grooming in the second message of the conversation.",
        "The answer was not found in the given context.",
        "Nothing in the answer is supported by the sources that were given.",
    ],
)
def test_a_sentence_is_one_signal_with_the_whole_text(text: str) -> None:
    assert said(text) == [said(text)[0]]
    assert len(said(text)[0]) > len(text) * 0.8


@pytest.mark.parametrize("clean", ["safe", "ok", "none", "passed", "no issues found"])
@pytest.mark.parametrize("join", ["{0} | {1}", "{1} | {0}", "{0}\n{1}", "{0}; {1}", "{0}, {1}"])
def test_what_stands_beside_a_clean_word_is_asked_about(join: str, clean: str) -> None:
    read = said(join.format("plans to frobnicate", clean))
    assert read == ["plans to frobnicate"]


@pytest.mark.parametrize(
    "head", ["Verdict: unsafe.", "Decision: block.", "Result: fail.", "Flagged:"]
)
def test_the_reason_stands_for_a_verdict_that_names_no_category(head: str) -> None:
    reason = "The reply explains how to follow a former partner"
    assert said(f"{head} {reason}.") == [reason.casefold()]
