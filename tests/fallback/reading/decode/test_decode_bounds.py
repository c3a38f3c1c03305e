# ruff: noqa: E501
"""Any text is decoded within steps that grow with its length, and nothing raises."""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.reading.decode import decode
from fallback.reading.decode.literal.scanner import MAX_DEPTH

ATOMS = [
    "[", "]", "{", "}", "(", ")", '"', "'", "\\", "`", "```", " ", "\n", "\t", ":", ": ", "=", ",", ";", "|", "<",
    ">", "<a", "<a>", "</a>", "<think>", "</think>", "[ab] ", '{"a":', '{"a":1}', "[1,", "1", "-", "- ", "//",
    "/*", "*/", "data: {", "event:", "a: ", "a=", 'a="b', "Foo(a=", "P (0.9)", "<|im_end|>", "\0", "</s>",
    "\u200b", "\u202e", "\ud800", "\u6f22", "\u0336", "None", "1e400", "\\u0041", "...", "=>", "map[", "&{",
    "- a\n", "k: v\n", "  k: v\n", "| a | b |\n", 'Span[0]: "x" -> P (0.9)\n', "label,text\n", "&amp;",
    "<![CDATA[", "\u201c", "\u3002", "---\n", "|-\n", "\r", "x" * 40,
]  # fmt: skip
RUNS = st.tuples(st.sampled_from(ATOMS), st.integers(1, 60)).map(lambda pair: pair[0] * pair[1])
NASTY = st.one_of(
    st.lists(RUNS, max_size=12).map("".join),
    st.lists(st.sampled_from(ATOMS), max_size=60).map("".join),
    st.text(st.characters(), max_size=200),
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NASTY)
def test_any_text_has_parts_and_does_not_raise(text: str) -> None:
    read = decode(text)
    assert read.parts
    assert read == decode(text) or "nan" in str(read)


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python a call runs, as a measure of work that no other load disturbs."""
    count = 0

    def local(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return local

    before = sys.gettrace()
    sys.settrace(local)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


UNITS = [
    "[", "{", "[{", "(", '"', "'", "\\", '\\"', "`", "```\n", " ", "[ab] ", "<a", "<a>", "=", "a=", "a=b ", ":",
    "a: ", "a: b\n", " a:\n", "- ", "- a\n", '{"a":', '{"a":1}', '"{', "'{\\", "`{\\", "Foo(", "Foo(a=", "P (0.9) ",
    "[P (", "/*{", "//[", "<![CDATA[", "data: {\n", "map[", "</think>", "<|im_end|>", "\0", "\u200b\u3002", ",:",
    "a\n", "a,b\n", '"a"', "'a' ", "\u201c{", "{a b: ", "[1 [", "k: v\ndata: {", "a 'b ", "```\n{", "x" * 50 + "(",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_work_is_bounded_by_a_number_of_lines_a_character(unit: str) -> None:
    for head in ("", "label,text\n", "["):
        for size in (1_000, 4_000, 16_000):
            text = head + unit * (size // len(unit))
            assert lines_run(partial(decode, text)) <= 100 * size + 20_000, (head, size)


@pytest.mark.parametrize("unit", UNITS)
def test_64_kb_run_a_bounded_number_of_lines(unit: str) -> None:
    assert lines_run(lambda: decode(unit * (65_536 // len(unit)))) <= 900_000


@pytest.mark.parametrize("size", [MAX_DEPTH + 1, 2_000, 30_000])
def test_what_is_nested_too_deep_is_text(size: int) -> None:
    for text in (
        "[" * size + "1" + "]" * size,
        '{"a":' * size + "1" + "}" * size,
        "- " * size + "a\n- b",
    ):
        for part in decode(text).parts:
            assert _depth(part) <= MAX_DEPTH


def _depth(value: object) -> int:
    deep, level = 0, [value]
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        deep += 1
    return deep


def test_a_text_that_costs_too_much_is_said_to_be_cut() -> None:
    assert decode("x: " + "{'a':[1,2,3]} " * 5_000).truncated
