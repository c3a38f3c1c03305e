"""A model that has too much to do: who waits for it, who is answered by rules, and when."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from client_api.mapping.gateway import Item, ModelOverloaded
from fallback.decision.decision import Decision
from tests.support.fake_model import HATE, FakeGateway, facade, model


class Busy(FakeGateway):
    """Refuses the first questions; the canary has its own way."""

    def __init__(self, times: int) -> None:
        super().__init__(canary=model)
        self.refused = times

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if items[0].detector != "canary" and self.refused:
            self.refused -= 1
            raise ModelOverloaded("busy")
        return await super().map(items, budget_s)


@pytest.fixture
def patience(tmp_path: Path) -> Path:
    policies = tmp_path / "policies.yaml"
    policies.write_text("defaults: {budget_cap_ms: 60000}")
    return policies


def test_who_gives_it_more_time_waits_for_the_model(patience: Path) -> None:
    gateway = Busy(times=3)
    with facade(gateway, policies_file=patience) as client:
        answer = client.post("/map", json=HATE, headers={"X-Budget-Ms": "30000"}).json()

    assert (answer["source"], answer["fallback_reason"]) == ("model", None)
    assert gateway.refused == 0


def test_who_does_not_is_answered_by_rules_and_asks_the_model_once(patience: Path) -> None:
    gateway = Busy(times=3)
    with facade(gateway, policies_file=patience) as client:
        answer = client.post("/map", json=HATE).json()

    assert (answer["source"], answer["fallback_reason"]) == ("rules", "overloaded")
    assert gateway.refused == 2


def test_who_waited_in_vain_is_answered_by_rules(patience: Path) -> None:
    gateway = Busy(times=10**9)
    with facade(gateway, policies_file=patience) as client:
        answer = client.post("/map", json=HATE, headers={"X-Budget-Ms": "400"}).json()

    assert answer["fallback_reason"] == "overloaded"
    assert gateway.refused < 10**9 - 1


def test_the_next_chunk_of_a_batch_is_on_its_way_while_the_model_answers_one() -> None:
    class Watched(FakeGateway):
        def __init__(self) -> None:
            super().__init__()
            self.under_way = self.most = 0

        async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            return await super().map(items, budget_s)

    gateway = Watched()
    requests = [HATE | {"output": f"word {n}"} for n in range(12)]
    with facade(gateway, batch_chunk=1) as client:
        answer = client.post("/map/batch", json={"requests": requests}).json()

    assert gateway.most == 2
    assert [result["fallback_reason"] for result in answer["results"]] == [None] * 12
    assert sorted(output for chunk in gateway.asked for output in chunk) == sorted(
        one["output"] for one in requests
    )
