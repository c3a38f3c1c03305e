"""Outputs that quote much content: accepted by default, refused where an operator chose so."""

import json

import pytest

from schemas.contract import RawContent
from tests.support.fake_model import facade

JUDGED = "The customer writes about the order, the delivery and the garden at length. " * 20
QUOTING = {"flagged": True, "categories": {"hate": True}, "input": JUDGED}
LABELS = {"flagged": True, "categories": {f"category {n}": n == 3 for n in range(200)}}


@pytest.mark.parametrize("output", [QUOTING, json.dumps(QUOTING), repr(QUOTING), JUDGED])
def test_quoted_content_is_refused_only_by_choice(output: object) -> None:
    item = {"detector": "openai-moderation", "output": output}
    with facade() as client:
        assert client.post("/map", json=item).status_code == 200
    with facade(raw_content=RawContent.REFUSE) as client:
        refused = client.post("/map", json=item)
        batch = client.post("/map/batch", json={"requests": [item, item | {"output": "hate"}]})
    assert (refused.status_code, refused.json()["error_code"]) == (422, "RAW_CONTENT_REJECTED")
    assert [error["index"] for error in batch.json()["errors"]] == [0]
    assert batch.json()["results"][1]["taxonomy"] == ["HARM.SPEECH.Hate.Other"]


@pytest.mark.parametrize(
    "output", [LABELS, "unsafe\nS10", "hate", {"label": "hate", "text": "x" * 300}]
)
def test_results_with_little_quoted_content_pass(output: object) -> None:
    with facade(raw_content=RawContent.REFUSE) as client:
        item = {"detector": "a-guard", "output": output}
        assert client.post("/map", json=item).status_code == 200
