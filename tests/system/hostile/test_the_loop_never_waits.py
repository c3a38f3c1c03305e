"""Hostile inputs one after another, and other callers who notice nothing.

`make hostile` measures how long they wait.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bench.load.hostile import bodies
from bench.load.others import LONGEST_TURN_S, Watch, measure
from client_api.app import create_app
from client_api.mapping.gateway import ModelError
from client_api.settings import Settings
from tests.support.fake_model import HATE, FakeGateway, raising

pytestmark = pytest.mark.slow

#: Other callers answered, one after another, before a batch is.
OTHERS = 10


async def with_service(use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """The real application, its model lost, so that its own reader and rules answer everything."""
    gateway = FakeGateway(raising(ModelError("gone")))
    app = create_app(Settings(circuit_failures=1), lambda _: gateway)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60.0) as http,
    ):
        await use(http)


def test_no_input_holds_the_loop_and_none_ends_as_a_defect() -> None:
    stalls: dict[str, float] = {}
    statuses: dict[str, int] = {}

    async def use(http: httpx.AsyncClient) -> None:
        await http.post("/map", json=HATE)
        for kind, body in bodies():
            watch = Watch()
            beating = asyncio.create_task(watch.beat())
            await watch.next_beat()
            answer = await http.post("/map", json=body)
            await watch.next_beat()
            beating.cancel()
            stalls[kind] = max(stalls.get(kind, 0.0), watch.longest_s)
            statuses[kind] = max(statuses.get(kind, 0), answer.status_code)

    asyncio.run(with_service(use))
    assert {kind: s for kind, s in stalls.items() if s > LONGEST_TURN_S} == {}
    assert {kind: status for kind, status in statuses.items() if status >= 500} == {}


def test_a_batch_of_them_keeps_nobody_waiting() -> None:
    answered = 0

    async def use(http: httpx.AsyncClient) -> None:
        nonlocal answered
        hostile = [body for _, body in bodies()][:100]
        await http.post("/map", json=HATE)
        batch = asyncio.create_task(http.post("/map/batch", json={"requests": hostile}))
        while not batch.done():
            assert (await http.post("/map", json=HATE)).status_code == 200
            answered += 1
        answer: dict[str, Any] = batch.result().json()
        codes = {error["error_code"] for error in answer["errors"]}
        assert "INTERNAL_ERROR" not in codes

    asyncio.run(with_service(use))
    # One who waits for the whole batch would be the only one.
    assert answered >= OTHERS


def test_other_callers_are_answered_in_time_beside_the_whole_corpus() -> None:
    """In seconds of a clock: also what holds the interpreter's lock in another thread is seen."""
    noticed = measure()
    assert noticed.kept, str(noticed)
