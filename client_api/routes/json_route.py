"""Routes whose bodies are read by orjson: strict JSON (no NaN, no lone surrogates), bounded depth.

Also what JSON endpoints answer with.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from client_api.models import MAX_BATCH, MAX_VALUES

# What the items of a full batch may hold together.
_MAX_VALUES = MAX_BATCH * MAX_VALUES


class _StrictRequest(Request):
    async def json(self) -> Any:
        """Raises orjson.JSONDecodeError, a json.JSONDecodeError, for what is not JSON."""
        body = await self.body()
        # Each value takes some 60 bytes once parsed, however few it has here.
        if sum(map(body.count, b"[{,")) > _MAX_VALUES:
            raise HTTPException(413)
        return orjson.loads(body)


class JsonRoute(APIRoute):
    """Use as a router's `route_class`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


def json_response(content: Any, status: int = 200) -> Response:
    """`content` as it is: it comes validated, and pydantic would walk it again."""
    return Response(orjson.dumps(content), status, media_type="application/json")
