"""Items of a batch that the model did not get to in time, as with an empty cache."""

from collections import Counter
from typing import Any

import pytest

from client_api.mapping.gateway import Item, ModelOverloaded, ModelTimeout
from fallback.decision.decision import Decision
from pipeline.steps import load_pipeline
from schemas.contract import FallbackReason
from tests.support.fake_model import FakeGateway, facade, model, samples

TIMEOUT, OVERLOADED = FallbackReason.TIMEOUT, FallbackReason.OVERLOADED
WORDS = [f"word {n}" for n in range(10)]


class Cold:
    """Is late with the first `times` questions about each output, then answers."""

    def __init__(self, times: int = 1, late: Exception | FallbackReason = TIMEOUT) -> None:
        self.late = late
        self.times = times
        self.asked: Counter[str] = Counter()

    def __call__(self, item: Item) -> Decision:
        self.asked[item.output] += 1
        if self.asked[item.output] > self.times:
            return model(item)
        if isinstance(self.late, Exception):
            raise self.late
        pipeline = load_pipeline()
        return pipeline.decide(pipeline.read(item.detector, item.output), reason=self.late)


def batch(gateway: FakeGateway, budget_ms: float | None = None, **settings: Any) -> Any:
    """The answer to a batch of all words, and the metrics after it."""
    gateway.canary = model
    requests = [{"detector": "acme-judge", "output": word} for word in WORDS]
    headers = {} if budget_ms is None else {"X-Budget-Ms": str(budget_ms)}
    # No time passes in this model, so it has ended with a call that was given up.
    with facade(gateway, permit_hold_ms=1.0, **settings) as client:
        answer = client.post("/map/batch", json={"requests": requests}, headers=headers).json()
        return answer, samples(client)


def said(answer: Any) -> list[dict[str, Any]]:
    """The answers without the time at which they were given."""
    for result in answer["results"]:
        del result["provenance"]["ts"]
    results: list[dict[str, Any]] = answer["results"]
    return results


@pytest.mark.parametrize(
    "late", [TIMEOUT, OVERLOADED, ModelTimeout("slow"), ModelOverloaded("all permits are taken")]
)
def test_a_batch_is_answered_alike_by_a_cold_model_and_by_a_warm_one(late: Any) -> None:
    cold, _ = batch(FakeGateway(Cold(2, late)), circuit_failures=100)
    warm, _ = batch(FakeGateway())
    assert said(cold) == said(warm)
    assert cold["errors"] == []


def test_what_was_answered_is_not_asked_again() -> None:
    slow = Cold()
    gateway = FakeGateway(lambda item: slow(item) if item.output == WORDS[2] else model(item))
    batch(gateway)
    asked = Counter(output for chunk in gateway.asked for output in chunk)
    assert asked == Counter(WORDS) + Counter([WORDS[2]])
    # The others do not wait for it.
    assert gateway.asked[-1][-1] == WORDS[2]


def test_an_item_counts_once_however_often_it_was_asked() -> None:
    _, seen = batch(FakeGateway(Cold(2)))
    assert seen["mapper_requests_total", "other", "success"] == len(WORDS)
    assert seen["mapper_request_duration_seconds_count", "other"] == len(WORDS)
    assert seen["mapper_fallback_total", "other", "timeout"] == 0


@pytest.mark.parametrize("on_timeout", ["rules", "error"])
def test_it_is_a_timeout_when_the_budget_of_the_batch_has_ended(on_timeout: str) -> None:
    never = Cold(10**6)
    answer, seen = batch(FakeGateway(never), 1000, on_timeout=on_timeout)
    assert never.asked[WORDS[0]] > 1
    if on_timeout == "rules":
        assert {result["fallback_reason"] for result in answer["results"]} == {"timeout"}
        assert seen["mapper_fallback_total", "other", "timeout"] == len(WORDS)
    else:
        assert {error["error_code"] for error in answer["errors"]} == {"REQUEST_TIMEOUT"}
        assert seen["mapper_requests_total", "other", "error"] == len(WORDS)


def test_a_model_that_is_known_to_be_lost_is_not_waited_for() -> None:
    gateway = FakeGateway(Cold(10**6, ModelTimeout("slow")))
    answer, _ = batch(gateway, circuit_failures=1)
    assert len(gateway.asked) == 1
    assert {result["fallback_reason"] for result in answer["results"]} == {"timeout"}
