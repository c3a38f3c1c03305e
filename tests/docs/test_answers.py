"""What counts as the same answer."""

import pytest

from tests.docs.answers import differences


@pytest.mark.parametrize(
    ("language", "shown", "given"),
    [
        ("json", '{"a": 0.91, "b": "…"}', '{"a": 0.92, "b": [1]}'),
        ("json", '{"a": 1, "…": "…"}', '{"a": 1, "b": 2}'),
        ("json", '["x", "…"]', '["x", "y", "z"]'),
        ("json", '{"ts": "2026-11-28T12:45:55.943+00:00"}', '{"ts": "2027-01-01T00:00:00+00:00"}'),
        ("json", '{"rules": "2026.11-93b88930"}', '{"rules": "2026.11-00000000"}'),
        ("text", "a   b\nc", "a b\nc\n"),
        ("text", "first\n…\nlast", "first\nx\ny\nlast"),
        ("text", "took … s", "took 12 s"),
    ],
)
def test_answers_that_are_the_same(language: str, shown: str, given: str) -> None:
    assert differences(language, shown, given) == []


@pytest.mark.parametrize(
    ("language", "shown", "given"),
    [
        ("json", '{"a": 0.91}', '{"a": 0.95}'),
        ("json", '{"a": 1}', '{"a": 1, "b": 2}'),
        ("json", '{"a": 1, "b": 2}', '{"a": 1}'),
        ("json", '["x"]', '["x", "y"]'),
        ("json", '{"a": null}', '{"a": "x"}'),
        ("json", '{"a": 1}', "Internal Server Error"),
        ("text", "a\nb", "a"),
        ("text", "last\n…\nfirst", "first\nlast"),
        ("text", "exact 82.3%", "exact 81.3%"),
    ],
)
def test_answers_that_differ(language: str, shown: str, given: str) -> None:
    assert differences(language, shown, given) != []
