"""Texts that deny one thing and claim another: what is denied clears nothing else."""

import pytest
from said import said

OPPOSED = [
    ("Does not contain malware. Does contain a phishing link.", "does contain a phishing link"),
    ("Does contain a phishing link. Does not contain malware.", "does contain a phishing link"),
    ("Does not contain malware. Contains a phishing link.", "phishing link"),
    ("Does not contain malware! Does contain a phishing link!", "does contain a phishing link"),
    ("Does not contain malware - does contain a phishing link.", "does contain a phishing link"),
    ("Does not contain malware; does contain a phishing link.", "does contain a phishing link"),
    ("Does not contain malware, does contain a phishing link.", "does contain a phishing link"),
    ("Does not contain malware and does contain a phishing link.", "does contain a phishing link"),
    ("Does not contain malware while it does contain a link.", "it does contain a link"),
    ("No malware was found. A phishing link was found.", "a phishing link was found"),
    ("No malware. Phishing link.", "phishing link"),
    ("No malware found\nPhishing link found", "phishing link found"),
    ("It is not spam; it contains hate speech.", "it contains hate speech"),
    ("This is not a threat. This is harassment.", "this is harassment"),
    ("There is no profanity. There is hate speech.", "there is hate speech"),
    ("No longer considered spam. Contains a threat.", "threat"),
    ("No hate speech. Violence is present.", "violence is present"),
    ("Not toxic. Toxic toward women in the last line.", "toxic toward women in the last line"),
    ("Although no profanity was found, the text threatens her.", "the text threatens her"),
    ("No PII detected, however a password is shown.", "password is shown"),
    ("Has no profanity. Has a threat.", "has a threat"),
    ("Is not hateful. Is violent.", "is violent"),
    ("Nothing toxic here. It does leak an API key.", "it does leak an api key"),
    ("Enthält keine Beleidigung. Enthält eine Drohung.", "enthält eine drohung"),
    ("Ne contient pas de haine. Contient une menace.", "contient une menace"),
    ("No contiene malware. Contiene un enlace.", "contiene un enlace"),
    ("Não contém malware. Contém um link de phishing.", "contém um link de phishing"),
    ("Non contiene malware. Contiene un link di phishing.", "contiene un link di phishing"),
    ("Не содержит вредоносного кода. Содержит ссылку.", "содержит ссылку"),  # noqa: RUF001
    ("不包含恶意软件。包含钓鱼链接。", "包含钓鱼链接"),
    ("フィッシングは含まれていません。暴力が含まれています。", "暴力が含まれています"),
]  # fmt: skip
DENIED = [
    "Does not contain malware. Does not contain a phishing link.",
    "No malware. No phishing link.",
    "Contains no profanity. Contains no personal data.",
    "The text is safe. No policy is violated.",
    "This is not a jailbreak attempt. The user asks a legitimate question.",
    "No longer considered spam after review.",
    "No longer flagged as toxic.",
    "No issues found. The message contains a greeting.",
]


@pytest.mark.parametrize(("text", "claim"), OPPOSED, ids=[row[0] for row in OPPOSED])
def test_what_is_denied_clears_nothing_else(text: str, claim: str) -> None:
    assert said(text) == [claim]


@pytest.mark.parametrize("text", DENIED)
def test_what_only_denies_is_clean(text: str) -> None:
    assert said(text) == "clean"


def test_a_quoted_claim_is_nobodys_finding() -> None:
    quoting = 'No malware was found. The user wrote "it contains a phishing link".'
    assert said(quoting) == ["no malware was found"]


def test_what_is_no_longer_good_is_not_clean() -> None:
    assert said("No longer considered safe after review.") != "clean"
    assert said("No longer allowed.") != "clean"
