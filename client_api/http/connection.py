"""uvicorn's HTTP protocol with limits on connections, header bytes, pipelined requests and time.

In: bytes from a client. Out: requests for the application, or a problem body and a closed
connection. uvicorn with httptools limits none of these, and waits without a timeout for the first
request. The application limits the size of bodies.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from client_api.access.addresses import Network, is_trusted, limit_subject
from client_api.http.errors import ApiError, problem_response
from schemas.contract import ErrorCode

#: Of a request line with its headers. Read in slices of a quarter, so a little more is parsed.
HEAD_BYTES: Final = 32 * 1024
#: Requests that wait behind the one being answered, on one connection.
PIPELINED: Final = 32
_SLICE: Final = HEAD_BYTES // 4
_INVALID: Final = (HTTPStatus.BAD_REQUEST, ErrorCode.INVALID_REQUEST, "this is not valid HTTP")
_LARGE: Final = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ErrorCode.PAYLOAD_TOO_LARGE,
    f"request line and headers may have at most {HEAD_BYTES} bytes",
)
_LATE: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    ErrorCode.REQUEST_TIMEOUT,
    "the request did not arrive in time",
)
_FULL: Final = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.OVERLOADED,
    "the limit of open connections is reached",
)
_SHARE: Final = (
    HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.RATE_LIMITED,
    "the limit of open connections of this address is reached",
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """total, per_address: connections open at once; an IPv6 /64 is one address, and the proxies
    in `trusted` have no limit of their own. head_s: seconds for a request line with its headers to
    arrive; body_s: for a body. on_refusal: called with the code of each refusal.
    """

    total: int
    per_address: int
    head_s: float
    body_s: float
    trusted: tuple[Network, ...] = ()
    on_refusal: Callable[[ErrorCode], None] = lambda code: None
    open: Counter[str] = field(default_factory=Counter)


def bounded(limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """The class for `uvicorn.Config(http=...)`; all its instances share the connection counts."""
    return type("BoundedProtocol", (_BoundedProtocol,), {"limits": limits})


class _BoundedProtocol(HttpToolsProtocol):
    limits: ConnectionLimits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        peer = self.client[0] if self.client else ""
        self._address = limit_subject(peer)
        self.limits.open[self._address] += 1
        if len(self.connections) > self.limits.total:
            self._refuse(*_FULL)
        elif self.limits.open[self._address] > self.limits.per_address and not is_trusted(
            peer, self.limits.trusted
        ):
            self._refuse(*_SHARE)
        else:
            self._expect(self.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.limits.open[self._address] -= 1
        if not self.limits.open[self._address]:
            del self.limits.open[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self._refused or self.transport.is_closing():
                return
            part = data[start : start + _SLICE]
            if self._in_head:
                self._head_bytes += len(part)
                if self._timer is None and self._is_idle():
                    self._expect(self.limits.head_s)
            super().data_received(part)
            if self._in_head and self._head_bytes > HEAD_BYTES and not self._refused:
                self._refuse(*_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect(self.limits.head_s)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            # Ends the parsing of what has arrived; uvicorn then calls `send_400_response`.
            raise ValueError("too many pipelined requests")
        self._in_head, self._head_bytes = False, 0
        self._expect(self.limits.body_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(*_INVALID)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._refuse, *_LATE)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: HTTPStatus, code: ErrorCode, detail: str) -> None:
        """Send the problem and close the connection; abort it if another response is running."""
        self._refused = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self.limits.on_refusal(code)
        if not self._is_idle():
            self.transport.abort()
            return
        headers = {"Connection": "close", "Cache-Control": "no-store"}
        if code in (ErrorCode.OVERLOADED, ErrorCode.RATE_LIMITED):
            headers["Retry-After"] = "1"
        answer = problem_response("/", ApiError(code, detail, status=status, headers=headers))
        self.transport.write(_on_the_wire(status, answer.raw_headers, bytes(answer.body)))
        self.transport.close()


def _on_the_wire(status: HTTPStatus, headers: Any, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join((*lines, b"", body))
