"""`/`: the console. The page is for everyone; what it shows is asked for with the reader's key."""

from fastapi import APIRouter, Response

from client_api.console import build_page
from client_api.http.state import Shared

router = APIRouter(include_in_schema=False)


@router.get("/")
async def console(state: Shared) -> Response:
    """One page without outside assets."""
    page = build_page(keys=state.settings.keys_file is not None)
    return Response(page.html, headers=dict(page.headers), media_type="text/html; charset=utf-8")
