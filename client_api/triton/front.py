"""`python -m client_api.triton.front SOCKET HOST PORT`: a proxy for Triton's HTTP on this machine.

In: requests from any client of the port. Out: requests that Triton's own parser can handle, sent
through a socket that only this user can open; all others get an error in Triton's form. Triton
2.51 crashes on a body of 200,000 `[` or of 600,000 chunks, and a page in a browser can send the
first. It runs in its own process, so that this traffic does not slow down the facade.
"""

import re
import socket
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from client_api.access.addresses import is_address
from client_api.http.connection import ConnectionLimits, bounded

#: The largest body in bytes, tensors included.
MAX_BYTES: Final = 8 * 1024 * 1024
#: The most opening brackets of the JSON outside its strings, which limits its depth.
MAX_BRACKETS: Final = 4096
_CONNECTIONS: Final = 64
_ARRIVE_S: Final = 10.0
_ANSWER_S: Final = 120.0
_JSON_BYTES: Final = "inference-header-content-length"
_PASSED_ON: Final = ("content-type", _JSON_BYTES, "traceparent")
_ANSWERED: Final = ("content-type", _JSON_BYTES)
# An open string ends with the text, so each byte is looked at once.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_MODEL = r"/v2/models/\w[\w.-]*(?:/versions/\d+)?"
_PATHS: Final = {
    "GET": re.compile(rf"/v2(?:/health/(?:live|ready))?|/v2/models/stats|{_MODEL}(?:/\w+)?", re.A),
    "POST": re.compile(rf"{_MODEL}/infer", re.A),
}


class Front:
    """The ASGI application. No request makes it raise an exception."""

    def __init__(self, triton: httpx.AsyncClient) -> None:
        self._triton = triton

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[..., Awaitable[None]],
    ) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except _RefusedError as refused:
            answer = JSONResponse({"error": refused.why}, refused.status)
        except httpx.HTTPError:
            answer = JSONResponse({"error": "Triton does not answer"}, 503)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        _check_head(request)
        body = b"".join([part async for part in request.stream()])
        if request.method == "POST":
            _check_json(request, body)
        found = await self._triton.request(
            request.method,
            request.url.path,
            content=body,
            headers=_only(_PASSED_ON, request.headers) | {"accept-encoding": "identity"},
        )
        return Response(found.content, found.status_code, _only(_ANSWERED, found.headers))


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        self.status, self.why = status.value, why


def _check_head(request: Request) -> None:
    host = request.headers.get("host", "")
    named = host.partition(":")[0].lower() == "localhost" or is_address(host)
    if "origin" in request.headers or not named:
        detail = "not for web pages: use an IP address, without Origin"
        raise _RefusedError(HTTPStatus.FORBIDDEN, detail)
    path = _PATHS.get(request.method)
    if path is None or not path.fullmatch(request.url.path):
        raise _RefusedError(
            HTTPStatus.FORBIDDEN, "only health, metadata and inference are served here"
        )
    if "content-encoding" in request.headers:
        raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send no Content-Encoding")
    size = request.headers.get("content-length")
    if size is None and (request.method == "POST" or "transfer-encoding" in request.headers):
        raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length instead of chunks")
    if size is not None and int(size) > MAX_BYTES:
        raise _RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may have at most {MAX_BYTES} bytes"
        )


def _check_json(request: Request, body: bytes) -> None:
    size = request.headers.get(_JSON_BYTES)
    if size is not None and not (size.isascii() and size.isdecimal()):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{_JSON_BYTES} is not a number")
    bare = _STRING.sub(b"", body[: int(size)] if size else body)
    if bare.count(b"[") + bare.count(b"{") > MAX_BRACKETS:
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, f"the JSON has more than {MAX_BRACKETS} arrays and objects"
        )


def _only(names: tuple[str, ...], headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


def main(path: str, host: str, port: int) -> None:
    """Serve until a signal; path: of Triton's socket. Raises OSError for a taken port."""
    limits = ConnectionLimits(_CONNECTIONS, _CONNECTIONS, head_s=_ARRIVE_S, body_s=_ARRIVE_S)
    client = httpx.AsyncClient(
        base_url="http://triton",
        transport=httpx.AsyncHTTPTransport(uds=path),
        timeout=_ANSWER_S,
    )
    config = uvicorn.Config(
        Front(client),
        http=bounded(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[socket.create_server((host, port))])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
