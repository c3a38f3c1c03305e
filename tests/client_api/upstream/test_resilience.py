"""Budgets, chunks, permits and the circuit, in front of a model that is slow or lost."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bench.processes import eventually
from client_api.mapping.chunk_sizer import ChunkSizer
from client_api.mapping.gateway import (
    CircuitOpen,
    Item,
    ModelError,
    ModelOverloaded,
    ModelRefused,
    ModelTimeout,
)
from client_api.mapping.service import measure_rules
from client_api.upstream.circuit import CircuitBreaker
from client_api.upstream.permits import Permits
from client_api.upstream.protected import ProtectedGateway
from fallback.decision.decision import Decision
from pipeline.tenants import TenantPipelines
from schemas.contract import CircuitState, FallbackReason
from tests.support.fake_model import HATE, FakeGateway, Mapped, facade, model, raising, samples

MODEL_ERROR, TIMEOUT = FallbackReason.MODEL_ERROR, FallbackReason.TIMEOUT
ITEM = Item("d", "hate")
BUDGET_S = 0.24


class SlowGateway(FakeGateway):
    """Takes its time for each item, and gives up when the budget ends, as gRPC does."""

    def __init__(self, item_s: float) -> None:
        super().__init__()
        self.item_s = item_s
        self.budgets: list[float] = []

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if items[0].detector != "canary":
            self.budgets.append(budget_s)
            await asyncio.sleep(min(budget_s, self.item_s * len(items)))
            if self.item_s * len(items) > budget_s:
                self.asked.append([item.output for item in items])
                raise ModelTimeout("slow")
        return await super().map(items, budget_s)


def batch(count: int) -> dict[str, Any]:
    return {"requests": [HATE | {"output": f"word {i}"} for i in range(count)]}


@pytest.mark.parametrize("opened", [False, True])
def test_the_operator_may_have_a_timeout_said_instead_of_answered(opened: bool) -> None:
    settings = {"on_timeout": "error", "circuit_failures": 1 if opened else 100}
    with facade(raising(ModelTimeout("slow")), **settings) as client:
        client.post("/map", json=HATE)
        single = client.post("/map", json=HATE)
        many = client.post("/map/batch", json={"requests": [HATE, HATE]}).json()
        seen = samples(client)

    assert (single.status_code, single.json()["error_code"]) == (408, "REQUEST_TIMEOUT")
    assert single.json()["retryable"] is True
    assert many["results"] == [None, None]
    assert {e["error_code"] for e in many["errors"]} == {"REQUEST_TIMEOUT"}
    assert seen["mapper_requests_total", "openai-moderation", "error"] == 4
    assert seen["mapper_errors_total", "REQUEST_TIMEOUT"] == 4
    assert seen["mapper_fallback_total", "openai-moderation", "timeout"] == 0


def test_a_lost_model_is_no_timeout_and_rules_answer_whatever_the_operator_chose() -> None:
    with facade(raising(ModelError("gone")), on_timeout="error") as client:
        assert client.post("/map", json=HATE).json()["fallback_reason"] == "model_error"


def test_the_models_budget_ends_before_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client_api.composition.measure_rules", lambda pipeline: 3e-6)
    gateway = SlowGateway(0.0)
    with facade(gateway, fallback_reserve_ms=50) as client:
        client.post("/map", json=HATE)
        client.post("/map", json=HATE | {"output": {"text": "x" * 20_000}})

    small, large = gateway.budgets
    assert small < BUDGET_S - 0.05
    # The rules take longer for it.
    assert large < small - 0.02


def test_what_the_rules_take_is_measured_on_this_machine() -> None:
    per_byte = measure_rules(TenantPipelines())
    assert 1e-9 < per_byte < 1e-2


def test_a_chunk_that_was_late_makes_the_next_ones_smaller() -> None:
    gateway = SlowGateway(0.08)
    settings = {"batch_chunk": 4, "circuit_failures": 100, "permit_hold_ms": 1.0}
    with facade(gateway, **settings) as client:
        answer = client.post("/map/batch", json=batch(7)).json()

    reasons = [result["fallback_reason"] for result in answer["results"]]
    sizes = [len(chunk) for chunk in gateway.asked]
    assert sizes[0] == 4
    assert max(sizes[1:]) <= 3
    # The late ones were asked again, in smaller chunks.
    assert "timeout" not in reasons
    # No item had more than its own budget, whatever the batch had left.
    assert max(gateway.budgets) <= BUDGET_S


def test_when_a_batch_has_no_time_left_what_is_done_is_returned() -> None:
    gateway = SlowGateway(0.1)
    with facade(gateway, batch_chunk=1) as client:
        headers = {"X-Budget-Ms": "350"}
        answer = client.post("/map/batch", json=batch(20), headers=headers).json()

    reasons = [result["fallback_reason"] for result in answer["results"]]
    assert reasons[0] is None
    assert set(reasons[8:]) <= {"timeout", "overloaded"}
    assert len(gateway.asked) <= 8


def test_chunks_grow_back_slowly() -> None:
    sizer = ChunkSizer(4)
    sizer.ended(4, 0.3, 0.24, in_time=False)
    assert sizer.size == 2
    sizer.ended(2, 0.05, 0.24, in_time=True)
    assert sizer.size == 3
    sizer.ended(3, 0.2, 0.24, in_time=True)
    assert sizer.size == 3
    for _ in range(3):
        sizer.ended(sizer.size, 0.05, 0.24, in_time=True)
    assert sizer.size == 4


def test_chunks_begin_small_and_grow_while_they_are_fast() -> None:
    sizer = ChunkSizer(8)
    sizes = []
    for _ in range(6):
        sizes.append(sizer.size)
        sizer.ended(sizer.size, 0.05, 0.24, in_time=True)
    assert sizes == [4, 5, 6, 7, 8, 8]
    sizer.ended(8, 0.13, 0.24, in_time=True)
    assert sizer.size == 8


def guarded(
    answer: Mapped | FakeGateway, failures: int = 3, hold_s: float = 60.0
) -> ProtectedGateway:
    gateway = answer if isinstance(answer, FakeGateway) else FakeGateway(answer)
    return ProtectedGateway(gateway, CircuitBreaker(failures), Permits(hold_s), usual_s=0.2)


def outcomes(gateway: ProtectedGateway, calls: int, budget_s: float) -> list[type]:
    """How calls one after another end."""

    async def ask() -> list[type]:
        found: list[type] = []
        for _ in range(calls):
            try:
                await gateway.map([ITEM], budget_s)
                found.append(list)
            except ModelError as error:
                found.append(type(error))
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("failure", "budget_s", "opens"),
    [
        (ModelError("gone"), 0.01, True),
        (RuntimeError("a defect"), BUDGET_S, True),
        (ModelTimeout("slow"), BUDGET_S, True),
        # Who gives no time finds no time: one client must not shut the model off for all.
        (ModelTimeout("slow"), 0.01, False),
        (ModelRefused("malformed"), BUDGET_S, False),
    ],
)
def test_what_speaks_against_the_model_opens_the_circuit(
    failure: Exception, budget_s: float, opens: bool
) -> None:
    seen = outcomes(guarded(raising(failure)), 4, budget_s)

    assert CircuitOpen not in seen[:3]
    assert (seen[3] is CircuitOpen) == opens


def test_calls_that_fail_together_are_one_failure() -> None:
    class Late(FakeGateway):
        async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
            await asyncio.sleep(0)  # all set out before the first fails
            raise ModelTimeout("slow")

    async def ask(gateway: ProtectedGateway) -> set[type]:
        calls = [gateway.map([ITEM], BUDGET_S) for _ in range(3)]
        return {type(one) for one in await asyncio.gather(*calls, return_exceptions=True)}

    async def scenario() -> None:
        gateway = guarded(Late(), hold_s=0.0)
        for _ in range(3):
            assert await ask(gateway) == {ModelTimeout}
        assert await ask(gateway) == {CircuitOpen}

    asyncio.run(scenario())


def test_failures_that_are_not_in_a_row_do_not_open_it() -> None:
    answers = iter([0, 0, 1, 0, 0, 1, 0, 0])

    def answer(item: Item) -> Decision:
        if next(answers):
            return model(item)
        raise ModelError("now and then")

    assert CircuitOpen not in outcomes(guarded(answer), 8, BUDGET_S)


def test_without_a_permit_the_answer_is_no_at_once() -> None:
    async def ask() -> None:
        gate = asyncio.Event()

        class Waiting(FakeGateway):
            async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
                await gate.wait()
                return await super().map(items, budget_s)

        gateway = guarded(Waiting())
        # Before the pace is known, so many are answered within the usual budget.
        waiting = [asyncio.create_task(gateway.map([ITEM], 9.0)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ModelOverloaded):
            await gateway.map([ITEM], 9.0)
        waiting[0].cancel()  # its client has gone; the model does not know that
        await asyncio.sleep(0)
        with pytest.raises(ModelOverloaded):
            await gateway.map([ITEM], 9.0)
        gate.set()
        await waiting[1]

    asyncio.run(ask())


def test_overload_is_answered_by_rules_and_said() -> None:
    with facade(raising(ModelOverloaded("full"))) as client:
        answer = client.post("/map", json=HATE).json()

    assert (answer["source"], answer["fallback_reason"]) == ("rules", "overloaded")


def test_the_circuit_shows_in_metrics_and_the_canary_closes_it() -> None:
    lost = [True]

    def answer(item: Item) -> Decision:
        if lost[0]:
            raise ModelTimeout("slow")
        return model(item)

    with facade(FakeGateway(answer), circuit_failures=2) as client:

        def circuit() -> float:
            return samples(client)["mapper_circuit_state",]

        def reason() -> str | None:
            body: dict[str, str | None] = client.post("/map", json=HATE).json()
            return body["fallback_reason"]

        # What the canary met is what the answers say.
        eventually(lambda: circuit() == CircuitState.OPEN)
        assert reason() == "timeout"
        lost[0] = False
        eventually(lambda: circuit() == CircuitState.CLOSED)
        assert reason() is None


def test_a_failure_to_tell_the_state_does_not_keep_the_circuit_as_it_is() -> None:
    breaker = CircuitBreaker(1, on_change=raising(RuntimeError("a defect")))
    gateway = ProtectedGateway(
        FakeGateway(raising(ModelError("gone"))), breaker, Permits(60.0), usual_s=0.2
    )

    assert outcomes(gateway, 2, BUDGET_S) == [ModelError, CircuitOpen]
    breaker.probe_started()
    breaker.probe_succeeded()
    assert breaker.closed
