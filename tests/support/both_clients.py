"""The client of either kind over an application in this process, with one face."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from llama_mapper import AsyncMapperClient, MapperClient, RetryPolicy
from tests.support.fake_service import FakeService


class Blocking(httpx.BaseTransport):
    """Lets the synchronous client speak to an application in this process."""

    def __init__(self, inner: httpx.ASGITransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            asynchronous = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
            response = await self._inner.handle_async_request(asynchronous)
            await response.aread()
            return response

        response = asyncio.run(send())
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.content
        )


class Both:
    """One client of either kind with the same face; collects the waits instead of waiting."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.waits: list[float] = []

    def __call__(self, service: FakeService, method: str, *args: Any, **kwargs: Any) -> Any:
        retry = RetryPolicy(attempts=3, base_s=0.1, cap_s=0.15, max_wait_s=30)
        options: dict[str, Any] = {"base_url": "http://svc", "api_key": "k", "retry": retry}
        if self.kind == "sync":
            transport = Blocking(service.transport())
            with MapperClient(transport=transport, sleep=self.waits.append, **options) as client:
                return getattr(client, method)(*args, **kwargs)

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        async def run() -> Any:
            client = AsyncMapperClient(transport=service.transport(), sleep=sleep, **options)
            async with client:
                found: Callable[..., Awaitable[Any]] = getattr(client, method)
                return await found(*args, **kwargs)

        return asyncio.run(run())
