"""The middleware of every request: ids, log line, unexpected errors, limits on memory.

Pure ASGI, so that streamed bodies stay streamed and the context reaches every handler.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from client_api.http.errors import ApiError, count, is_mapping, problem_response
from client_api.http.shutdown import Drain
from client_api.mapping.fair_share import FairShare, Refusal
from client_api.telemetry import context, tracing
from client_api.telemetry.logs import exception_facts
from client_api.telemetry.metrics import Metrics
from schemas.contract import ErrorCode

_log = structlog.get_logger()
_BUSY = {"Retry-After": "1"}
_HOLD = "mapper.hold"
_CUT_OFF = ApiError(ErrorCode.OVERLOADED, "the process ended before the answer")


def hold_memory(scope: Scope, size: int) -> None:
    """Count bytes that a request takes besides its body, until it is answered.

    Raises HTTPException when that is more than all requests together may take.
    """
    hold: Callable[[int], None] = scope[_HOLD]
    hold(size)


class RequestContextMiddleware:
    """Sets the request's ids, logs one line of metadata, and turns the ApiErrors of the other
    middlewares and uncaught exceptions into problem bodies."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = context.enter(headers.get("x-request-id"), tracing.caller(headers))
        tracing.hide_words()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request.request_id
                # An answer belongs to one caller, and browsers must not guess its media type.
                headers.setdefault("cache-control", "no-store")
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ApiError as refusal:
            count(self._metrics, scope, refusal)
            await problem_response(scope["path"], refusal)(scope, receive, send_with_id)
        except Exception as failure:
            _log.error("unexpected failure", **exception_facts(failure))
            error = ApiError(ErrorCode.INTERNAL_ERROR, "an unexpected failure; it is logged")
            count(self._metrics, scope, error)
            if status == 0:
                await problem_response(scope["path"], error)(scope, receive, send_with_id)
        except BaseException:  # cancelled at shutdown, when the server's grace period ends
            if status == 0:
                count(self._metrics, scope, _CUT_OFF)
            raise
        finally:
            _log.info(
                "request",
                method=scope["method"],
                route=getattr(scope.get("route"), "path", None),
                status=status,
                ms=round((time.perf_counter() - request.started) * 1000, 2),
                **request.facts,
            )


class BodyLimitMiddleware:
    """Limits bodies: the size of each by its path, the sum of all with the bytes that `hold_memory`
    counts, and the time to arrive. A tenant has a fair share of the bytes and of the mapping
    requests in flight; a request is in flight once its body has arrived.

    A body with a Content-Length over the limit is refused unread, a streamed one at the limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: Callable[[str], int],
        total: int,
        in_flight: int,
        timeout_s: float,
    ) -> None:
        """limit: bytes that a body may have at a path; total: bytes of all requests in flight;
        in_flight: mapping requests at once; other requests, such as probes, are not limited.
        """
        self._app = app
        self._limit = limit
        self._total = total
        self._timeout_s = timeout_s
        self._bytes = FairShare(total)
        self._requests = FairShare(in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise ApiError(ErrorCode.PAYLOAD_TOO_LARGE, f"the body may have at most {limit} bytes")
        until = asyncio.get_running_loop().time() + self._timeout_s
        received, held, complete, in_flight = 0, 0, False, 0
        party = context.tenant()

        def hold(size: int) -> None:
            nonlocal held
            if held + size > self._total:
                raise HTTPException(413)
            _check(self._bytes.take(party, size))
            held += size

        async def counted() -> Message:
            nonlocal received, complete, in_flight
            if complete:
                # Only a disconnect can follow, at any time, so there is no timeout.
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            size = len(message.get("body", b""))
            complete = not message.get("more_body", False)
            received += size
            if received > limit:
                raise HTTPException(413)
            hold(size)
            if complete and is_mapping(scope):
                _check(self._requests.take(party))
                in_flight = 1
            return message

        scope[_HOLD] = hold
        try:
            await self._app(scope, counted, send)
        finally:
            self._bytes.give_back(party, held)
            self._requests.give_back(party, in_flight)


def _check(refusal: Refusal | None) -> None:
    """Raises the exception for a refusal, of the one class that the framework passes on while it
    reads a body. A tenant over its share does not count against availability."""
    if refusal is not None:
        raise HTTPException(503 if refusal is Refusal.FULL else 429, headers=_BUSY)


class HeadMiddleware:
    """Answers HEAD as GET without the body; some load balancers probe with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server reads the method in its own scope to decide whether to send a body.
        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class DrainMiddleware:
    """Closes connections while the process drains, so that clients connect to another process."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._drain.begun:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_closing if scope["type"] == "http" else send)
