"""The rules reproduce the curated vocabulary, spell loosely, and never guess."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.rules.lookup import CONFIDENCE, MatchKind, RuleAnswer, load_rules
from fallback.signal import Signal, Verdict
from schemas.taxonomy import load_taxonomy

VOCABULARY = Path(__file__).parents[2] / "export" / "data" / "vocabulary.jsonl"
ROWS = [json.loads(line) for line in VOCABULARY.read_text(encoding="utf-8").splitlines()]
RULES = load_rules()
WORDS = [(d.name, word) for d in RULES.detectors.values() for word in d.maps]
UNKNOWN_DETECTOR = "some detector nobody curated"


def ask(detector: str, text: str, **more: object) -> RuleAnswer:
    return RULES.map(detector, Signal(text, **more))  # type: ignore[arg-type]


def labels(text: str) -> tuple[str, ...]:
    """What an unknown detector is taken to mean by a text."""
    return ask(UNKNOWN_DETECTOR, text).labels


# The curated vocabulary


def test_every_row_of_the_vocabulary_is_reproduced_exactly() -> None:
    wrong = {
        (row["detector"], row["output"]): answer
        for row in ROWS
        if (answer := ask(row["detector"], row["output"]))
        != RuleAnswer(tuple(row["gold"]), MatchKind.OWN_EXACT, CONFIDENCE[MatchKind.OWN_EXACT])
    }
    assert not wrong


def test_every_detector_of_the_vocabulary_has_a_file_of_its_own() -> None:
    assert {row["detector"] for row in ROWS} <= set(RULES.detectors)


def test_a_legend_explains_codes_and_metrics_of_known_polarity_are_marked() -> None:
    assert RULES.detectors["llama-guard-3"].legend["S10"] == "Hate"
    assert "faithfulness" in RULES.detectors["ragas"].lower_is_worse
    severity = RULES.detectors["azure-content-safety"].severity
    assert severity is not None
    assert (severity.max, severity.flagged_from) == (7, 1)


# Names of detectors


@pytest.mark.parametrize(
    ("spelling", "detector"),
    [
        ("OpenAI Moderation", "openai-moderation"),
        ("openai_moderation", "openai-moderation"),
        ("omni-moderation-latest", "openai-moderation"),
        ("meta-llama/Llama-Guard-3-8B", "llama-guard-3"),
        ("LlamaGuard 2", "llama-guard-2"),
        ("unitary/toxic-bert", "deberta-toxicity"),
        ("  PRESIDIO ", "presidio"),
    ],
)
def test_a_detector_is_found_by_any_spelling_of_its_names(spelling: str, detector: str) -> None:
    found = RULES.resolve(spelling)
    assert found is not None
    assert found.name == detector


@pytest.mark.parametrize("name", ["", "openai", "llama-guard-33", "moderation", "presidio2"])
def test_an_unknown_name_is_no_detector(name: str) -> None:
    assert RULES.resolve(name) is None
    assert not RULES.knows(name, "hate")


# Own entries


@given(st.sampled_from(WORDS), st.sampled_from("_-/.: "), st.sampled_from([str.upper, str.lower]))
def test_case_and_separators_of_an_own_entry_do_not_matter(
    entry: tuple[str, str], separator: str, case: Callable[[str], str]
) -> None:
    detector, word = entry
    variant = case(word.replace("_", separator).replace(" ", separator))
    assert RULES.knows(detector, variant)
    assert ask(detector, variant).labels == ask(detector, word).labels


def test_camel_case_is_a_spelling() -> None:
    for text in ("IdentityAttack", "identity attack", "identity-attack", "IDENTITYATTACK"):
        answer = ask("google-perspective", text)
        assert answer.labels == ("HARM.SPEECH.Hate.Other",)
        assert answer.kind is MatchKind.OWN_NORMALISED
        assert RULES.knows("google-perspective", text)


def test_the_same_code_means_what_its_detector_means_by_it() -> None:
    assert ask("llama-guard-2", "S5").labels == ("ADVICE.Specialized",)
    assert ask("llama-guard-3", "S5").labels == ("HARM.SPEECH.Defamation",)
    assert ask("Llama Guard", "S5").kind is MatchKind.NONE
    assert ask("sentisight-nsfw", "unsafe").labels == ("HARM.SEXUAL.Explicit",)


def test_verdicts_need_no_vocabulary() -> None:
    for verdict, label in (
        (Verdict.NOTHING_FOUND, "OTHER.Safe"),
        (Verdict.EMPTY, "OTHER.Unknown"),
        (Verdict.FAILURE, "OTHER.ModelError"),
    ):
        answer = ask(UNKNOWN_DETECTOR, "hate", verdict=verdict)
        assert (answer.labels, answer.kind) == ((label,), MatchKind.VERDICT)


# What other vocabularies lend


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("selfHarm", "HARM.VIOLENCE.SelfHarm"),
        ("CreditCardNumber", "PII.Identifier.CreditCard"),
        ("VIOLENCE/GRAPHIC", "HARM.VIOLENCE.Graphic"),
        ("threats", "HARM.SPEECH.Threat"),
        ("pii_detected", "PII.Other"),
        ("PII:EMAIL", "PII.Contact.Email"),
        ("Social Security #", "PII.Identifier.SSN"),
        ("JAILBREAK ATTEMPT DETECTED", "JAILBREAK.Attempt"),
        ("B-SURNAME", "PII.Person.Name"),
        ("halucination", "OTHER.Hallucination"),
        ("promt injection", "PROMPT_INJECTION.Other"),
        ("identiy_hate", "HARM.SPEECH.Hate.Other"),
        ("HARM.SPEECH.Toxicity", "HARM.SPEECH.Toxicity"),
    ],
)
def test_a_phrase_that_all_read_alike_is_an_alias(text: str, label: str) -> None:
    answer = ask(UNKNOWN_DETECTOR, text)
    assert (answer.labels, answer.kind) == ((label,), MatchKind.ALIAS)


@pytest.mark.parametrize("text", ["S5", "S10", "LABEL_1", "O3", "H2", "S", "Category1", "vcr"])
def test_opaque_codes_mean_nothing_outside_their_detector(text: str) -> None:
    answer = ask(UNKNOWN_DETECTOR, text)
    assert (answer.labels, answer.kind) == (("OTHER.Unknown",), MatchKind.NONE)
    assert answer.confidence <= 0.3


@pytest.mark.parametrize(
    "text", ["unsafe", "injection", "religion", "yes", "Pass", "fail", "true", "1", "none", "OFF"]
)
def test_words_that_tools_read_differently_are_no_alias(text: str) -> None:
    assert ask(UNKNOWN_DETECTOR, text).kind is MatchKind.NONE


@pytest.mark.parametrize("text", ["safe", "benign", "not-hate", "sfw", "unharmful"])
def test_words_that_clear_are_shared(text: str) -> None:
    assert labels(text) == ("OTHER.Safe",)


def test_contributing_detectors_lend_their_vocabulary_where_they_agree() -> None:
    code = Signal("S12")
    assert RULES.map("gateway", code).kind is MatchKind.NONE
    lent = RULES.map("gateway", code, ["llama-guard-3", "presidio", "nobody"])
    assert (lent.labels, lent.kind) == (("HARM.SEXUAL.Explicit",), MatchKind.ALIAS)
    torn = RULES.map("gateway", Signal("S5"), ["llama-guard-2", "llama-guard-3"])
    assert torn.kind is MatchKind.NONE


# Never harm by accident


ABSENCES = """
    non-toxic, not harmful, nothate, no hate, NON_HATE, not a threat, nonviolent, not flagged,
    hate: not detected, no PII detected, without any profanity, no policy violation
"""


@pytest.mark.parametrize("text", [text.strip() for text in ABSENCES.split(",")])
def test_an_absence_is_safe(text: str) -> None:
    assert labels(text) == ("OTHER.Safe",)


@pytest.mark.parametrize("text", ["not safe", "non-benign", "no groundedness", "not relevance"])
def test_the_absence_of_something_good_is_never_safe(text: str) -> None:
    assert labels(text) != ("OTHER.Safe",)


def test_a_policy_named_by_what_it_forbids_is_not_cleared_when_broken() -> None:
    broken = ask(UNKNOWN_DETECTOR, "No Harassment", flagged=True)
    assert broken.kind is MatchKind.NONE
    assert ask("shieldgemma", "No Harassment").labels == ("HARM.SPEECH.Harassment",)


LOOKALIKES = """
    , !toxic, toxicology, hateful eight review, assassin, skill, weapons-grade, not, amoral,
    the therapist said, S5 hate S6, I hate mondays, severity 0
"""


@pytest.mark.parametrize("text", [text.strip() for text in LOOKALIKES.split(",")])
def test_a_phrase_that_only_contains_a_known_one_is_unknown(text: str) -> None:
    assert labels(text) == ("OTHER.Unknown",)


@given(st.text(max_size=40))
def test_noise_is_never_harm(text: str) -> None:
    answer = ask(UNKNOWN_DETECTOR, f"qx{text}zj")
    assert answer.labels in {("OTHER.Unknown",), ("OTHER.Safe",)}


@given(st.text(alphabet="qxzjvkQXZJ_-/.: 0123456789{}[]\"'\n", max_size=200))
def test_any_text_gets_labels_of_the_taxonomy(text: str) -> None:
    for detector in (UNKNOWN_DETECTOR, "llama-guard-3"):
        answer = RULES.map(detector, Signal(text), [detector, text])
        assert answer.labels
        assert all(label in load_taxonomy() for label in answer.labels)
        assert 0 <= answer.confidence <= 1
