"""Maps pairs in batches at any number of places, until the model answers.

In: pairs without an answer. Out: their answers, stored as they arrive. A place is an endpoint of
the service (`Endpoints`), of Triton (`triton.py`), or the engine in this process (`in_process.py`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import httpx

from llama_mapper import AsyncMapperClient, ItemError, MapperError, TransportError
from llama_mapper.bulk.pairs import Keeper, Outcome, Pair, request

#: Pairs of a batch, and batches under way at each endpoint.
_CHUNK, _CONCURRENCY = 50, 2
# A batch waits for its turn at a busy model.
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)

#: Maps a batch, with one outcome for each pair. Raises TransportError when its place is lost, and
#: another MapperError when it refuses.
Ask = Callable[[list[Pair]], Awaitable[Sequence[Outcome]]]
#: Opens a connection to a place.
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
    `MapperClient.map`."""

    urls: Sequence[str]
    api_key: str | None = None
    tenant_id: str | None = None
    threshold: float | None = None
    taxonomy: str | None = None

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """See `PairMapper`."""
        share(pairs, answers, [partial(self._connected, url) for url in self.urls])

    def options(self) -> list[Any]:
        """See `PairMapper`."""
        return [self.threshold, self.taxonomy, self.tenant_id]

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncIterator[Ask]:
        async with AsyncMapperClient(
            url, api_key=self.api_key, tenant_id=self.tenant_id, timeout=_TIMEOUT
        ) as client:
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
    concurrency: int = _CONCURRENCY,
) -> None:
    """Let the places map these pairs, each with so many batches under way. The batch of a lost
    place goes to another one.

    Raises MapperError when a place refuses, or all are lost.
    """
    try:
        asyncio.run(_share(pairs, answers, places, concurrency))
    except ExceptionGroup as group:
        refusals, others = group.split(MapperError)
        if others or not refusals:
            raise
        raise refusals.exceptions[0] from None


async def _share(
    pairs: Sequence[Pair], answers: Keeper, places: Sequence[Connect], concurrency: int
) -> None:
    left = deque(list(pairs[at : at + _CHUNK]) for at in range(0, len(pairs), _CHUNK))
    alive, lost = list(places), set[Connect]()

    async def work(place: Connect) -> None:
        async with place() as ask:
            while left and place not in lost:
                chunk = left.popleft()
                try:
                    outcomes = await ask(chunk)
                except TransportError:
                    left.appendleft(chunk)
                    lost.add(place)
                    if lost.issuperset(alive):
                        raise
                else:
                    _keep(chunk, outcomes, answers)

    while left:
        async with asyncio.TaskGroup() as group:
            for place in alive:
                for _ in range(concurrency):
                    group.create_task(work(place))
        alive = [place for place in alive if place not in lost]


def _keep(chunk: list[Pair], outcomes: Sequence[Outcome], answers: Keeper) -> None:
    again = [one for one in outcomes if isinstance(one, ItemError) and one.retryable]
    if again:
        raise UnansweredError(f"{len(again)} items have no answer: {again[0].message}")
    answers.keep(chunk, outcomes)
