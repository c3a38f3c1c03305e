"""Maps pairs in batches at any number of places, until the model answers.

In: pairs without an answer. Out: their answers, stored as they arrive. A place is an endpoint of
the service (`Endpoints`), of Triton (`triton.py`), or the engine in this process (`in_process.py`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import httpx

from llama_mapper import (
    NO_RETRY,
    ApiError,
    AsyncMapperClient,
    ItemError,
    MapperError,
    RetryPolicy,
    TransportError,
)
from llama_mapper._calls import WAITING, Attempts
from llama_mapper.bulk.pairs import Keeper, Outcome, Pair, request

#: Pairs of a batch, and batches under way at each endpoint.
_CHUNK, _CONCURRENCY = 50, 2
# A batch waits for its turn at a busy model.
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)

#: Maps a batch, with one outcome for each pair. Raises TransportError when its place is lost, and
#: another MapperError when it refuses.
Ask = Callable[[list[Pair]], Awaitable[Sequence[Outcome]]]
#: Opens a connection to a place. Raises TransportError when it is lost.
Connect = Callable[[], AbstractAsyncContextManager[Ask]]


class UnansweredError(MapperError):
    """The service did not answer all items, and may later."""


class PairMapper(Protocol):
    """Maps pairs at its places."""

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """Map these pairs. Raises MapperError when a place refuses, or all are lost."""
        ...

    def options(self) -> list[Any]:
        """The values, as JSON, that answers depend on besides the pairs."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Endpoints of the service, and the options of requests. threshold, taxonomy: as in
    `MapperClient.map`. retry: while all are lost."""

    urls: Sequence[str]
    api_key: str | None = None
    tenant_id: str | None = None
    threshold: float | None = None
    taxonomy: str | None = None
    retry: RetryPolicy = WAITING

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """See `PairMapper`."""
        places = [partial(self._connected, url) for url in self.urls]
        share(pairs, answers, places, retry=self.retry)

    def options(self) -> list[Any]:
        """See `PairMapper`."""
        return [self.threshold, self.taxonomy, self.tenant_id]

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncIterator[Ask]:
        async with AsyncMapperClient(
            url, api_key=self.api_key, tenant_id=self.tenant_id, timeout=_TIMEOUT
        ) as client:
            # A batch waits for minutes where nobody answers: do not give one to a lost endpoint.
            with suppress(ApiError):
                await client.get("/health/live")
            yield partial(self._map, client)

    async def _map(self, client: AsyncMapperClient, pairs: list[Pair]) -> list[Outcome]:
        requests = [request(pair, self.threshold) for pair in pairs]
        result = await client.map_many(requests, taxonomy=self.taxonomy, wait_for_model=True)
        failed = {error.index: error for error in result.errors}
        return [event or failed[place] for place, event in enumerate(result.results)]


def share(
    pairs: Sequence[Pair],
    answers: Keeper,
    places: Sequence[Connect],
    *,
    concurrency: int = _CONCURRENCY,
    retry: RetryPolicy = NO_RETRY,
) -> None:
    """Let the places map these pairs, each with so many batches under way. The batch of a lost
    place goes to another one. retry: when all are lost.

    Raises MapperError when a place refuses, or all are lost.
    """
    try:
        asyncio.run(_share(pairs, answers, places, concurrency, Attempts(retry)))
    except ExceptionGroup as group:
        refusals, others = group.split(MapperError)
        if others or not refusals:
            raise
        raise refusals.exceptions[0] from None


async def _share(
    pairs: Sequence[Pair],
    answers: Keeper,
    places: Sequence[Connect],
    concurrency: int,
    attempts: Attempts,
) -> None:
    left = deque(list(pairs[at : at + _CHUNK]) for at in range(0, len(pairs), _CHUNK))
    lost: dict[Connect, TransportError] = {}

    async def work(place: Connect) -> None:
        try:
            async with place() as ask:
                while left and place not in lost:
                    await _ask(ask, left, answers)
        except TransportError as error:
            lost[place] = error

    attempts.count()
    while left:
        async with asyncio.TaskGroup() as group:
            for place in places:
                if place not in lost:
                    for _ in range(concurrency):
                        group.create_task(work(place))
        if left and len(lost) == len(places):
            if (wait_s := attempts.wait_s()) is None:
                raise lost[places[-1]]
            await asyncio.sleep(wait_s)
            lost.clear()
            attempts.count()


async def _ask(ask: Ask, left: deque[list[Pair]], answers: Keeper) -> None:
    """One batch; it is left again if its place is lost."""
    chunk = left.popleft()
    try:
        outcomes = await ask(chunk)
    except TransportError:
        left.appendleft(chunk)
        raise
    again = [one for one in outcomes if isinstance(one, ItemError) and one.retryable]
    if again:
        raise UnansweredError(f"{len(again)} items have no answer: {again[0].message}")
    answers.keep(chunk, outcomes)
