"""How many requests may be in flight, and how large their bodies may be."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from client_api.app import create_app
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from fallback.decision.decision import Decision
from tests.support.fake_model import HATE, FakeGateway

JSON = {"Content-Type": "application/json"}


class Gate(FakeGateway):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.waiting = 0

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if items[0].detector != "canary":
            self.waiting += 1
            await self.open.wait()
        return await super().map(items, budget_s)


@asynccontextmanager
async def serving(gateway: FakeGateway, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may have several requests under way."""
    app = create_app(Settings(**settings), lambda _: gateway)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def test_beyond_the_requests_in_flight_more_are_refused_and_probes_are_not() -> None:
    async def run() -> None:
        gate = Gate()
        async with serving(gate, inflight_max=3, budget_ms=60_000) as client:
            held = [asyncio.create_task(client.post("/map", json=HATE)) for _ in range(3)]
            await until(lambda: gate.waiting == 3)
            refused = await client.post("/map", json=HATE)
            assert (refused.status_code, refused.json()["error_code"]) == (503, "OVERLOADED")
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["retryable"] is True
            assert (await client.get("/health")).status_code == 200
            assert (await client.put("/admin/mode", json={"mode": "hybrid"})).status_code == 200
            gate.open.set()
            assert [(await task).status_code for task in held] == [200] * 3
            assert (await client.post("/map", json=HATE)).status_code == 200

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_body_that_is_withheld_takes_no_place_of_others() -> None:
    async def run() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def withheld() -> AsyncIterator[bytes]:
            begun.set()
            await go_on.wait()
            yield orjson.dumps(HATE)

        async with serving(FakeGateway(), inflight_max=1) as client:
            held = asyncio.create_task(client.post("/map", content=withheld(), headers=JSON))
            await begun.wait()
            assert (await client.post("/map", json=HATE)).status_code == 200
            go_on.set()
            assert (await held).status_code == 200

    asyncio.run(asyncio.wait_for(run(), 60))


def test_bodies_have_limits_each_together_and_in_time() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async def half(size: int, go_on: asyncio.Event) -> AsyncIterator[bytes]:
        yield b" " * size
        await go_on.wait()
        yield orjson.dumps(HATE)

    async def run() -> None:
        settings = {"inflight_max_bytes": 150_000, "body_timeout_s": 30.0}
        async with serving(FakeGateway(), **settings) as client:

            async def post(content: Any, path: str = "/map") -> httpx.Response:
                return await client.post(path, content=content, headers=JSON)

            go_on = asyncio.Event()
            held = asyncio.create_task(post(half(60_000, go_on)))
            await asyncio.sleep(0.1)
            over = await post(b" " * 60_000 + orjson.dumps(HATE))
            assert (over.status_code, over.json()["error_code"]) == (503, "OVERLOADED")
            assert over.headers["retry-after"] == "1"
            go_on.set()
            assert (await held).status_code == 200
            assert (await post(b" " * 60_000 + orjson.dumps(HATE))).status_code == 200
        async with serving(FakeGateway(), body_timeout_s=0.05) as client:
            late = await post(slowly())
            assert (late.status_code, late.json()["error_code"]) == (408, "REQUEST_TIMEOUT")
            assert (await client.post("/map", json=HATE)).status_code == 200
            for path, size in (
                ("/map", 500_000),
                ("/map/batch", 9_000_000),
                ("/admin/mode", 20_000),
            ):
                method = "PUT" if path == "/admin/mode" else "POST"
                big = await client.request(method, path, content=b" " * size, headers=JSON)
                assert (big.status_code, big.json()["error_code"]) == (413, "PAYLOAD_TOO_LARGE")

    asyncio.run(asyncio.wait_for(run(), 60))


def test_what_bodies_become_counts_as_well() -> None:
    """A value of three bytes takes many times that, and a text as many as its widest character."""
    wide = b'{"detector": "d", "output": [%s]}' % b",".join([b"[]"] * 3_000)
    wider = b'{"detector": "d", "output": [%s]}' % b",".join([b"[]"] * 6_000)

    async def post(client: httpx.AsyncClient, content: bytes) -> int:
        return (await client.post("/map", content=content, headers=JSON)).status_code

    async def values() -> None:
        gate = Gate()
        async with serving(gate, inflight_max_bytes=600_000, budget_ms=60_000) as client:
            held = asyncio.create_task(post(client, wide))
            await until(lambda: gate.waiting == 1)
            assert await post(client, wide) == 503
            gate.open.set()
            assert await held == 200
            assert await post(client, wide) == 200
            assert await post(client, wider) == 413

    async def texts() -> None:
        async with serving(FakeGateway(), inflight_max_bytes=20_000) as client:
            for widest, status in ((b"a", 200), ("\u00e9".encode(), 413), (rb"\u00e9", 413)):
                spaces = b" " * 6_000
                text = b'{"detector": "d", "output": "hate%s"}' % widest
                assert await post(client, spaces + text) == status

    asyncio.run(asyncio.wait_for(values(), 60))
    asyncio.run(asyncio.wait_for(texts(), 60))
