"""The same value in every notation is the same decoded value, and nothing of it is lost."""

import json
import pprint
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_decode import same

from fallback.reading.decode import decode
from fallback.reading.decode.sanitize import characters

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

#: Keys as programs name things; words and sentences as values.
KEYS = st.from_regex(r"[a-z][a-zA-Z0-9_]{0,11}", fullmatch=True)
SLASHED = st.from_regex(r"[a-z][a-z_]{0,7}(?:[/\-][a-z]{1,7})?", fullmatch=True)
PROSE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], codec="utf-8"), max_size=40)
WORDS = st.sampled_from(
    ["hate", "self-harm/intent", "HIGH", "S10", "the user's text", 'a "quoted" word', "x: y",
     "a, b", "{'a': 1}", "[EMAIL]", "<PERSON> must go", "yes", "12", "True", "null", "a\nb",
     "C:\\new", "#1", "- x", "```"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(0, 1, allow_nan=False).map(lambda number: round(number, 6)),
    st.sampled_from([1e-07, 4.04e-05, 0.0, 99.5]),
)
TEXT = st.one_of(WORDS, PROSE.map(characters))
SCALARS = st.one_of(TEXT, NUMBERS, st.booleans(), st.none())


#: Texts that are words to YAML and values to other notations that are printed without quotes.
_OTHER_NOTATIONS_WORDS = {
    "nil", "undefined", "nan", "NaN", "inf", "-inf", "Infinity", "-Infinity",
}  # fmt: skip


def _is_power(text: str) -> bool:
    """Whether a text is a number with an exponent, which YAML takes for a text without a point."""
    return text.replace("e", "E").replace("E", "").isdigit() and not text.isdigit()


def values(keys: st.SearchStrategy[str], scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inner = st.recursive(
        scalars,
        lambda below: st.one_of(
            st.lists(below, max_size=4), st.dictionaries(keys, below, max_size=4)
        ),
        max_leaves=12,
    )
    return st.dictionaries(keys, inner, min_size=2, max_size=5)


def javascript(value: object) -> str:
    """As console.log prints it."""
    if isinstance(value, dict):
        fields = ", ".join(f"{_name(key)}: {javascript(inner)}" for key, inner in value.items())
        return f"{{ {fields} }}" if fields else "{}"
    if isinstance(value, list):
        return f"[ {', '.join(map(javascript, value))} ]" if value else "[]"
    return repr(value) if isinstance(value, str) else json.dumps(value)


def ruby(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}=>{ruby(v)}' for key, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(ruby, value))}]"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def python_object(value: object) -> str:
    """As dataclasses and SDK objects print themselves."""
    if isinstance(value, dict) and value:
        fields = (f"{key}={python_object(inner)}" for key, inner in value.items())
        return f"Result({', '.join(fields)})"
    if isinstance(value, list):
        return f"[{', '.join(map(python_object, value))}]"
    return repr(value)


def _name(key: str) -> str:
    return key if key.isidentifier() else repr(key)


def as_yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def events(value: object) -> str:
    return f"event: message\nid: 1\ndata: {json.dumps(value)}\n\ndata: [DONE]\n\n"


WRITERS: dict[str, Callable[[Any], str]] = {
    "json": json.dumps,
    "json with all characters": lambda value: json.dumps(value, ensure_ascii=False),
    "indented": lambda value: json.dumps(value, indent=2),
    "repr": repr,
    "pprint": lambda value: pprint.pformat(value, width=40, sort_dicts=False),
    "javascript": javascript,
    "ruby": ruby,
    "fence": lambda value: f"```json\n{json.dumps(value, indent=1)}\n```",
    "fenced repr": lambda value: f"```\n{value!r}\n```",
    "trailing commas": lambda value: json.dumps(value)[:-1] + ",}",
    "template tokens": lambda value: f"<|assistant|>{json.dumps(value)}<|end|>",
}


@pytest.mark.parametrize("writer", WRITERS)
@QUIET
@given(value=values(SLASHED, SCALARS))
def test_a_value_reads_the_same_in_every_notation(writer: str, value: dict[str, Any]) -> None:
    assume("event" not in value and "type" not in value)
    text = WRITERS[writer](value)
    read = decode(text)
    assert len(read.parts) == 1
    assert same(read.parts[0], value), text
    assert not read.truncated


@QUIET
@given(value=values(KEYS, SCALARS))
def test_objects_read_as_their_fields(value: dict[str, Any]) -> None:
    assert same(decode(python_object(value)).parts[0], value)


@QUIET
@given(value=values(SLASHED, SCALARS))
def test_events_read_as_their_data(value: dict[str, Any]) -> None:
    read = decode(events(value))
    part = read.parts[0]
    assert isinstance(part, dict)
    part = {key: inner for key, inner in part.items() if key != "event" or key in value}
    assert (read.format, len(read.parts)) == ("sse", 1)
    assert same(part, value)


@QUIET
@given(rows=st.lists(values(SLASHED, SCALARS), min_size=2, max_size=4))
def test_json_lines_are_parts(rows: list[dict[str, Any]]) -> None:
    read = decode("\n".join(map(json.dumps, rows)))
    assert read.format == "json-lines"
    assert all(map(same, read.parts, rows))


@QUIET
@given(value=values(SLASHED, SCALARS))
def test_yaml_reads_as_its_value(value: dict[str, Any]) -> None:
    text = as_yaml(value)
    assume("? " not in text and "&id" not in text)
    texts = [leaf for leaf in _leaves(value) if isinstance(leaf, str)]
    assume(_OTHER_NOTATIONS_WORDS.isdisjoint(texts) and not any(map(_is_power, texts)))
    read = decode(text)
    assert len(read.parts) == 1, text
    assert same(read.parts[0], value), text


@QUIET
@given(value=values(SLASHED, SCALARS), prefix=st.sampled_from(["", "10:00:00,1 INFO g - "]))
def test_structure_behind_a_prefix_is_the_last_part(value: dict[str, Any], prefix: str) -> None:
    for text in (json.dumps(value), repr(value)):
        for head in (f"{prefix}Result: ", f"{prefix}Result:\n"):
            read = decode(head + text)
            assert read.parts[0] == head.strip()
            assert same(read.parts[1], value), head + text


@QUIET
@given(
    value=values(SLASHED, SCALARS), share=st.floats(0, 1), writer=st.sampled_from(["json", "repr"])
)
def test_a_cut_text_keeps_what_is_left_and_says_so(
    value: dict[str, Any], share: float, writer: str
) -> None:
    whole = WRITERS[writer](value)
    text = whole[: max(2, int(len(whole) * share))]
    read = decode(text)
    if text == whole:
        return
    assert read.truncated or read.format == "text"
    kept = _leaves(read.parts)[:-1] if read.format != "text" else []
    assert {repr(leaf) for leaf in kept} <= {repr(leaf) for leaf in _leaves(value)} | {"None"}, text


@QUIET
@given(value=values(SLASHED, SCALARS))
def test_a_serialised_value_stays_a_string(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert decode(json.dumps({"body": text, "a": 1})).parts == ({"body": text, "a": 1},)


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]
