"""Tables, lists with marks and XML attributes: one grid of names and what is said of them."""

import pytest
from said import said

X, Y = "frobnication", "quuxing"

FOUND = {
    "markdown, yes and no": f"| category | detected |\n|---|---|\n| {X} | yes |\n| {Y} | no |",
    "markdown, ticks": f"| check | passed |\n|---|---|\n| {X} | \u274c |\n| {Y} | \u2705 |",
    "markdown, ticks of a flag": f"| type | found |\n|---|---|\n| {X} | \u2713 |\n| {Y} | \u2717 |",
    "markdown under a title": f"Scan:\n\n| label | score |\n|---|---|\n| {X} | 0.9 |\n| {Y} | 0 |",
    "signs": (
        "+----------+----------+\n| Category | Severity |\n+----------+----------+\n"
        f"| {X} | HIGH |\n| {Y} | NONE |\n+----------+----------+"
    ),
    "lines": (
        "\u250c\u2500\u252c\u2500\u2510\n\u2502 Label \u2502 Verdict \u2502\n"
        f"\u251c\u2500\u253c\u2500\u2524\n\u2502 {X} \u2502 UNSAFE \u2502\n"
        f"\u2502 {Y} \u2502 SAFE \u2502\n\u2514\u2500\u2534\u2500\u2518"
    ),
    "columns": (
        f"Rule            Result    Score\n------------------------------\n{X}    FAIL    0.9\n"
        f"{Y}         PASS    0.1"
    ),
    "tabs without a header": f"{X}\t1\n{Y}\t0",
    "tabs and words": f"{X}\tyes\n{Y}\tno",
    "tasks": f"[x] {X}\n[ ] {Y}",
    "tasks in a list": f"- [ ] {Y}\n- [X] {X}",
    "ticks before words": f"{Y}: \u2714 clean\n{X}: \u2718 detected",
    "attributes": (
        f'<scan><item id="1"><category name="{X}" flagged="true" score="0.97"/>'
        f'<category name="{Y}" flagged="false" score="0.01"/></item></scan>'
    ),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_a_grid_marks_is_found(kind: str) -> None:
    assert said(FOUND[kind]) == [X]


@pytest.mark.parametrize(
    "output",
    [
        f"| category | detected |\n|---|---|\n| {X} | no |\n| {Y} | no |",
        f"{X}\t0\n{Y}\t0",
        f'<scan><category name="{X}" flagged="false"/></scan>',
    ],
)
def test_a_grid_that_marks_nothing_is_clean(output: str) -> None:
    assert said(output) == "clean"


def test_a_tool_that_was_judged_names_no_finding() -> None:
    table = f"| Tool Name | Severity | Findings |\n|---|---|---|\n| a_tool | HIGH | {X} |"
    assert said(table) == [X]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"category   score\n{X}     0.95\n{Y}     0.10", [X]),
        (f"category | score\n{X} | 0.95\n{Y} | 0.10", [X]),
        (f"name | flagged\n--- | ---\n{X} | yes\n{Y} | no", [X]),
        (f"category   flagged\n{X}   no\n{Y}   no", "clean"),
        (f"{X} | {Y}\nfoo | bar", sorted([X, Y, "foo", "bar"])),
    ],
)
def test_a_small_table_needs_no_frame(text: str, expected: object) -> None:
    assert said(text) == expected
