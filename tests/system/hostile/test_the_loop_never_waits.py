"""Hostile inputs one after another, and other callers who notice nothing.

The loop's own CPU time between two heartbeats is what it did without letting anybody else have a
turn; it does not grow when the machine is busy with something else, as wall time does.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from client_api.app import create_app
from client_api.mapping.gateway import ModelError
from client_api.settings import Settings
from tests.support.fake_model import HATE, FakeGateway, raising
from tests.system.hostile.corpus import bodies

pytestmark = pytest.mark.slow

LONGEST_STALL_S = 0.05
#: Of other callers; on an idle machine it is a tenth of this.
P99_S = 0.25


class Watch:
    """Measures the loop until it is left."""

    def __init__(self) -> None:
        self.stall_s = 0.0
        self._beaten = asyncio.Event()

    async def beat(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.stall_s = max(self.stall_s, now - before)
            before = now
            self._beaten.set()

    async def next_beat(self) -> None:
        """Returns after a heartbeat that begins now or later."""
        self._beaten.clear()
        await self._beaten.wait()


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
            stalls[kind] = max(stalls.get(kind, 0.0), watch.stall_s)
            statuses[kind] = max(statuses.get(kind, 0), answer.status_code)

    asyncio.run(with_service(use))
    assert {kind: s for kind, s in stalls.items() if s > LONGEST_STALL_S} == {}
    assert {kind: status for kind, status in statuses.items() if status >= 500} == {}


def test_a_batch_of_them_keeps_nobody_waiting() -> None:
    took: list[float] = []

    async def use(http: httpx.AsyncClient) -> None:
        hostile = [body for _, body in bodies()][:100]
        await http.post("/map", json=HATE)
        batch = asyncio.create_task(http.post("/map/batch", json={"requests": hostile}))
        while not batch.done():
            begun = time.perf_counter()
            assert (await http.get("/health/live")).status_code == 200
            took.append(time.perf_counter() - begun)
            await asyncio.sleep(0.005)
        answer: dict[str, Any] = batch.result().json()
        codes = {error["error_code"] for error in answer["errors"]}
        assert "INTERNAL_ERROR" not in codes

    asyncio.run(with_service(use))
    took.sort()
    assert took[int(len(took) * 0.99)] < P99_S
