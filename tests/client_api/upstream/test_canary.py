"""The canary goes on whatever the ensemble answers, and the process ends in order after it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.processes import eventually
from client_api.app import create_app
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from fallback.decision.decision import Decision
from tests.support.fake_model import HATE, FakeGateway, facade, model, samples

Change = Callable[[Decision], Decision]


def with_versions(**changed: Any) -> Change:
    return lambda decision: replace(decision, versions={**decision.versions, **changed})


def without_model(decision: Decision) -> Decision:
    return replace(decision, versions={k: v for k, v in decision.versions.items() if k != "model"})


def test_a_version_that_this_facade_does_not_know_is_no_failure() -> None:
    change = with_versions(neighbours="2026.11")
    with facade(FakeGateway(lambda item: change(model(item)))) as client:
        eventually(lambda: client.get("/health/model").status_code == 200)
        build = {key for key in samples(client) if key[0] == "mapper_build_info"}

    assert len(build) == 1


@pytest.mark.parametrize(
    "change",
    [
        without_model,
        lambda decision: replace(decision, versions=None),
        lambda decision: replace(decision, fallback_reason="a new reason"),
        with_versions(taxonomy=["of", "another", "shape"], model=None),
    ],
)
def test_an_answer_of_an_unexpected_shape_does_not_end_the_canary(change: Change) -> None:
    changed = [True]

    def answer(item: Item) -> Decision:
        return change(model(item)) if changed[0] else model(item)

    with facade(FakeGateway(canary=answer), circuit_failures=1) as client:
        assert client.get("/health/live").status_code == 200
        changed[0] = False
        eventually(lambda: client.get("/health/model").status_code == 200)
        assert client.post("/map", json=HATE).json()["fallback_reason"] is None


def test_shutdown_closes_what_is_open_after_a_failure() -> None:
    class Closing(FakeGateway):
        closed = False

        async def close(self) -> None:
            self.closed = True

    gateway = Closing()
    app = create_app(Settings(), lambda _: gateway)

    async def scenario() -> None:
        async with app.router.lifespan_context(app):
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        asyncio.run(scenario())
    assert gateway.closed
