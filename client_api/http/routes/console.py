"""`/`: the console, and `/docs`: the API's reference with its OpenAPI document.

The pages need no key; the console fetches its data with the user's key.
"""

import asyncio
from functools import cache

from fastapi import APIRouter, Request, Response

from client_api.console import build_page
from client_api.console.reference import ASSETS, build_reference, read_asset
from client_api.http.state import Shared
from client_api.http.stored import StoredAnswer

router = APIRouter(include_in_schema=False)


@router.get("/")
async def console(state: Shared) -> Response:
    """One page without external assets."""
    page = build_page(keys=state.settings.keys_file is not None, review=state.review is not None)
    return Response(page.html, headers=dict(page.headers), media_type="text/html; charset=utf-8")


@router.get("/docs")
async def reference() -> Response:
    """Swagger UI."""
    page = build_reference()
    return Response(page.html, headers=dict(page.headers), media_type="text/html; charset=utf-8")


async def asset(request: Request) -> Response:
    """A file that the reference page loads."""
    name = request.url.path.rpartition("/")[2]
    stored = await asyncio.to_thread(_stored_asset, name)
    return stored.respond(request)


for name in ASSETS:
    router.add_api_route(f"/docs/{name}", asset, name=name)


@router.get("/openapi.json")
async def openapi(request: Request, state: Shared) -> Response:
    """The OpenAPI document."""
    return state.stored["openapi"].respond(request)


@cache
def _stored_asset(name: str) -> StoredAnswer:
    return StoredAnswer(read_asset(name), ASSETS[name]).prepare()
