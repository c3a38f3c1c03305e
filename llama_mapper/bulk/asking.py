"""Sends pairs to the service: in batches, to any number of endpoints, until the model answers.

In: pairs without an answer. Out: their answers, stored as they arrive.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from llama_mapper import AsyncMapperClient, MapperError, TransportError
from llama_mapper.bulk.pairs import Keeper, Pair, request

#: Pairs of a batch, and batches under way at each endpoint.
_CHUNK, _CONCURRENCY = 50, 2
# A batch waits for its turn at a busy model.
_TIMEOUT = httpx.Timeout(120.0, connect=5.0)


class UnansweredError(MapperError):
    """The service did not answer all items, and may later."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints and the options of requests. threshold, taxonomy: as in `MapperClient.map`."""

    urls: Sequence[str]
    api_key: str | None = None
    tenant_id: str | None = None
    threshold: float | None = None
    taxonomy: str | None = None

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """Send these pairs. Raises MapperError when an endpoint refuses, or all are lost."""
        try:
            asyncio.run(self._ask(pairs, answers))
        except ExceptionGroup as group:
            refusals, others = group.split(MapperError)
            if others or not refusals:
                raise
            raise refusals.exceptions[0] from None

    async def _ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        left = deque(list(pairs[at : at + _CHUNK]) for at in range(0, len(pairs), _CHUNK))
        alive, lost = list(self.urls), set[str]()

        async def work(url: str) -> None:
            async with AsyncMapperClient(
                url, api_key=self.api_key, tenant_id=self.tenant_id, timeout=_TIMEOUT
            ) as client:
                while left and url not in lost:
                    chunk = left.popleft()
                    try:
                        await self._ask_chunk(client, chunk, answers)
                    except TransportError:
                        # Another endpoint takes it over.
                        left.appendleft(chunk)
                        lost.add(url)
                        if lost.issuperset(alive):
                            raise

        while left:
            async with asyncio.TaskGroup() as group:
                for url in alive:
                    for _ in range(_CONCURRENCY):
                        group.create_task(work(url))
            alive = [url for url in alive if url not in lost]

    async def _ask_chunk(
        self, client: AsyncMapperClient, chunk: list[Pair], answers: Keeper
    ) -> None:
        requests = [request(pair, self.threshold) for pair in chunk]
        result = await client.map_many(requests, taxonomy=self.taxonomy, wait_for_model=True)
        failed = {error.index: error for error in result.errors}
        if again := [error for error in result.errors if error.retryable]:
            raise UnansweredError(f"{len(again)} items have no answer: {again[0].message}")
        answers.keep(chunk, (e or failed[place] for place, e in enumerate(result.results)))
