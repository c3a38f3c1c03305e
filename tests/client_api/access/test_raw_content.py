"""The raw-content guard: what it lets pass, what it refuses, and as what."""

import json
from pathlib import Path

import pytest

from client_api.access.raw_content import find_raw_content
from schemas.contract import RawContent
from tests.support.raw_content_samples import GENUINE, RAW, as_text

DATA = Path(__file__).parents[3] / "export" / "data"


@pytest.mark.parametrize("name", ["vocabulary.jsonl", "composites.jsonl"])
def test_every_labelled_output_passes(name: str) -> None:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    outputs = [json.loads(line)["output"] for line in lines]
    assert outputs
    assert [output for output in outputs if find_raw_content(output)] == []


@pytest.mark.parametrize("name", GENUINE)
def test_detector_results_pass_as_text_and_as_value(name: str) -> None:
    value = GENUINE[name]
    assert find_raw_content(value) is None
    assert find_raw_content(as_text(value)) is None
    assert find_raw_content(value if isinstance(value, str) else repr(value)) is None


@pytest.mark.parametrize("name", RAW)
def test_raw_content_is_refused_as_what_it_is(name: str) -> None:
    reason, text = RAW[name]
    assert find_raw_content(text) is reason


@pytest.mark.parametrize("name", RAW)
def test_raw_content_is_refused_inside_json_and_metadata(name: str) -> None:
    reason, text = RAW[name]
    value = {"results": [{"flagged": True, "score": 0.5, "input": text}]}
    assert find_raw_content(value) is reason
    assert find_raw_content(json.dumps(value)) is reason
    assert find_raw_content(repr(value)) is reason
    assert find_raw_content("toxic", {"contributing_detectors": ["presidio"], "doc": text}) is (
        reason
    )


def test_messages_of_a_conversation_are_refused() -> None:
    value = {
        "messages": [
            {"role": "user", "content": "what is the wifi code for the second floor"},
            {"role": "assistant", "content": [{"type": "text", "text": "ask at the front desk"}]},
        ]
    }
    assert find_raw_content(value) is RawContent.CHAT


def test_a_document_cut_into_sentences_is_refused() -> None:
    sentence = "The committee met in the old town hall and agreed on nothing for the {} time"
    assert find_raw_content([sentence.format(i) for i in range(40)]) is RawContent.PROSE


def test_a_table_of_customers_is_refused() -> None:
    rows = [{"name": f"N{i}", "mail": f"n{i}@example.org", "plan": "gold"} for i in range(60)]
    assert find_raw_content(rows) is RawContent.RECORDS


def test_reasons_have_an_end_as_well() -> None:
    report = " ".join(f"In week {i} the inspectors walked along pier {i} again." for i in range(25))
    assert find_raw_content({"flagged": True, "reason": report}) is None
    twice = report + report.replace("week", "month")
    assert find_raw_content({"flagged": True, "reason": twice}) is RawContent.PROSE


@pytest.mark.parametrize("value", ["", "[" * 5_000, "{" * 60_000, '"', "(" * 300, None, {}, []])
def test_what_is_no_text_at_all_passes(value: object) -> None:
    assert find_raw_content(value) is None
