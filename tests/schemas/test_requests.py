"""The OPTIONS and METADATA tensors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract import Kind, Mode
from schemas.requests import Metadata, Options, parse_metadata, parse_options

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize("text", [None, "", b"", " ", "{}", b"{}", '{"mode": null}'])
def test_no_options(text: str | bytes | None) -> None:
    assert parse_options(text) == Options()


def test_options() -> None:
    text = b'{"budget_ms": 240, "threshold": 0, "mode": "rules_only"}'
    options = parse_options(text)
    assert options == Options(budget_ms=240.0, threshold=0.0, mode=Mode.RULES_ONLY)
    assert isinstance(options.budget_ms, float)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        ("[1]", "JSON object"),
        ("null", "JSON object"),
        ("[" * 4_000, "nested"),
        ("[" * 100_000, "has 100000 bytes; the limit is 4096"),
        ('{"budget_ms": -1}', "budget_ms"),
        ('{"budget_ms": "soon"}', "budget_ms"),
        ('{"budget_ms": NaN}', "budget_ms"),
        ('{"budget_ms": true}', "budget_ms"),
        (f'{{"budget_ms": 1{"0" * 400}}}', "budget_ms"),
        ('{"threshold": 1.01}', "threshold"),
        ('{"mode": "model_only"}', "mode"),
        ('{"treshold": 0.5}', "treshold"),
    ],
)
def test_wrong_options_are_refused(text: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^OPTIONS: ") as caught:
        parse_options(text)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 400


def test_metadata() -> None:
    text = '{"contributing_detectors": ["a", "b"], "normalized_scores": {"hate": 1}, "more": []}'
    assert parse_metadata(text) == Metadata(("a", "b"), {"hate": 1.0})
    assert parse_metadata('{"kind": "Bias"}') == Metadata(kind=Kind.BIAS)
    assert parse_metadata(None) == parse_metadata(b"") == parse_metadata("{}") == Metadata()


def test_metadata_of_the_wrong_shape_is_left_out() -> None:
    assert parse_metadata('{"contributing_detectors": "a", "normalized_scores": [1]}') == Metadata()
    assert (
        parse_metadata('{"kind": "weather"}') == parse_metadata('{"kind": ["pii"]}') == Metadata()
    )
    text = (
        '{"contributing_detectors": ["a", 1, " "], "normalized_scores": {"x": 2, "y": NaN, "z": 1}}'
    )
    assert parse_metadata(text) == Metadata(("a",), {"z": 1.0})


@pytest.mark.parametrize("text", ["{", "[]", "7", b"\xff", "[" * 100_000])
def test_metadata_must_be_an_object(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"^METADATA: "):
        parse_metadata(text)


@given(JSON)
def test_hints_never_refuse_an_object(value: object) -> None:
    text = json.dumps({"contributing_detectors": value, "normalized_scores": value})
    metadata = parse_metadata(text)
    assert all(0 <= score <= 1 for score in metadata.normalized_scores.values())


def test_a_metadata_tensor_has_a_limit() -> None:
    hints = json.dumps({"normalized_scores": {f"score {n}": 0.5 for n in range(20_000)}})
    with pytest.raises(ValueError, match=r"METADATA: has \d+ bytes; the limit is 262144"):
        parse_metadata(hints)
