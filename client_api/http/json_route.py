"""Routes whose bodies are read by orjson: strict JSON (no NaN, no lone surrogates), bounded depth.

Also what JSON endpoints answer with.
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

# What the items of a full batch may hold together.
_MAX_VALUES = MAX_BATCH * MAX_VALUES
# What a value takes once parsed, however few bytes it has in the body: an empty list and its place.
_VALUE_BYTES = 64
# A text takes as many bytes for each character as its widest needs.
_WIDEST = 4


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises orjson.JSONDecodeError, a json.JSONDecodeError, for what is not JSON."""
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
                detail = "a body has no Content-Encoding here: send it as it is"
                raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=415)
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


def stored_json(content: Any) -> StoredAnswer:
    """`content` as an answer that is made once."""
    return StoredAnswer(orjson.dumps(content)).prepare()


def json_response(
    content: Any, status: int = 200, media_type: str = "application/json"
) -> Response:
    """`content` as it is: it comes validated, and pydantic would walk it again."""
    return Response(orjson.dumps(content), status, media_type=media_type)
