"""What surrounds every request: its ids, its log line, its size limit, its last resort.

Pure ASGI, so that streamed bodies stay streamed and the context reaches every handler.
"""

import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from client_api import context
from client_api.errors import ApiError, problem_response
from client_api.logs import exception_facts
from client_api.metrics import Metrics
from schemas.contract import ErrorCode

_log = structlog.get_logger()


class RequestContextMiddleware:
    """Gives the request its ids, logs one line of metadata, and turns what nobody caught into
    a problem body."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = context.enter(headers.get("x-request-id"), headers.get("traceparent"))
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request.request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as failure:
            _log.error("unexpected failure", **exception_facts(failure))
            self._metrics.failed(ErrorCode.INTERNAL_ERROR)
            if status == 0:
                error = ApiError(ErrorCode.INTERNAL_ERROR, "an unexpected failure; it is logged")
                await problem_response(scope["path"], error)(scope, receive, send_with_id)
        finally:
            route = scope.get("route")
            _log.info(
                "request",
                method=scope["method"],
                route=getattr(route, "path", None),
                status=status,
                ms=round((time.perf_counter() - request.started) * 1000, 2),
                **request.facts,
            )


class BodyLimitMiddleware:
    """Refuses a body over the limit: a declared one unread, a streamed one where it gets there.

    Starlette's own answers in plain text.
    """

    def __init__(self, app: ASGIApp, limit: int, metrics: Metrics) -> None:
        self._app = app
        self._limit = limit
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            error = ApiError(ErrorCode.PAYLOAD_TOO_LARGE, f"a body has at most {self._limit} bytes")
            self._metrics.rejected(error.code)
            await problem_response(scope["path"], error)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                # The one kind of exception that the framework lets through while it reads.
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
