"""The quick verdict on an instance is the one that jsonschema gives."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event import decoding_schema, event_schema
from schemas.taxonomy import load_taxonomy
from schemas.validation import Validator, compile_schema, shape_errors

LABELS = load_taxonomy().names
EVENT = {
    "taxonomy": [LABELS[0], LABELS[1]],
    "scores": {LABELS[0]: 0.5, LABELS[1]: 1},
    "confidence": 0.9,
    "notes": "1 signal read",
    "provenance": {
        "detector": "openai-moderation",
        "model": "none",
        "route": "rules",
        "tenant_id": None,
        "ts": "2026-02-28T12:00:00.000+00:00",
    },
    "policy_context": {"frameworks": {"GDPR": ["Art. 9"]}},
}
CANDIDATE = {"taxonomy": [LABELS[0], LABELS[1]]}
ODD = (
    *(float("nan"), float("inf"), -0.0, 1.0, 10**30, 10**400, -1, 1e-300, 3_600_000.5, True, None),
    *("", " ", "\u00a0", "\u2003x", "\ufeff", "\x1c", "\ud800", "\U0001f600" * 200, "x" * 501),
    *("2026-02-31T00:00:00Z", "2026-02-28t00:00:00z", "2026-02-28T23:59:60Z", "2026-02-28"),
    *("2026-02-28T00:00:00+24:00", "\u0662026-02-28T00:00:00Z", "model", "hybrid", LABELS[2]),
    *([], {}, [1, 1.0], [LABELS[0], LABELS[0]], [[]], {"": 1}, ["", "a"]),
)
odd = st.sampled_from(ODD) | st.text(max_size=4) | st.floats() | st.integers()
json_values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


CASES = (
    (compile_schema(event_schema(load_taxonomy())), EVENT),
    (compile_schema(decoding_schema(load_taxonomy())), CANDIDATE),
)


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """The instance with one to three places replaced, removed or added to."""
    whole = {"": copy.deepcopy(valid)}
    for _ in range(draw(st.integers(1, 3))):
        node: Any = whole
        key: Any = ""
        while isinstance(node[key], dict | list) and node[key] and draw(st.booleans()):
            node = node[key]
            key = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        does = draw(st.sampled_from(("replace", "remove", "add")))
        inside = node[key]
        if does == "remove" and isinstance(inside, dict) and inside:
            del inside[draw(st.sampled_from(list(inside)))]
        elif does == "add" and isinstance(inside, dict):
            inside[draw(st.text(max_size=3) | st.sampled_from(LABELS[:4]))] = draw(json_values)
        elif does == "add" and isinstance(inside, list):
            inside.append(draw(json_values))
        else:
            node[key] = draw(json_values)
    return whole[""]


def agree(validator: Validator, instance: Any) -> None:
    assert bool(shape_errors(validator, instance)) == (not validator.explaining.is_valid(instance))


@pytest.mark.parametrize(("validator", "valid"), CASES)
def test_what_is_valid_has_no_errors(validator: Validator, valid: Any) -> None:
    assert shape_errors(validator, valid) == []
    assert validator.fast.is_valid(valid), "each valid instance would be judged twice"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CASES).flatmap(lambda c: st.tuples(st.just(c[0]), changed(c[1]))))
def test_a_changed_instance_is_judged_as_jsonschema_does(case: tuple[Validator, Any]) -> None:
    agree(*case)


@pytest.mark.parametrize("place", ["confidence", "notes", "taxonomy", "scores", "ts", "tenant_id"])
@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_odd_values_in_an_event(place: str, value: object) -> None:
    event = copy.deepcopy(EVENT)
    (event if place in event else event["provenance"])[place] = value  # type: ignore[index]
    agree(CASES[0][0], event)


@pytest.mark.parametrize("value", [*ODD, LABELS[0], [LABELS[0]], [LABELS[0]] * 4], ids=ascii)
def test_odd_values_in_a_candidate(value: object) -> None:
    agree(CASES[1][0], {"taxonomy": value})


@pytest.mark.parametrize("value", [*ODD, {1: 2}, ...], ids=lambda v: ascii(v)[:40])
def test_anything_at_all_is_judged(value: object) -> None:
    for validator, _ in CASES:
        agree(validator, value)
