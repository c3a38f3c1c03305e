"""The Python client, against a small application that speaks the contract."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from client_api.client import (
    AccessError,
    ApiError,
    AsyncMapperClient,
    InvalidRequestError,
    MappedEvent,
    MapperClient,
    MapRequest,
    RateLimitedError,
    RawContentError,
    RetryPolicy,
    TransportError,
    UnavailableError,
)
from schemas.contract import ErrorCode, FallbackReason, Mode, Source
from tests.support.fake_service import FakeService, event, problem


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


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


def test_an_answer_is_typed(call: Both) -> None:
    service = FakeService()
    found = call(
        service,
        "map",
        "presidio",
        "EMAIL",
        metadata={"a": 1},
        threshold=0.7,
        budget_ms=500,
        explain=True,
    )
    assert isinstance(found, MappedEvent)
    assert (found.taxonomy, found.confidence) == (("EMAIL",), 0.5)
    assert (found.source, found.fallback_reason) == (Source.RULES, FallbackReason.TIMEOUT)
    assert found.raw["notes"] == ""
    request, body = service.seen[0]
    assert body == {
        "detector": "presidio",
        "output": "EMAIL",
        "metadata": {"a": 1},
        "threshold": 0.7,
    }
    assert dict(request.query_params) == {"explain": "true"}
    assert request.headers["x-api-key"] == "k"
    assert request.headers["x-budget-ms"] == "500"


def test_what_may_help_is_tried_again_as_the_same_request(call: Both) -> None:
    service = FakeService(
        [
            problem(503, "OVERLOADED", retryable=True),
            problem(429, "RATE_LIMITED", retryable=True, retry_after="2"),
        ]
    )
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    assert len({str(body) for _, body in service.seen}) == 1
    assert len(service.seen) == 3
    assert 0 <= call.waits[0] <= 0.1
    assert 2 <= call.waits[1] <= 2.15


def test_an_idempotency_key_is_sent_only_when_it_was_given(call: Both) -> None:
    service = FakeService([problem(503, "OVERLOADED", retryable=True)])
    call(service, "map", "d", "o", idempotency_key="mine")
    call(service, "map", "d", "o")
    call(service, "map_many", [MapRequest("d", "o")])
    keys = [request.headers.get("idempotency-key") for request, _ in service.seen]
    assert keys == ["mine", "mine", None, None]


def test_attempts_are_those_of_the_whole_call(call: Both) -> None:
    busy = problem(503, "OVERLOADED", retryable=True)
    service = FakeService([busy], flaky={"always": 99})
    found = call(service, "map_many", [MapRequest("d", "always")])
    assert [error.retryable for error in found.errors] == [True]
    assert len(service.seen) == 3
    service = FakeService([busy] * 9)
    with pytest.raises(UnavailableError):
        call(service, "map_many", [MapRequest("d", "o")])
    assert len(service.seen) == 3


def test_members_of_a_newer_service_pass_through(call: Both) -> None:
    newer = event({"output": "o"}) | {"source": "oracle", "fallback_reason": "full_moon"}
    found = call(FakeService([JSONResponse(newer)]), "map", "d", "o")
    assert (found.source, found.fallback_reason) == ("oracle", "full_moon")
    with pytest.raises(InvalidRequestError) as error:
        call(FakeService([problem(422, "NEW_CODE", retryable=False)]), "map", "d", "o")
    assert error.value.error_code == "NEW_CODE"
    refused = {"index": 0, "error_code": "NEW_CODE", "message": "no", "retryable": False}
    batch = {"results": [None], "errors": [refused]}
    found = call(FakeService([JSONResponse(batch)]), "map_many", [MapRequest("d", "o")])
    assert found.errors[0].error_code == "NEW_CODE"


@pytest.mark.parametrize("method", ["map", "map_many"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        "text",
        {"taxonomy": None, "fallback_reason": 5, "source": []},
        {"results": [None], "errors": [{"index": 7, "error_code": "X"}]},
        {"results": [None], "errors": []},
    ],
)
def test_an_answer_of_another_shape_is_an_api_error(call: Both, method: str, body: Any) -> None:
    args = ("d", "o") if method == "map" else ([MapRequest("d", "o")],)
    with pytest.raises(ApiError, match="unexpected shape"):
        call(FakeService([JSONResponse(body)]), method, *args)


def test_no_worker_of_map_many_outlives_a_failure() -> None:
    async def run() -> list[str]:
        service = FakeService([problem(401, "UNAUTHORIZED", retryable=False)])
        client = AsyncMapperClient("http://svc", transport=service.transport(), concurrency=3)
        with pytest.raises(AccessError):
            await client.map_many(MapRequest("d", "o") for _ in range(1000))
        names = [t.get_name() for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        await client.aclose()
        return names

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (problem(422, "INVALID_REQUEST", retryable=False), InvalidRequestError),
        (problem(400, "INVALID_REQUEST", retryable=False), InvalidRequestError),
        (problem(413, "PAYLOAD_TOO_LARGE", retryable=False), InvalidRequestError),
        (problem(422, "RAW_CONTENT_REJECTED", retryable=False), RawContentError),
        (problem(401, "UNAUTHORIZED", retryable=False), AccessError),
        (problem(403, "FORBIDDEN", retryable=False), AccessError),
        (problem(500, "INTERNAL_ERROR", retryable=False), UnavailableError),
        (Response("<h1>Not here</h1>", 404), ApiError),
        (Response("fine", 200), ApiError),
    ],
)
def test_what_cannot_help_is_not_tried_again(
    call: Both, failure: Response, kind: type[ApiError]
) -> None:
    service = FakeService([failure])
    with pytest.raises(kind) as error:
        call(service, "map", "d", "o")
    assert error.value.status == failure.status_code
    assert len(service.seen) == 1
    assert call.waits == []


def test_the_last_error_is_raised_with_what_support_needs(call: Both) -> None:
    service = FakeService([problem(429, "RATE_LIMITED", retryable=True, retry_after="1")] * 3)
    with pytest.raises(RateLimitedError) as error:
        call(service, "map", "d", "o")
    assert error.value.error_code is ErrorCode.RATE_LIMITED
    assert (error.value.request_id, error.value.retry_after_s) == ("r-1", 1)
    assert len(call.waits) == 2


def test_nobody_waits_longer_than_he_is_ready_to(call: Both) -> None:
    service = FakeService([problem(429, "RATE_LIMITED", retryable=True, retry_after="31")])
    with pytest.raises(RateLimitedError):
        call(service, "map", "d", "o")
    assert call.waits == []


def test_a_date_to_come_back_at_is_understood(call: Both) -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    service = FakeService([problem(503, "OVERLOADED", retryable=True, retry_after=past)])
    call(service, "map", "d", "o")
    assert 0 <= call.waits[0] <= 0.15


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("")])
def test_no_answer_is_tried_again_and_then_an_error(call: Both, failure: Exception) -> None:
    service = FakeService([failure])
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    with pytest.raises(TransportError):
        call(FakeService([failure] * 3), "map", "d", "o")


def test_a_proxys_page_is_judged_by_its_status(call: Both) -> None:
    service = FakeService([Response("<h1>Bad Gateway</h1>", 502)])
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    assert len(service.seen) == 2


@pytest.mark.parametrize("count", [0, 1, 100, 101, 450])
def test_any_number_of_items_keeps_its_order(call: Both, count: int) -> None:
    service, progress = FakeService(), []
    items = (MapRequest("d", f"L{i}") for i in range(count))
    found = call(service, "map_many", items, progress=progress.append)
    assert [x.taxonomy[0] for x in found.results] == [f"L{i}" for i in range(count)]
    assert found.errors == ()
    assert all(len(body["requests"]) <= 100 for _, body in service.seen)
    assert progress == sorted(progress)
    assert progress[-1:] == [count][: len(progress)]
    assert len(progress) == -(-count // 100)


def test_only_items_that_may_succeed_are_sent_again(call: Both) -> None:
    service = FakeService(flaky={"once": 1, "always": 99, "never": 99})
    items = [MapRequest("d", output) for output in ("good", "never", "once", "always")]
    found = call(service, "map_many", items)
    assert [x.taxonomy[0] if x else None for x in found.results] == ["good", None, "once", None]
    assert [(e.index, e.error_code, e.retryable) for e in found.errors] == [
        (1, ErrorCode.INVALID_REQUEST, False),
        (3, ErrorCode.OVERLOADED, True),
    ]
    sent = [[item["output"] for item in body["requests"]] for _, body in service.seen]
    assert sent == [["good", "never", "once", "always"], ["once", "always"], ["always"]]


def test_errors_of_later_batches_count_over_all_items(call: Both) -> None:
    service = FakeService(flaky={"never": 1})
    items = [MapRequest("d", "never" if i == 150 else "x") for i in range(160)]
    found = call(service, "map_many", items)
    assert [error.index for error in found.errors] == [150]
    assert found.results[150] is None


def test_a_batch_that_fails_as_a_whole_raises(call: Both) -> None:
    service = FakeService([problem(401, "UNAUTHORIZED", retryable=False)])
    with pytest.raises(AccessError):
        call(service, "map_many", [MapRequest("d", "o")])


def test_pages_and_the_mode_are_reached(call: Both) -> None:
    assert call(FakeService(), "get", "/version")["path"] == "/version"
    assert call(FakeService(), "set_mode", Mode.RULES_ONLY) == {
        "path": "/admin/mode",
        "body": {"mode": "rules_only"},
    }
    service = FakeService([problem(503, "OVERLOADED", retryable=True)])
    with pytest.raises(UnavailableError):
        call(service, "set_mode", Mode.HYBRID)
