"""Values that judge by something beside them: limits, goals, cut and missing verdicts, tags."""

from typing import Any

import pytest
from said import said

X = "frobnication"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{X} 0.71 (limit 0.80)", "clean"),
        (f"{X} 0.85 (limit 0.80)", [X]),
        (f"{X}: 0.4 (threshold 0.5)", "clean"),
        (f"{X} 0.4 (threshold: 0.3)", [X]),
        (f"{X} 0.71 (limit 0.80), quuxing 0.85 (limit 0.80)", ["quuxing"]),
    ],
)
def test_a_limit_in_brackets_is_the_threshold_of_its_score(text: str, expected: object) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"hallucination_free_rate": 1.0}, "clean"),
        ({"hallucination_free_rate": 0.1}, ["hallucination"]),
        ({"hallucination_free": True}, "clean"),
        ({"hallucination_free": False}, ["hallucination"]),
        ({"toxicity_free_score": 0.02}, ["toxicity"]),
    ],
)
def test_a_rate_of_freedom_is_bad_where_it_is_low(output: Any, expected: object) -> None:
    assert said(output) == expected


@pytest.mark.parametrize(
    "text",
    ['{"flagged": fals', '{"flagged": tru', '{"flagged": nul', '{"safe": tru',
     '{"violation": null}', '{"violation": fals'],
)  # fmt: skip
def test_a_verdict_that_is_cut_or_missing_is_a_doubt(text: str) -> None:
    assert said(text) == "unread"


def test_a_missing_verdict_in_a_line_clears_nothing_and_is_no_name() -> None:
    assert said("```yaml\nviolation: null\n```") == ["violation null"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'<label score="0.95">{X}</label>', [X]),
        (f'<result><label score="0.95">{X}</label></result>', [X]),
        (f'<category name="{X}">0.95</category>', [X]),
        ('<verdict confidence="0.9">unsafe</verdict>', ["unsafe"]),
        ('<verdict confidence="0.9">safe</verdict>', "clean"),
    ],
)
def test_the_text_of_a_tag_with_attributes_is_of_its_kind(text: str, expected: object) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("word", ["original", "public"])
def test_some_words_are_clean_under_a_key_only(word: str) -> None:
    assert said(word) == "unread"
    assert said({"label": word}) == [word]
    assert said({"verdict": word}) == "clean"
    assert said(f"Sensitivity: {word}") == "clean"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("暴力内容\uff1a是\uff1b色情内容\uff1a否", ["暴力内容"]),
        ("暴力内容\uff1a否\uff1b色情内容\uff1a否", "clean"),
        ("结论\uff1a安全", "clean"),
    ],
)
def test_wide_signs_separate_as_narrow_ones(text: str, expected: object) -> None:
    assert said(text) == expected
