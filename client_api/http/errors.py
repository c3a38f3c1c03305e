"""Every error a client can see: one table, one body (RFC 9457), one exception.

In: an exception of a handler or of the framework. Out: a problem response. A response never
quotes an exception's text or the client's input.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.types import Scope

from client_api.http.interface.answers import ModeBody
from client_api.http.interface.bodies import BatchRequest, MapRequest
from client_api.http.interface.detector_files import DraftBody, DraftWord, FileBody
from client_api.http.interface.openapi import MEDIA_TYPE
from client_api.http.interface.review import ActionBody, ImportBody
from client_api.telemetry.context import current
from client_api.telemetry.metrics import Metrics
from schemas.contract import ErrorCode

# The places in a request that a problem may name; what else stands there is the client's own.
_PLACES: Final = frozenset(
    {"body", "query", "path", "header", *MapRequest.model_fields, *BatchRequest.model_fields}
    | {*ActionBody.model_fields, *ImportBody.model_fields, "state", "limit", "offset", "word_id"}
    | {*DraftBody.model_fields, *DraftWord.model_fields, *FileBody.model_fields}
    | {*ModeBody.model_fields, "explain", "X-Budget-Ms", "X-Tenant-ID", "Idempotency-Key"}
    | {"X-CloudEvents"}
)

_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table: usual status, title, and whether a retry can help."""

    status: int
    title: str
    retryable: bool


ERRORS: Final[Mapping[ErrorCode, ErrorKind]] = {
    ErrorCode.INVALID_REQUEST: ErrorKind(422, "The request is not valid", False),
    ErrorCode.PAYLOAD_TOO_LARGE: ErrorKind(413, "The request is too large", False),
    ErrorCode.RAW_CONTENT_REJECTED: ErrorKind(422, "The request holds raw content", False),
    ErrorCode.UNAUTHORIZED: ErrorKind(401, "No valid key was given", False),
    ErrorCode.FORBIDDEN: ErrorKind(403, "The key does not allow this", False),
    ErrorCode.RATE_LIMITED: ErrorKind(429, "Too many requests", True),
    ErrorCode.REQUEST_TIMEOUT: ErrorKind(408, "The budget was used up", True),
    ErrorCode.OVERLOADED: ErrorKind(503, "The service cannot take more now", True),
    ErrorCode.INTERNAL_ERROR: ErrorKind(500, "The service failed", True),
}
_BY_STATUS: Final[Mapping[int, ErrorCode]] = {
    kind.status: code for code, kind in reversed(list(ERRORS.items()))
}

#: What the framework refuses by itself.
_FRAMEWORK_DETAILS: Final[Mapping[int, str]] = {
    400: "the body cannot be read",
    404: "there is no such path; /docs lists the paths",
    405: "this path does not support this method; see the Allow header",
    408: "the body did not arrive in time",
    413: "the body has too many bytes or values",
    429: "the tenant's limit of requests in flight is reached; see Retry-After",
    503: "the limit of requests in flight is reached; see Retry-After",
}


class ApiError(Exception):
    """A request or an item was refused or failed; the client gets this error."""

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """detail: text for the client, without its own input; status: replaces the usual one;
        extra: members of the problem body besides the standard ones.
        """
        self.code, self.detail = code, detail
        self.status = status or ERRORS[code].status
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        super().__init__(f"{code}: {detail}")


def problem_response(path: str, error: ApiError) -> Response:
    """The problem body of an error at `path`."""
    kind, request = ERRORS[error.code], current()
    usual = error.status == kind.status
    body = {
        "type": f"urn:llama-mapper:error:{error.code.lower().replace('_', '-')}",
        "title": kind.title if usual else HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "instance": path,
        "error_code": error.code,
        "request_id": request.request_id,
        "retryable": kind.retryable,
        **({"trace_id": request.trace_id} if request.trace_id else {}),
        **error.extra,
    }
    return Response(orjson.dumps(body), error.status, error.headers, MEDIA_TYPE)


def is_mapping(scope: Scope) -> bool:
    """Whether the path is `/map` or below; the items of these requests are counted and limited."""
    path: str = scope.get("path", "")
    return path == "/map" or path.startswith("/map/")


def count(metrics: Metrics, scope: Scope, error: ApiError, *, ours: bool = False) -> None:
    """Count a request that ends in an error: as refused, or as failed when the reason is `ours`,
    as it is for every 5xx. A mapping request whose items do not count by themselves is one item.
    The request's log line names the error.
    """
    current().facts["error_code"] = error.code.value
    if not ours and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        metrics.rejected(error.code)
    elif is_mapping(scope) and not current().accepted:
        metrics.turned_away(error.code)
    else:
        metrics.failed(error.code)


def describe(
    errors: Sequence[ErrorDetails] | Sequence[Any], known: Iterable[str] = MapRequest.model_fields
) -> str:
    """The problems of a validation, as `place: problem`, without the invalid values.

    known: keys of the object that was validated.
    """
    return "; ".join(_describe(error, list(known)) for error in errors[:10])


def unknown_name(name: str, known: Sequence[str]) -> str:
    """The problem of an unknown key. It repeats the key only if a known one resembles it, since
    other keys may contain anything."""
    near = get_close_matches(name, known, n=1, cutoff=0.7) if len(name) <= _LONGEST_NAME else ()
    hint = f"{name!r} is not known; did you mean {near[0]!r}" if near else "a key is not known"
    return f"{hint}; known are {', '.join(known)}"


def _describe(error: ErrorDetails | Any, known: Sequence[str]) -> str:
    place, problem = error["loc"], error["msg"]
    if error["type"] == "extra_forbidden":
        place, problem = place[:-1], unknown_name(str(place[-1]), known)
    return f"{_place(place)}: {problem}"


def _place(parts: Sequence[int | str]) -> str:
    known = (str(p) if isinstance(p, int) or p in _PLACES else "(unknown)" for p in parts)
    return ".".join(known) or "body"


def install(app: FastAPI, metrics: Metrics) -> None:
    """Make every error path of the app answer with a problem body, and count it."""

    def respond(request: Request, error: ApiError, *, budget: bool = False) -> Response:
        count(metrics, request.scope, error, ours=budget)
        return problem_response(request.url.path, error)

    async def on_api_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return respond(request, error, budget=error.status == HTTPStatus.REQUEST_TIMEOUT)

    async def on_http_error(request: Request, error: Exception) -> Response:
        """404, 405, 413 and the like, raised by the framework or while a body is read."""
        assert isinstance(error, HTTPException)
        server = error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        usual = ErrorCode.INTERNAL_ERROR if server else ErrorCode.INVALID_REQUEST
        code = _BY_STATUS.get(error.status_code, usual)
        detail = _FRAMEWORK_DETAILS.get(
            error.status_code, HTTPStatus(error.status_code).phrase.lower()
        )
        status, headers = error.status_code, dict(error.headers or {})
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"
        return respond(request, ApiError(code, detail, status=status, headers=headers))

    async def on_invalid(request: Request, error: Exception) -> Response:
        """A body that is not JSON (400), or has the wrong shape (422)."""
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        if broken := next((e for e in found if e["type"] == "json_invalid"), None):
            before = str(error.body)[: broken["loc"][-1]]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            detail = f"the body is not JSON: line {line}, column {column}"
            return respond(request, ApiError(ErrorCode.INVALID_REQUEST, detail, status=400))
        if any(isinstance(e.get("input"), bytes) and e["loc"] == ("body",) for e in found):
            detail = "the body is not declared as JSON: send Content-Type: application/json"
            return respond(request, ApiError(ErrorCode.INVALID_REQUEST, detail, status=415))
        field = request.scope["route"].body_field
        known = field.field_info.annotation.model_fields if field else ()
        return respond(request, ApiError(ErrorCode.INVALID_REQUEST, describe(found, known)))

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
