"""One answer for one request, however often it is sent: in memory, and shared through Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bench.faults.redis_server import RedisServer, running_redis
from client_api.access.idempotency import (
    Idempotency,
    KeptResponse,
    KeyReusedError,
    Store,
    check_key,
    fingerprint,
)
from client_api.access.idempotency_stores import MemoryStore, RedisStore
from client_api.access.redis import SharedRedis

REQUEST = fingerprint("/map", "", "", b'{"detector": "d", "output": "o"}')
OTHER = fingerprint("/map", "", "", b'{"detector": "d", "output": "p"}')


@dataclass
class Service:
    """Answers, and counts how often; waits for `gate` where a test wants it to."""

    status: int = 200
    calls: int = 0
    gate: asyncio.Event | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> KeptResponse:
        self.calls += 1
        self.started.set()
        if self.gate:
            await self.gate.wait()
        body = f"answer {self.calls}".encode()
        return KeptResponse(self.status, (("content-type", "application/json"),), body)


Test = Callable[[Store], Awaitable[None]]


@asynccontextmanager
async def redis_store(server: RedisServer) -> AsyncIterator[RedisStore]:
    # Time enough for a busy machine.
    shared = SharedRedis(server.url, timeout_s=2.0)
    try:
        yield RedisStore(shared, ttl_s=60)
    finally:
        await shared.aclose()


@pytest.fixture(params=["memory", "redis"])
def run(request: pytest.FixtureRequest) -> Callable[[Test], None]:
    """Runs an async test on each kind of store."""

    async def on_redis(test: Test, server: RedisServer) -> None:
        async with redis_store(server) as store:
            await test(store)

    def run(test: Test) -> None:
        if request.param == "memory":
            asyncio.run(test(MemoryStore(ttl_s=60, max_bytes=1_000_000)))  # type: ignore[arg-type]
            return
        with running_redis() as server:
            asyncio.run(on_redis(test, server))

    return run


def test_the_same_request_is_answered_once(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        service, once = Service(), Idempotency(store)
        first = await once.run("acme", "k", REQUEST, service, 1.0)
        second = await once.run("acme", "k", REQUEST, service, 1.0)
        assert first == (
            KeptResponse(200, (("content-type", "application/json"),), b"answer 1"),
            False,
        )
        assert second == (first[0], True)
        assert service.calls == 1

    run(test)


def test_another_request_under_the_same_key_is_refused(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        service, once = Service(), Idempotency(store)
        await once.run("acme", "k", REQUEST, service, 1.0)
        with pytest.raises(KeyReusedError):
            await once.run("acme", "k", OTHER, service, 1.0)
        assert service.calls == 1

    run(test)


def test_no_tenant_gets_anothers_answer(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        once = Idempotency(store)
        answers = [
            (await once.run(tenant, key, REQUEST, Service(), 1.0))[1]
            for tenant, key in [
                ("acme", "k"),
                ("globex", "k"),
                (None, "k"),
                # Nor by a tenant and a key that read the same when put together.
                ("a", "b:c"),
                ("a:b", "c"),
                ('a", "b', "c"),
                ("acme", "k "),
            ]
        ]
        assert answers == [False] * 7

    run(test)


def test_duplicates_in_flight_wait_for_the_first(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        service, once = Service(gate=asyncio.Event()), Idempotency(store)
        assert service.gate
        first = asyncio.create_task(once.run("acme", "k", REQUEST, service, 30.0))
        await service.started.wait()
        more = [
            asyncio.create_task(once.run("acme", "k", REQUEST, service, 30.0)) for _ in range(5)
        ]
        with pytest.raises(KeyReusedError):
            await once.run("acme", "k", OTHER, service, 30.0)
        service.gate.set()
        assert (await first)[1] is False
        assert [replayed for _, replayed in await asyncio.gather(*more)] == [True] * 5
        assert service.calls == 1

    run(test)


def test_who_waits_too_long_is_answered_all_the_same(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        slow, once = Service(gate=asyncio.Event()), Idempotency(store)
        assert slow.gate
        first = asyncio.create_task(once.run("acme", "k", REQUEST, slow, 30.0))
        await slow.started.wait()
        own = Service()
        answer, replayed = await once.run("acme", "k", REQUEST, own, 0.0)
        assert (answer.body, replayed, own.calls) == (b"answer 1", False, 1)
        slow.gate.set()
        await first

    run(test)


@pytest.mark.parametrize("status", [408, 422, 429, 500, 503])
def test_what_was_no_success_may_be_tried_again(run: Callable[[Test], None], status: int) -> None:
    async def test(store: Store) -> None:
        once = Idempotency(store)
        assert (await once.run("acme", "k", REQUEST, Service(status), 1.0))[0].status == status
        assert (await once.run("acme", "k", OTHER, Service(), 1.0))[0].status == 200

    run(test)


def test_a_waiter_takes_over_from_one_that_failed_or_left(run: Callable[[Test], None]) -> None:
    async def test(store: Store) -> None:
        gone, once = Service(gate=asyncio.Event()), Idempotency(store)
        first = asyncio.create_task(once.run("acme", "k", REQUEST, gone, 30.0))
        await gone.started.wait()
        own = Service()
        waiter = asyncio.create_task(once.run("acme", "k", REQUEST, own, 30.0))
        await asyncio.sleep(0)
        first.cancel()
        assert (await waiter)[1] is False
        assert own.calls == 1
        assert (await once.run("acme", "k", REQUEST, own, 1.0))[1] is True

        async def broken() -> KeptResponse:
            raise RuntimeError("no answer")

        with pytest.raises(RuntimeError):
            await once.run("acme", "k2", REQUEST, broken, 1.0)
        assert (await once.run("acme", "k2", REQUEST, own, 1.0))[1] is False

    run(test)


def test_answers_expire() -> None:
    async def test() -> None:
        now = [0.0]
        once = Idempotency(MemoryStore(ttl_s=60, max_bytes=10_000, clock=lambda: now[0]))
        service = Service()
        for at, replayed in [(0, False), (59, True), (61, False), (120, True)]:
            now[0] = at
            assert (await once.run("acme", "k", REQUEST, service, 1.0))[1] is replayed

    asyncio.run(test())


def test_answers_expire_in_redis() -> None:
    async def test(server: RedisServer) -> None:
        shared = SharedRedis(server.url, timeout_s=2.0)
        once, service = Idempotency(RedisStore(shared, ttl_s=0.001)), Service()
        await once.run("acme", "k", REQUEST, service, 1.0)
        # Told to forget, Redis does so within a millisecond; ask until it has.
        while (await once.run("acme", "k", REQUEST, service, 1.0))[1]:
            pass
        await shared.aclose()

    with running_redis() as server:
        asyncio.run(test(server))


def test_memory_is_bounded_and_the_least_used_go_first() -> None:
    async def test() -> None:
        store = MemoryStore(ttl_s=60, max_bytes=20_000)
        once = Idempotency(store)

        async def answer() -> KeptResponse:
            return KeptResponse(200, (), bytes(4_000))

        async def ask(key: str) -> bool:
            return (await once.run("acme", key, REQUEST, answer, 1.0))[1]

        for i in range(100):
            assert await ask("often") is (i > 0)
            assert await ask(f"once {i}") is False
            assert store.size_bytes <= 20_000
        assert await ask("once 0") is False

    asyncio.run(test())


def test_an_answer_too_large_to_keep_is_given_and_not_kept() -> None:
    async def test() -> None:
        store = MemoryStore(ttl_s=60, max_bytes=3_000)
        once = Idempotency(store)

        async def answer() -> KeptResponse:
            return KeptResponse(200, (), bytes(4_000))

        for _ in range(2):
            found, replayed = await once.run("acme", "k", REQUEST, answer, 1.0)
            assert (len(found.body), replayed) == (4_000, False)
        assert store.size_bytes == 0

    asyncio.run(test())


def test_without_redis_every_request_is_answered_and_counted() -> None:
    async def test(server: RedisServer) -> None:
        outages: list[str] = []
        service = Service()
        async with redis_store(server) as store:
            once = Idempotency(store, lambda: outages.append("out"))
            await once.run("acme", "k", REQUEST, service, 1.0)
            server.kill()
            for count in range(1, 4):
                assert (await once.run("acme", "k", REQUEST, service, 1.0))[1] is False
                assert (service.calls, len(outages)) == (1 + count, count)

    with running_redis() as server:
        asyncio.run(test(server))


def test_redis_lost_while_answering_loses_no_answer() -> None:
    async def test(server: RedisServer) -> None:
        outages: list[str] = []

        async def answer() -> KeptResponse:
            server.kill()
            return KeptResponse(200, (), b"here")

        async with redis_store(server) as store:
            once = Idempotency(store, lambda: outages.append("out"))
            assert (await once.run("acme", "k", REQUEST, answer, 1.0))[0].body == b"here"
        assert outages == ["out"]

    with running_redis() as server:
        asyncio.run(test(server))


@pytest.mark.parametrize("key", ["", "a b", "ä", "\n", "x" * 256])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="255"):
        check_key(key)
    assert check_key("x" * 255) == "x" * 255


def test_path_query_and_body_make_a_request() -> None:
    prints = {
        fingerprint("/map", "", "", b"{}"),
        fingerprint("/map/batch", "", "", b"{}"),
        fingerprint("/map", "explain=true", "", b"{}"),
        fingerprint("/map", "", "", b"{ }"),
        fingerprint("/m", "ap", "", b"{}"),
    }
    assert len(prints) == 5
