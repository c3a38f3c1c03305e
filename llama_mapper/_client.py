"""The Python client, synchronous and asynchronous.

    with MapperClient("http://localhost:8080", api_key="lm_…") as client:
        event = client.map("openai-moderation", {"flagged": True, "categories": {"hate": True}})
        batch = client.map_many(requests, progress=lambda done: print(done))

In: detector outputs. Out: typed answers, or an error of `_errors`. `_calls` decides on retries.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx

from llama_mapper._calls import (
    NO_RETRY,
    Flow,
    RetryPolicy,
    Send,
    Wait,
    call,
    map_chunk,
    map_one,
)
from llama_mapper._distinct import Distinct, Outcome
from llama_mapper._errors import TransportError
from llama_mapper._types import Asked, BatchResult, MappedEvent, MapRequest, identity
from llama_mapper.contract import Mode

T = TypeVar("T")
Output = str | Mapping[str, Any] | Sequence[Any]

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_RETRY = RetryPolicy()
#: Of one attempt; longer than the longest batch budget.
DEFAULT_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class MapperClient:
    """Calls the service, from one thread or several.

    tenant_id: sent in a header; with a key it must be the key's own. timeout: of one attempt.
    transport: a transport of httpx. sleep: waits for seconds.
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
        taxonomy: str | None = None,
    ) -> MappedEvent:
        """Map one output; `explain` fills `signals` and `reading`.

        budget_ms: time for the answer, as far as the service grants it. taxonomy: the view that
        names the labels; default: the canonical names.

        Raises an ApiError for an error answer, TransportError without an answer.
        """
        request = MapRequest(detector, output, metadata=metadata, threshold=threshold)
        asked = Asked(budget_ms, idempotency_key, explain, taxonomy)
        return self._run(map_one(request, self._retry, asked))

    def map_many(
        self,
        requests: Iterable[MapRequest],
        *,
        budget_ms: float | None = None,
        explain: bool = False,
        taxonomy: str | None = None,
        wait_for_model: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> BatchResult:
        """Map any number of outputs, in batches one after another; equal ones are sent once.

        budget_ms: per batch. explain, taxonomy: as in `map`. wait_for_model: send items again, for
        minutes, that the rules answered because the model was late or lost. progress: called after
        each batch with the number of items done so far.

        Raises as `map` does when a whole batch fails; an item's own failure is in the result.
        """
        distinct, outcomes = Distinct(requests), dict[int, list[Outcome]]()
        asked = Asked(budget_ms, explain=explain, taxonomy=taxonomy)
        for number, chunk in enumerate(distinct.chunks()):
            flow = map_chunk(chunk, self._retry, asked, wait_for_model=wait_for_model)
            outcomes[number] = self._run(flow)
            progress(distinct.done(outcomes))
        return distinct.result(outcomes)

    def get(self, path: str) -> Any:
        """The JSON of `/version`, `/taxonomy`, `/detectors`, `/health` and other paths."""
        return self._run(call(Send("GET", path), self._retry))

    def post(self, path: str, body: Any) -> Any:
        """The JSON answer of `/detectors/draft` and other paths to a JSON body."""
        return self._run(call(Send("POST", path, body), self._retry))

    def set_mode(self, mode: Mode) -> Any:
        """Switch the model off or on; needs an admin key."""
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

    concurrency: batches of `map_many` in flight at once.
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
        taxonomy: str | None = None,
    ) -> MappedEvent:
        """As `MapperClient.map`."""
        request = MapRequest(detector, output, metadata=metadata, threshold=threshold)
        asked = Asked(budget_ms, idempotency_key, explain, taxonomy)
        return await self._run(map_one(request, self._retry, asked))

    async def map_many(
        self,
        requests: Iterable[MapRequest],
        *,
        budget_ms: float | None = None,
        explain: bool = False,
        taxonomy: str | None = None,
        wait_for_model: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> BatchResult:
        """As `MapperClient.map_many`, several batches at once; the order of the items is kept."""
        distinct, outcomes = Distinct(requests), dict[int, list[Outcome]]()
        asked = Asked(budget_ms, explain=explain, taxonomy=taxonomy)
        left = enumerate(distinct.chunks())

        async def work() -> None:
            for number, chunk in left:
                flow = map_chunk(chunk, self._retry, asked, wait_for_model=wait_for_model)
                outcomes[number] = await self._run(flow)
                progress(distinct.done(outcomes))

        workers = [asyncio.create_task(work()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return distinct.result(outcomes)

    async def get(self, path: str) -> Any:
        """As `MapperClient.get`."""
        return await self._run(call(Send("GET", path), self._retry))

    async def post(self, path: str, body: Any) -> Any:
        """As `MapperClient.post`."""
        return await self._run(call(Send("POST", path, body), self._retry))

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
    """The arguments of a request for httpx; without a body if there is none."""
    body = {} if step.json is None else {"json": step.json}
    headers, params = dict(step.headers), dict(step.params)
    return {"method": step.method, "url": step.path, "params": params, "headers": headers, **body}


def _lost(error: httpx.TransportError) -> TransportError:
    failure = TransportError(f"no answer: {str(error) or type(error).__name__}")
    failure.__cause__ = error
    return failure
