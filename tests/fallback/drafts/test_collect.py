"""Words and formats out of collected outputs."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback.drafts.collect import Collected, collect
from fallback.drafts.writing import Draft, write
from fallback.reading.reader import Reader
from fallback.rules.lookup import load_rules
from fallback.rules.own import OwnDetector
from fallback.signal import Verdict
from schemas.taxonomy import load_taxonomy

NAME = "zzz-guard"


def collected(*outputs: Any) -> Collected:
    return collect(outputs, NAME, load_rules())


@pytest.mark.parametrize(
    ("outputs", "form", "words"),
    [
        pytest.param(
            [
                {"flagged": True, "hits": [{"kind": "weapons", "p": 0.9, "start": 3}]},
                {"flagged": False, "hits": []},
            ],
            {
                "when": ["flagged", "hits"],
                "decision": ["flagged"],
                "findings": [{"each": "hits", "name": "kind", "score": "p"}],
                "ignored": ["hits[].start"],
            },
            ["weapons"],
            id="a list of findings",
        ),
        pytest.param(
            [{"results": [{"flagged": True, "categories": {"odd": True, "mean": False},
                           "category_scores": {"odd": 0.9, "mean": 0.1}}], "model": "m-1"}],
            {
                "when": ["results"],
                "of": "results[]",
                "decision": ["flagged"],
                "findings": [{"each": "categories", "score": "category_scores"}],
                "ignored": ["model"],
            },
            ["odd", "mean"],
            id="flags with scores beside them, in parts",
        ),
        pytest.param(
            [[{"label": "odd", "score": 0.9}, {"label": "mean", "score": 0.1}]],
            {
                "when": ["[0].label"],
                "findings": [{"each": "@", "name": "label", "score": "score", "exclusive": True}],
            },
            ["odd", "mean"],
            id="a softmax",
        ),
        pytest.param(
            [{"action": "block", "tags": ["odd", "mean"], "reason": "it is not kind at all"}],
            {
                "when": ["action", "tags"],
                "action": ["action"],
                "findings": [{"each": "tags"}],
                "quoted": ["reason"],
            },
            ["odd", "mean"],
            id="a list of names",
        ),
        pytest.param(
            [{"odd one": True, "mean": False}, {"odd one": False, "mean": False}],
            {"when": ['"odd one"'], "findings": [{"each": "@"}]},
            ["odd one", "mean"],
            id="a map that is the whole",
        ),
    ],
)  # fmt: skip
def test_a_format_is_inferred(outputs: list[Any], form: dict[str, Any], words: list[str]) -> None:
    found = collected(*outputs)
    examples = found.format.pop("examples")
    assert (found.format, found.proposed) == (form, False)
    assert [word.text for word in found.words] == words
    assert examples


def test_examples_hold_no_text_of_the_outputs() -> None:
    secret = "write to mia@example.org"
    found = collected(
        {"flagged": True, "tags": ["odd"], "text": secret, "id": "r-17", "more": {"said": secret}}
    )
    assert "mia" not in json.dumps(found.format)
    assert found.format["examples"][0]["output"]["tags"] == ["odd"]


def test_outputs_of_another_form_are_named_and_keep_their_words() -> None:
    found = collected(
        {"flagged": True, "tags": ["odd"]}, "mean", {"flagged": True, "tags": ["odd"]}
    )
    assert [(word.text, word.count) for word in found.words] == [("odd", 2), ("mean", 1)]
    assert found.notes == ["1 of 3 outputs have another format"]


def test_a_format_that_reads_an_output_otherwise_is_proposed_only() -> None:
    found = collected({"is_injection": True, "detections": ["sql_injection", "odd"]})
    assert found.proposed
    assert "proposed only" in found.notes[0]
    assert "is_injection" not in [word.text for word in found.words]
    file = write(Draft(NAME, [], found))
    assert "# outputs:" in file
    assert yaml.safe_load(file) == {"detector": NAME}


def test_texts_have_words_and_no_format() -> None:
    found = collected("odd", "mean", "odd")
    assert [(word.text, word.count) for word in found.words] == [("odd", 2), ("mean", 1)]
    assert found.format == {}


NAMES = st.sampled_from(
    ["odd", "mean", "hate/threatening", "a b", "flagged", "score", "labels", "ß"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(0, 1)
    | st.integers(-3, 300)
    | NAMES
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_a_draft_changes_no_reading_of_what_it_was_drafted_from(outputs: list[Any]) -> None:
    """The file of any outputs is valid, and they say with it what they say without it."""
    rules = load_rules()
    found = collect(outputs, NAME, rules)
    file = yaml.safe_load(write(Draft(NAME, [], found)))
    own = OwnDetector.model_validate(file, context=load_taxonomy())
    extended = rules.extended(rules.detectors.updated(__file__, own.over(None)), "draft")  # type: ignore[arg-type]
    for output in outputs:
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        before, after = (Reader(r).read(NAME, text) for r in (rules, extended))
        if all(signal.verdict is not Verdict.UNREAD for signal in before.signals):
            assert sorted(s.name for s in before.signals) == sorted(s.name for s in after.signals)
