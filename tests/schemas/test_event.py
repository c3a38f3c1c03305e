"""The canonical event, a model's candidate, and the controls that go into an event."""

import json
from collections.abc import Callable
from typing import Any

import llguidance
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.contract import Source
from schemas.event import (
    MAX_CANDIDATE_LABELS,
    MAX_NOTES,
    SCHEMA_PATH,
    candidate_errors,
    decoding_schema,
    event_errors,
    event_schema,
    render_schema,
)
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy

Change = Callable[[dict[str, Any]], Any]
TAXONOMY = load_taxonomy()
FRAMEWORKS = load_frameworks()
LABELS = st.sampled_from(TAXONOMY.names)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def an_event(*labels: str, **changes: Any) -> dict[str, Any]:
    labels = labels or ("HARM.SPEECH.Threat",)
    return {
        "taxonomy": list(labels),
        "scores": dict.fromkeys(labels, 0.5),
        "confidence": 0.9,
        "notes": "",
        "provenance": {
            "detector": "openai-moderation",
            "model": "a-model",
            "route": "model",
            "tenant_id": None,
            "ts": "2026-11-24T13:00:00.123Z",
        },
        "policy_context": {"frameworks": {"SOC 2": ["CC6.1"]}},
    } | changes


# --- frameworks ---------------------------------------------------------------------------


def test_all_seven_frameworks_are_there() -> None:
    assert FRAMEWORKS.version == "2026.11"
    assert list(FRAMEWORKS.frameworks) == [
        "SOC 2",
        "ISO 27001",
        "HIPAA",
        "GDPR",
        "NIST AI RMF",
        "EU AI Act",
        "OWASP LLM Top 10",
    ]


def test_every_label_but_two_touches_a_control() -> None:
    untouched = [name for name in TAXONOMY.names if not FRAMEWORKS.controls([name])]
    assert untouched == ["OTHER.Unknown", "OTHER.Safe"]


def test_a_label_has_its_own_controls_and_those_of_its_categories() -> None:
    controls = FRAMEWORKS.controls(["PROMPT_INJECTION.SystemPromptLeak"])
    assert controls["OWASP LLM Top 10"] == ["LLM01:2025", "LLM07:2025"]
    assert "HIPAA" not in controls
    assert FRAMEWORKS.controls(["PII.Identifier.SSN"])["HIPAA"] == ["164.514(b)(2)(i)(G)"]


@given(st.lists(LABELS))
def test_controls_of_several_labels_are_those_of_each(labels: list[str]) -> None:
    together = FRAMEWORKS.controls(labels)
    apart: dict[str, set[str]] = {}
    for label in labels:
        for name, ids in FRAMEWORKS.controls([label]).items():
            apart.setdefault(name, set()).update(ids)
    assert together == {name: sorted(apart[name]) for name in together}
    assert together.keys() == apart.keys()
    event = an_event(*(labels[:1]), policy_context={"frameworks": together})
    assert event_errors(event) == []


# --- the canonical event ------------------------------------------------------------------


def test_the_published_schema_has_the_taxonomy_of_today() -> None:
    expected = render_schema(event_schema(TAXONOMY))
    assert SCHEMA_PATH.read_text(encoding="utf-8") == expected, "run `python -m schemas`"


def test_the_published_schema_speaks_of_the_contract() -> None:
    schema = event_schema(TAXONOMY)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]
    assert schema["properties"]["notes"]["maxLength"] == MAX_NOTES
    route = schema["properties"]["provenance"]["properties"]["route"]
    assert set(route["enum"]) == {source.value for source in Source}


def test_a_whole_event_is_valid() -> None:
    assert event_errors(an_event()) == []
    assert event_errors(an_event("HARM.SPEECH.Threat", "OTHER.OffTopic", notes="n" * 500)) == []


@pytest.mark.parametrize(
    "ts", ["2026-11-24T13:00:00Z", "2026-11-24T13:00:00+05:30", "2026-11-24t13:00:00.5z"]
)
def test_times_of_rfc_3339_are_valid(ts: str) -> None:
    event = an_event()
    event["provenance"]["ts"] = ts
    assert event_errors(event) == []


def set_provenance(**values: Any) -> Change:
    return lambda event: event["provenance"].update(values)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda e: e.update(taxonomy=[]), "taxonomy"),
        (lambda e: e.update(taxonomy="OTHER.Safe"), "taxonomy"),
        (lambda e: e.update(taxonomy=["HARM.SPEECH.Threat"] * 2), "taxonomy"),
        (lambda e: e.update(taxonomy=["HARM.SPEECH.Threats"]), "taxonomy: unknown label"),
        (lambda e: e["taxonomy"].append("OTHER.Safe"), "scores"),
        (lambda e: e["scores"].update({"HARM.Nothing": 0.1}), "scores"),
        (lambda e: e["scores"].update({"HARM.SPEECH.Threat": 1.1}), "scores"),
        (lambda e: e["scores"].update({"HARM.SPEECH.Threat": "0.5"}), "scores"),
        (lambda e: e.update(scores={}), "scores"),
        (lambda e: e.update(confidence=-0.1), "confidence"),
        (lambda e: e.update(confidence=True), "confidence"),
        (lambda e: e.update(confidence=float("nan")), "confidence"),
        (lambda e: e.update(confidence=float("inf")), "confidence"),
        (lambda e: e.update(confidence=10**400), "confidence"),
        (lambda e: e.update(notes="n" * 501), "notes"),
        (lambda e: e.update(notes=None), "notes"),
        (lambda e: e.update(source="model"), "(whole)"),
        (lambda e: e.pop("provenance"), "(whole)"),
        (set_provenance(detector=""), "provenance.detector"),
        (set_provenance(route="guess"), "provenance.route"),
        (set_provenance(tenant_id=7), "provenance.tenant_id"),
        (set_provenance(ts="yesterday"), "provenance.ts"),
        (set_provenance(ts="2026-11-24 13:00:00Z"), "provenance.ts"),
        (set_provenance(ts="2026-11-24T13:00:00"), "provenance.ts"),
        (set_provenance(ts="2026-02-31T13:00:00Z"), "provenance.ts"),
        (set_provenance(ts=1732453200), "provenance.ts"),
        (set_provenance(user="me"), "provenance"),
        (lambda e: e["provenance"].pop("model"), "provenance"),
        (lambda e: e.update(policy_context={}), "policy_context"),
        (lambda e: e["policy_context"].update(region="eu"), "policy_context"),
        (lambda e: e["policy_context"]["frameworks"].update({"X": "C1"}), "policy_context"),
        (lambda e: e["policy_context"]["frameworks"].update({"X": ["C1", "C1"]}), "policy_context"),
    ],
)
def test_a_wrong_event_is_refused_in_its_place(change: Change, place: str) -> None:
    event = an_event()
    change(event)
    errors = event_errors(event)
    assert errors[0].startswith(place)
    assert all(len(error) < 300 for error in errors)


@given(JSON)
def test_anything_else_is_no_event_and_no_candidate(anything: object) -> None:
    assert event_errors(anything)
    assert candidate_errors(anything)


@given(st.lists(LABELS | st.text(max_size=5), min_size=1), st.sets(LABELS))
def test_the_published_schema_judges_labels_as_the_service_does(
    labels: list[str], scored: set[str]
) -> None:
    event = an_event(taxonomy=labels, scores=dict.fromkeys([*labels, *scored], 0.5))
    published = Draft202012Validator(json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    assert published.is_valid(event) == (event_errors(event) == [])


# --- what a model writes ------------------------------------------------------------------


def test_a_candidate_is_labels_alone() -> None:
    assert candidate_errors({"taxonomy": ["OTHER.Safe"]}) == []
    assert candidate_errors({"taxonomy": list(TAXONOMY.names[:MAX_CANDIDATE_LABELS])}) == []
    assert candidate_errors({"taxonomy": ["HARM.Nothing"]}) == [
        "taxonomy: unknown label 'HARM.Nothing'"
    ]


@pytest.mark.parametrize(
    "candidate",
    [
        {},
        {"taxonomy": []},
        {"taxonomy": "OTHER.Safe"},
        {"taxonomy": [1]},
        {"taxonomy": ["OTHER.Safe", "OTHER.Safe"]},
        {"taxonomy": list(TAXONOMY.names[: MAX_CANDIDATE_LABELS + 1])},
        {"taxonomy": ["OTHER.Safe"], "confidence": 1.0},
    ],
)
def test_a_candidate_of_another_shape_is_refused(candidate: object) -> None:
    errors = candidate_errors(candidate)
    assert errors
    assert not any("unknown label" in error for error in errors)


def test_the_decoding_schema_is_one_that_llguidance_enforces() -> None:
    grammar = llguidance.LLMatcher.grammar_from_json_schema(decoding_schema(TAXONOMY))
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""


@given(st.lists(LABELS, min_size=1, max_size=MAX_CANDIDATE_LABELS, unique=True))
def test_what_may_be_decoded_is_a_valid_candidate(labels: list[str]) -> None:
    candidate = {"taxonomy": labels}
    assert Draft202012Validator(decoding_schema(TAXONOMY)).is_valid(candidate)
    assert candidate_errors(candidate) == []
