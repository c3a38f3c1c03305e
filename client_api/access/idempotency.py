"""`Idempotency-Key`: a repeated request gets the stored answer of the first one.

In: a tenant, the caller's key, a fingerprint of the request, and a function that answers it. Out:
the answer, new or stored. Independent of HTTP routes and of the stores. Only successes are stored,
so that a refused or failed request can be repeated.

Answering has no side effects here. So if a store fails (an outage, a holder that died, an answer
that is too large), the request is answered again, and never fails.
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
    """The key was used for another request of this tenant. The message quotes neither of them."""


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A stored response. headers: without those of the connection; passing: only requests that wait
    for it now get it, because the same request may get a better answer later.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    passing: bool = False


#: Seconds for which a passing answer is replayed.
PASSING_S = 1.0


class ClaimState(StrEnum):
    """The result of a claim on a slot."""

    MINE = "mine"
    BUSY = "busy"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Claim:
    """The state of a slot and the fingerprint of its request; `answer` when it is done."""

    state: ClaimState
    fingerprint: str
    answer: KeptResponse | None = None


class Store(Protocol):
    """A store of answers. Every method may raise RedisOutageError.

    A slot is claimed with a token, and only the holder of the token may fill or free it.
    """

    async def claim(self, slot: str, fingerprint: str, token: str) -> Claim:
        """Take a free slot, or return the state of a taken one; atomic."""
        ...

    async def wait(self, slot: str, timeout_s: float) -> bool:
        """Return when the slot is no longer busy; False when it still is after the timeout."""
        ...

    async def finish(self, slot: str, token: str, answer: KeptResponse) -> None:
        """Store the answer and wake the waiting requests; too large an answer frees the slot."""
        ...

    async def release(self, slot: str, token: str) -> None:
        """Free the slot and wake the waiting requests."""
        ...


def check_key(key: str) -> str:
    """The key as it is; raises ValueError unless it is 1 to 255 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        raise ValueError("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def fingerprint(path: str, query: str, form: str, body: bytes) -> str:
    """A digest of a request's path, query, requested form of the answer, and exact body."""
    return _digest([path, query, form, hashlib.sha256(body).hexdigest()])


class Idempotency:
    """Answers each request of a tenant once per key.

    on_outage: called once per request that was answered without the store.
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
        wait_s: seconds to wait for the same request in flight before answering independently.

        Raises KeyReusedError when the key was used for another request, and every exception of
        `answer`; the slot is free again then.
        """
        # Hashed as a list, so that different pairs of tenant and key never have the same text.
        slot, token = _digest([tenant, key]), secrets.token_hex(16)
        claim = await self._claim(slot, request, token, wait_s)
        if claim is None:
            return await answer(), False
        if claim.answer is not None:
            return claim.answer, True
        return await self._answer(slot, token, answer), False

    async def _claim(self, slot: str, request: str, token: str, wait_s: float) -> Claim | None:
        """The slot, taken or done; None if this request is to be answered independently of it."""
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
