"""Whatever an output holds, its item is answered, its neighbours too, and nothing else notices.

Fuzzed from the body of a request to the answer: the facade, the reader, what travels between the
steps as Triton's tensors, and the decision. Only the model is a fake.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from client_api.mapping.gateway import Item
from fallback.decision.decision import Decision
from pipeline import wire
from pipeline.steps import load_pipeline, queries_of
from schemas.candidate import Candidate, CandidateSet
from schemas.event import event_errors
from schemas.requests import parse_metadata
from tests.support.fake_model import HATE, FakeGateway, facade, samples

HUGE = st.sampled_from([10**400, -(10**400), 10**40, 2**63, -(2**63) - 1, 1e308, 5e-324])
NO_NUMBER = st.sampled_from([float("nan"), float("inf"), float("-inf")])
#: Halves of a surrogate pair too, as escapes bring them.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    ["\ud800", "safe\udfff", "\x00unsafe", "S1", "hate", "flagged", "score", "1e400", "[" * 200]
)
LEAVES = TEXTS | HUGE | NO_NUMBER | st.booleans() | st.none() | st.integers() | st.floats()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


def nested(value: Any, levels: int) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"categories": value}
    return value


OUTPUTS = VALUES | st.builds(nested, VALUES, st.integers(0, 300))
#: As JSON of the request, or as a text that holds JSON, whatever JSON allows.
BODIES = st.builds(
    lambda output, as_text: json.dumps(output) if as_text else output, OUTPUTS, st.booleans()
)


class TensorGateway(FakeGateway):
    """The three steps, with what they hand on written and read as Triton's tensors are."""

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        return [self._one(item) for item in items]

    def _one(self, item: Item) -> Decision:
        steps = load_pipeline()
        read = steps.read(item.detector, item.output, parse_metadata(item.metadata))
        handed = wire.load_item(item.detector, wire.dump_item(read).decode())
        answer = Candidate('{"taxonomy":["HARM.SPEECH.Hate.Other"]}', 0.9, 0.95)
        answers = CandidateSet("fake-model", (answer,) * len(queries_of(handed)))
        decision = steps.decide(
            handed, wire.load_candidates(wire.dump_candidates(answers).decode())
        )
        wire.decision_columns([decision])
        return decision


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with facade(TensorGateway(), circuit_failures=1) as client:
        yield client


def send(client: TestClient, path: str, body: Any) -> Any:
    response = client.post(
        path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (200, 400, 413, 422), response.text
    return response.json()


def assert_valid(answer: dict[str, Any]) -> None:
    beside = ("version_info", "source", "fallback_reason", "label_confidence")
    assert event_errors({k: v for k, v in answer.items() if k not in beside}) == []


@given(output=BODIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_output_is_the_matter_of_its_item(client: TestClient, output: Any) -> None:
    alone = send(client, "/map", {"detector": "acme-guard", "output": output})
    if "taxonomy" in alone:
        assert_valid(alone)
    both = send(client, "/map/batch", {"requests": [HATE, HATE | {"output": output}, HATE]})
    if "results" in both:  # else the body as a whole is no JSON
        first, bad, last = both["results"]
        assert first["taxonomy"] == last["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
        assert {e["index"] for e in both["errors"]} == ({1} if bad is None else set())
        assert "INTERNAL_ERROR" not in {e["error_code"] for e in both["errors"]}
    assert samples(client)["mapper_circuit_state",] == 0
