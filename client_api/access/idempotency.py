"""The same request twice, one answer: what `Idempotency-Key` promises.

In: a tenant, the caller's key, a fingerprint of the request, and how to answer it. Out: the
answer, made now or given before. Knows nothing of HTTP routes or of where answers are kept (see
the stores). Only successes are kept: a refusal or a failure is no result, and may be tried again.

To answer is free of side effects here, so whatever goes wrong with a store (an outage, a holder
that died, an answer too large to keep) ends in answering again, never in an error.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from client_api.access.redis import RedisOutageError

# Visible ASCII, as header values are; longer ones are no identifiers.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class KeyReusedError(ValueError):
    """The key was used for another request of this tenant. The message quotes neither."""


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A response as it is kept: `headers` are those worth replaying, not the connection's;
    `passing`: it is only for who waits for it now, as the same request later may get a better one.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    passing: bool = False


#: How long a passing answer is replayed.
PASSING_S = 1.0


class ClaimState(StrEnum):
    """What a store says when a slot is claimed."""

    MINE = "mine"
    BUSY = "busy"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Claim:
    """The state of a slot, and of which request; `answer` when it is done."""

    state: ClaimState
    fingerprint: str
    answer: KeptResponse | None = None


class Store(Protocol):
    """Where answers are kept. Every method may raise RedisOutageError.

    A slot is claimed under a token, and only the holder of the token may fill or free it.
    """

    async def claim(self, slot: str, fingerprint: str, token: str) -> Claim:
        """Take a free slot, or say what is in it; atomic."""
        ...

    async def wait(self, slot: str, timeout_s: float) -> bool:
        """Return when the slot is no longer busy; False when it still is after the timeout."""
        ...

    async def finish(self, slot: str, token: str, answer: KeptResponse) -> None:
        """Keep the answer and wake who waits; an answer too large to keep frees the slot."""
        ...

    async def release(self, slot: str, token: str) -> None:
        """Free the slot and wake who waits."""
        ...


def check_key(key: str) -> str:
    """The key as it is; raises ValueError unless it is 1 to 255 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        raise ValueError("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def fingerprint(path: str, query: str, form: str, body: bytes) -> str:
    """Says whether two requests are the same: their path, query, the form of answer that they ask
    for, and exact body."""
    return _digest([path, query, form, hashlib.sha256(body).hexdigest()])


class Idempotency:
    """Answers each request of a tenant once for a key.

    on_outage: called once for each request that was answered without the store's help.
    """

    def __init__(self, store: Store, on_outage: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._on_outage = on_outage

    async def run(
        self,
        tenant: str | None,
        key: str,
        request: str,
        answer: Callable[[], Awaitable[KeptResponse]],
        wait_s: float,
    ) -> tuple[KeptResponse, bool]:
        """The answer, and whether it is a replay.

        request: its `fingerprint`. answer: makes the answer; called at most once.
        wait_s: how long to wait for the same request in flight before answering apart from it.

        Raises KeyReusedError when the key stands for another request, and whatever `answer`
        raises; the slot is free again then.
        """
        # Hashed as a list, so that no tenant and key together spell another tenant's.
        slot, token = _digest([tenant, key]), secrets.token_hex(16)
        claim = await self._claim(slot, request, token, wait_s)
        if claim is None:
            return await answer(), False
        if claim.answer is not None:
            return claim.answer, True
        return await self._answer(slot, token, answer), False

    async def _claim(self, slot: str, request: str, token: str, wait_s: float) -> Claim | None:
        """The slot, ours or done; None when this request is to be answered apart from it."""
        now = asyncio.get_running_loop().time
        until = now() + wait_s
        try:
            while True:
                claim = await self._store.claim(slot, request, token)
                if claim.fingerprint != request:
                    raise KeyReusedError("the Idempotency-Key was used for another request")
                if claim.state is not ClaimState.BUSY:
                    return claim
                if not await self._store.wait(slot, max(0.0, until - now())):
                    return None
        except RedisOutageError:
            self._on_outage()
            return None

    async def _answer(
        self, slot: str, token: str, answer: Callable[[], Awaitable[KeptResponse]]
    ) -> KeptResponse:
        made = None
        try:
            made = await answer()
        finally:
            try:
                if made is not None and 200 <= made.status < 300:
                    await self._store.finish(slot, token, made)
                else:
                    await self._store.release(slot, token)
            except RedisOutageError:
                self._on_outage()
        return made


def _digest(parts: Sequence[str | None]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
