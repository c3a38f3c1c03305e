"""`/admin/mode`: the kill switch."""

import structlog
from fastapi import APIRouter, Response

from client_api.errors import problem_docs
from client_api.models import ModeBody
from client_api.routes.json_route import JsonRoute, json_response
from client_api.state import Shared

router = APIRouter(prefix="/admin", tags=["admin"], route_class=JsonRoute)
_log = structlog.get_logger()


@router.get("/mode", response_model=ModeBody)
async def get_mode(state: Shared) -> Response:
    """How this process answers."""
    return json_response({"mode": state.switch.mode})


@router.put("/mode", response_model=ModeBody, responses=problem_docs(400, 422))
async def put_mode(body: ModeBody, state: Shared) -> Response:
    """Switch this process at once; until it restarts."""
    state.switch.set(body.mode)
    _log.warning("mode switched", mode=body.mode.value)
    return json_response({"mode": body.mode})
