"""The Python client, synchronous and asynchronous.

    with MapperClient("http://localhost:8080", api_key="lm_…") as client:
        event = client.map("openai-moderation", {"flagged": True, "categories": {"hate": True}})
        batch = client.map_many(requests, progress=lambda done: print(done))

In: detector outputs. Out: typed answers, or an error of `_errors`. Knows nothing of how
answers are made, and of when to try again only what `_calls` says.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx

from client_api.client._calls import (
    NO_RETRY,
    Flow,
    RetryPolicy,
    Send,
    Wait,
    call,
    collect,
    map_chunk,
    map_one,
)
from client_api.client._errors import TransportError
from client_api.client._types import (
    BatchResult,
    ItemError,
    MappedEvent,
    MapRequest,
    chunks,
    identity,
)
from schemas.contract import Mode

T = TypeVar("T")
Output = str | Mapping[str, Any] | Sequence[Any]

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_RETRY = RetryPolicy()
#: Of one attempt; longer than the longest batch budget.
DEFAULT_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class MapperClient:
    """Calls the service, from one thread or several.

    tenant_id: claimed in a header; beside a key it must be the key's own. timeout: of one attempt.
    transport: another way to send, as httpx has them. sleep: how to let time pass.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        tenant_id: str | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retry = retry
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=base_url,
            headers=identity(api_key, tenant_id),
            timeout=timeout,
            transport=transport,
        )

    def map(
        self,
        detector: str,
        output: Output,
        *,
        metadata: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        budget_ms: float | None = None,
        idempotency_key: str | None = None,
        explain: bool = False,
    ) -> MappedEvent:
        """Map one output; `explain` fills `signals`.

        Raises an ApiError for an answer that is an error, TransportError when none came.
        """
        request = MapRequest(detector, output, metadata=metadata, threshold=threshold)
        return self._run(
            map_one(
                request,
                self._retry,
                budget_ms=budget_ms,
                idempotency_key=idempotency_key,
                explain=explain,
            )
        )

    def map_many(
        self,
        requests: Iterable[MapRequest],
        *,
        budget_ms: float | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> BatchResult:
        """Map any number of outputs, in batches one after another.

        progress: called after each batch with the number of items done so far.

        Raises as `map` does when a whole batch fails; an item's own failure is in the result.
        """
        outcomes: list[MappedEvent | ItemError] = []
        for chunk in chunks(requests):
            outcomes += self._run(map_chunk(chunk, self._retry, budget_ms=budget_ms))
            progress(len(outcomes))
        return collect(outcomes)

    def get(self, path: str) -> Any:
        """What `/version`, `/taxonomy`, `/detectors`, `/health` and other paths say, as JSON."""
        return self._run(call(Send("GET", path), self._retry))

    def set_mode(self, mode: Mode) -> Any:
        """Take the model out of service, or put it back; needs an admin key."""
        return self._run(call(Send("PUT", "/admin/mode", {"mode": mode.value}), NO_RETRY))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Wait):
                    self._sleep(step.seconds)
                    step = flow.send(None)
                    continue
                try:
                    response = self._http.request(**_parts(step))
                except httpx.TransportError as error:
                    step = flow.throw(_lost(error))
                else:
                    step = flow.send(response)
        except StopIteration as end:
            result: T = end.value
            return result


class AsyncMapperClient:
    """As MapperClient, for one event loop.

    concurrency: how many batches of `map_many` are under way at once.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        tenant_id: str | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        concurrency: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._retry = retry
        self._sleep = sleep
        self._concurrency = concurrency
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers=identity(api_key, tenant_id),
            timeout=timeout,
            transport=transport,
        )

    async def map(
        self,
        detector: str,
        output: Output,
        *,
        metadata: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        budget_ms: float | None = None,
        idempotency_key: str | None = None,
        explain: bool = False,
    ) -> MappedEvent:
        """As `MapperClient.map`."""
        request = MapRequest(detector, output, metadata=metadata, threshold=threshold)
        return await self._run(
            map_one(
                request,
                self._retry,
                budget_ms=budget_ms,
                idempotency_key=idempotency_key,
                explain=explain,
            )
        )

    async def map_many(
        self,
        requests: Iterable[MapRequest],
        *,
        budget_ms: float | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> BatchResult:
        """As `MapperClient.map_many`, several batches at once; the order of the items is kept."""
        outcomes: dict[int, list[MappedEvent | ItemError]] = {}
        left = enumerate(chunks(requests))

        async def work() -> None:
            for place, chunk in left:
                flow = map_chunk(chunk, self._retry, budget_ms=budget_ms)
                outcomes[place] = await self._run(flow)
                progress(sum(map(len, outcomes.values())))

        workers = [asyncio.create_task(work()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return collect([x for place in sorted(outcomes) for x in outcomes[place]])

    async def get(self, path: str) -> Any:
        """As `MapperClient.get`."""
        return await self._run(call(Send("GET", path), self._retry))

    async def set_mode(self, mode: Mode) -> Any:
        """As `MapperClient.set_mode`."""
        return await self._run(call(Send("PUT", "/admin/mode", {"mode": mode.value}), NO_RETRY))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Wait):
                    await self._sleep(step.seconds)
                    step = flow.send(None)
                    continue
                try:
                    response = await self._http.request(**_parts(step))
                except httpx.TransportError as error:
                    step = flow.throw(_lost(error))
                else:
                    step = flow.send(response)
        except StopIteration as end:
            result: T = end.value
            return result


def _parts(step: Send) -> dict[str, Any]:
    """As httpx takes a request; no body where there is none."""
    body = {} if step.json is None else {"json": step.json}
    headers, params = dict(step.headers), dict(step.params)
    return {"method": step.method, "url": step.path, "params": params, "headers": headers, **body}


def _lost(error: httpx.TransportError) -> TransportError:
    failure = TransportError(f"no answer: {str(error) or type(error).__name__}")
    failure.__cause__ = error
    return failure
