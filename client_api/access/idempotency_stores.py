"""The stores of answers for `Idempotency-Key`: in this process, or in a Redis that pods share.

In and out: slots, as defined by `client_api.access.idempotency.Store`.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import redis.asyncio

from client_api.access.idempotency import PASSING_S, Claim, ClaimState, KeptResponse
from client_api.access.redis import SharedRedis

# What an entry costs beside its text, generously: the objects around it, its slot and fingerprint.
_OVERHEAD_BYTES = 1_000
# A holder that died frees its slot after this: longer than the longest batch budget.
_LEASE_S = 30
_MAX_REDIS_ANSWER_BYTES = 1 << 20
_POLL_S = 0.01
_POLL_MAX_S = 0.1
_PREFIX = "mapper:idempotency:"

# Compare and set: an answer that took longer than its lease must not overwrite a successor's.
_FINISH = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])
"""


@dataclass(slots=True)
class _Open:
    fingerprint: str
    token: str
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: str
    answer: KeptResponse
    expires: float
    size: int


class MemoryStore:
    """Keeps answers in this process; new ones replace the least recently used.

    ttl_s: seconds for which an answer is replayed.
    max_bytes: the most memory of all answers together.
    """

    def __init__(
        self, ttl_s: float, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._open: dict[str, _Open] = {}
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """The memory of the stored answers in bytes."""
        return self._bytes

    async def claim(self, slot: str, fingerprint: str, token: str) -> Claim:
        if (kept := self._kept.get(slot)) is not None:
            if kept.expires > self._clock():
                self._kept.move_to_end(slot)
                return Claim(ClaimState.DONE, kept.fingerprint, kept.answer)
            self._drop(slot)
        if (running := self._open.get(slot)) is not None:
            return Claim(ClaimState.BUSY, running.fingerprint)
        self._open[slot] = _Open(fingerprint, token)
        return Claim(ClaimState.MINE, fingerprint)

    async def wait(self, slot: str, timeout_s: float) -> bool:
        if (running := self._open.get(slot)) is None:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await running.closed.wait()
        except TimeoutError:
            return False
        return True

    async def finish(self, slot: str, token: str, answer: KeptResponse) -> None:
        running = self._open.pop(slot)
        headers = sum(len(name) + len(value) for name, value in answer.headers)
        size = _OVERHEAD_BYTES + headers + len(answer.body)
        if size <= self._max_bytes:
            ttl_s = min(self._ttl_s, PASSING_S) if answer.passing else self._ttl_s
            expires = self._clock() + ttl_s
            self._kept[slot] = _Kept(running.fingerprint, answer, expires, size)
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))
        running.closed.set()

    async def release(self, slot: str, token: str) -> None:
        self._open.pop(slot).closed.set()

    def _drop(self, slot: str) -> None:
        self._bytes -= self._kept.pop(slot).size


class RedisStore:
    """Keeps answers in Redis, whose own `maxmemory` bounds them; answers over 1 MiB are not kept.

    ttl_s: seconds for which an answer is replayed.
    """

    def __init__(self, shared: SharedRedis, ttl_s: float) -> None:
        self._shared = shared
        self._redis = redis.asyncio.Redis(connection_pool=shared.pool)
        self._ttl_ms = round(ttl_s * 1000)
        self._finish = self._redis.register_script(_FINISH)
        self._release = self._redis.register_script(_RELEASE)
        # What this process holds: token -> the value it wrote.
        self._held: dict[str, bytes] = {}

    async def claim(self, slot: str, fingerprint: str, token: str) -> Claim:
        mine = _encode(fingerprint, token=token)
        async with self._shared.reach():
            # The slot became free between the two commands: claim it again.
            while not await self._redis.set(_PREFIX + slot, mine, nx=True, ex=_LEASE_S):
                if (found := await self._redis.get(_PREFIX + slot)) is not None:
                    return _decode(found)
        self._held[token] = mine
        return Claim(ClaimState.MINE, fingerprint)

    async def wait(self, slot: str, timeout_s: float) -> bool:
        now = asyncio.get_running_loop().time
        until, pause = now() + timeout_s, _POLL_S
        while now() < until:
            await asyncio.sleep(min(pause, until - now()))
            pause = min(2 * pause, _POLL_MAX_S)
            async with self._shared.reach():
                found = await self._redis.get(_PREFIX + slot)
            if found is None or _decode(found).state is ClaimState.DONE:
                return True
        return False

    async def finish(self, slot: str, token: str, answer: KeptResponse) -> None:
        if len(answer.body) > _MAX_REDIS_ANSWER_BYTES:
            await self.release(slot, token)
            return
        mine = self._held.pop(token)
        kept = _encode(_decode(mine).fingerprint, answer=answer)
        async with self._shared.reach():
            ttl_ms = min(self._ttl_ms, int(PASSING_S * 1000)) if answer.passing else self._ttl_ms
            await self._finish([_PREFIX + slot], [mine, kept, ttl_ms])

    async def release(self, slot: str, token: str) -> None:
        mine = self._held.pop(token)
        async with self._shared.reach():
            await self._release([_PREFIX + slot], [mine])


def _encode(fingerprint: str, *, token: str = "", answer: KeptResponse | None = None) -> bytes:
    """One line of JSON, then the body."""
    head: dict[str, object] = {"fingerprint": fingerprint, "token": token}
    if answer is not None:
        head |= {"status": answer.status, "headers": answer.headers}
    return json.dumps(head).encode() + b"\n" + (answer.body if answer else b"")


def _decode(value: object) -> Claim:
    assert isinstance(value, bytes)
    line, _, body = value.partition(b"\n")
    head = json.loads(line)
    if "status" not in head:
        return Claim(ClaimState.BUSY, head["fingerprint"])
    headers = tuple((name, text) for name, text in head["headers"])
    return Claim(ClaimState.DONE, head["fingerprint"], KeptResponse(head["status"], headers, body))
