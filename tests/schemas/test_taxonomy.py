"""The taxonomy: its normal form of names, its labels, and how labels combine."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract import LOW_RISK, MODEL_ERROR, NEEDS_REVIEW, OTHER_PREFIX, SAFE, UNKNOWN
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise

TAXONOMY = load_taxonomy()
LABELS = st.sampled_from(TAXONOMY.names)

# --- normal form --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("self-harm", "self harm"),
        ("SelfHarm", "self harm"),
        ("SELF_HARM", "self harm"),
        ("self/harm", "self harm"),
        ("  self :: harm. ", "self harm"),
        ("USPassportNumber", "us passport number"),
        ("MaliciousURLs", "malicious urls"),
        ("ContainsIPv4", "contains ipv4"),
        ("IPv4", "ipv4"),
        ("", ""),
        ("---", ""),
        ("Straße", "strasse"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(st.text())
def test_normal_form_is_stable_and_free_of_separators(text: str) -> None:
    normal = normalise(text)
    assert normalise(normal) == normal
    assert normal == normal.strip()
    assert not re.search(r"[_\-/.:]|\s\s", normal)


# --- taxonomy -----------------------------------------------------------------------------


def test_the_taxonomy_has_its_116_labels() -> None:
    assert TAXONOMY.version == "2026.11"
    assert len(TAXONOMY) == len(set(TAXONOMY.names)) == 116
    assert sum(label.since == "2025.09" for label in TAXONOMY.labels) == 50


def test_the_labels_that_code_decides_by_are_of_the_taxonomy() -> None:
    named = {SAFE, LOW_RISK, UNKNOWN, NEEDS_REVIEW, MODEL_ERROR}
    assert named <= set(TAXONOMY.names)
    assert all(name.startswith(OTHER_PREFIX) for name in named)


def test_every_label_is_described_and_has_aliases_of_its_own() -> None:
    owners: dict[str, str] = {}
    for label in TAXONOMY.labels:
        assert label.parent in TAXONOMY.categories
        assert len(label.aliases) >= 4
        assert len({normalise(alias) for alias in label.aliases}) == len(label.aliases)
        for alias in label.aliases:
            squeezed = normalise(alias).replace(" ", "")
            assert owners.setdefault(squeezed, label.name) == label.name, alias


def test_descriptions_tell_labels_apart() -> None:
    assert len({label.description for label in TAXONOMY.labels}) == len(TAXONOMY)


@pytest.mark.parametrize(
    ("labels", "answer"),
    [
        (["OTHER.Safe"], ["OTHER.Safe"]),
        (["OTHER.Safe", "OTHER.Safe"], ["OTHER.Safe"]),
        (["OTHER.Safe", "PII.Other"], ["PII.Other"]),
        (["OTHER.LowRisk", "OTHER.NeedsReview"], ["OTHER.NeedsReview"]),
        (["OTHER.Safe", "OTHER.Unknown"], ["OTHER.Unknown"]),
        (["OTHER.LowRisk", "OTHER.Safe"], ["OTHER.LowRisk"]),
        (["HARM.Unspecified", "HARM.SPEECH.Hate.Race"], ["HARM.SPEECH.Hate.Race"]),
        (["HARM.Unspecified", "HARM.VIOLENCE.Other"], ["HARM.VIOLENCE.Other"]),
        (["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Hate.Race"], ["HARM.SPEECH.Hate.Race"]),
        (["PII.Other", "PII.Contact.Email"], ["PII.Contact.Email"]),
        (["PII.Contact.Email", "PII.Identifier.Other"], None),
        (["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"], None),
        (["HARM.SPEECH.Threat", "HARM.Unspecified", "CYBER.Malware"], None),
        (
            ["HARM.SPEECH.Threat", "HARM.SPEECH.Hate.Other"],
            ["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"],
        ),
        (["OTHER.OffTopic", "JAILBREAK.Attempt"], ["JAILBREAK.Attempt", "OTHER.OffTopic"]),
        (
            ["PROMPT_INJECTION.Other", "JAILBREAK.Attempt"],
            ["JAILBREAK.Attempt", "PROMPT_INJECTION.Other"],
        ),
        ([], []),
    ],
)
def test_labels_combine(labels: list[str], answer: list[str] | None) -> None:
    kept = [name for name in labels if name != "HARM.Unspecified"] if answer is None else answer
    assert TAXONOMY.combine(labels) == tuple(kept)


@given(st.lists(LABELS, min_size=1))
def test_a_combination_is_a_stable_subset_in_any_order(labels: list[str]) -> None:
    answer = TAXONOMY.combine(labels)
    assert answer
    assert set(answer) <= set(labels)
    assert TAXONOMY.combine(answer) == TAXONOMY.combine(reversed(labels)) == answer
    depths = [name.count(".") for name in answer]
    assert depths == sorted(depths, reverse=True)


def test_an_unknown_label_does_not_combine() -> None:
    with pytest.raises(KeyError):
        TAXONOMY.combine(["HARM.Nothing"])
