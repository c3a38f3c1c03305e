"""Routes whose bodies are read by orjson: strict JSON (no NaN, no lone surrogates), bounded depth.

Also the response class of JSON endpoints.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from client_api.http.errors import ApiError
from client_api.http.interface.bodies import MAX_BATCH, MAX_VALUES
from client_api.http.middleware import hold_memory
from client_api.http.stored import StoredAnswer
from schemas.contract import ErrorCode

# The most values in all items of a full batch.
_MAX_VALUES = MAX_BATCH * MAX_VALUES
# Memory of a parsed value, however few bytes it has in the body: an empty list and its reference.
_VALUE_BYTES = 64
# Python stores a text with as many bytes per character as its widest character needs.
_WIDEST = 4


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises orjson.JSONDecodeError, a json.JSONDecodeError, for a body that is not JSON."""
        body = await self.body()
        values = sum(map(body.count, b"[{,"))
        if values > _MAX_VALUES:
            raise HTTPException(413)
        narrow = body.isascii() and b"\\u" not in body
        hold_memory(self.scope, values * _VALUE_BYTES + len(body) * (1 if narrow else _WIDEST))
        return orjson.loads(body)


class JsonRoute(APIRoute):
    """Use as a router's `route_class`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if request.headers.get("content-encoding", "identity").lower() != "identity":
                detail = "Content-Encoding is not supported; send the body without it"
                raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=415)
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


def stored_json(content: Any) -> StoredAnswer:
    """`content` as a stored answer."""
    return StoredAnswer(orjson.dumps(content)).prepare()


def json_response(
    content: Any, status: int = 200, media_type: str = "application/json"
) -> Response:
    """`content` as a response; skips pydantic's validation, as the content is valid already."""
    return Response(orjson.dumps(content), status, media_type=media_type)
