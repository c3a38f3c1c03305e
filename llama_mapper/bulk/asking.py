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
from typing import Any, Protocol, TypeVar

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
from llama_mapper._calls import PASSING, WAITING, Attempts
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


_Item = TypeVar("_Item")


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
            url,
            api_key=self.api_key,
            tenant_id=self.tenant_id,
            timeout=_TIMEOUT,
            retry=NO_RETRY,  # another endpoint may have the batch of a lost one
        ) as client:
            # A connection that hangs takes seconds: do not give a batch to a lost endpoint.
            with suppress(ApiError):
                await client.get("/health/live")
            yield partial(self._map, client)

    async def _map(self, client: AsyncMapperClient, pairs: list[Pair]) -> list[Outcome]:
        async def once(some: Sequence[Pair]) -> list[Outcome]:
            requests = [request(pair, self.threshold) for pair in some]
            result = await client.map_many(requests, explain=True, taxonomy=self.taxonomy)
            failed = {error.index: error for error in result.errors}
            return [event or failed[place] for place, event in enumerate(result.results)]

        return await until_answered(once, pairs, self.retry)


async def until_answered(
    once: Callable[[Sequence[_Item]], Awaitable[Sequence[Outcome]]],
    items: Sequence[_Item],
    retry: RetryPolicy,
) -> list[Outcome]:
    """One outcome for each item. Those that the rules answered because the model was late or lost,
    and those that failed for now, are asked again; after that the outcomes stand.

    Raises what `once` raises, but a retryable ApiError only after the last attempt.
    """
    found: dict[int, Outcome] = {}
    left, attempts = list(range(len(items))), Attempts(retry)
    while left:
        attempts.count()
        after_s: float | None = None
        try:
            outcomes = await once([items[place] for place in left])
        except ApiError as error:
            if not error.retryable or attempts.wait_s(after_s := error.retry_after_s) is None:
                raise
        else:
            found.update(zip(left, outcomes, strict=True))
            left = [place for place in left if _may_change(found[place])]
        if left:
            if (wait_s := attempts.wait_s(after_s)) is None:
                break
            await asyncio.sleep(wait_s)
    return [found[place] for place in range(len(items))]


def _may_change(outcome: Outcome) -> bool:
    if isinstance(outcome, ItemError):
        return outcome.retryable
    return outcome.fallback_reason in PASSING


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
