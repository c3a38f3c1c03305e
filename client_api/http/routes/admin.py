"""`/admin/mode`: the kill switch."""

import asyncio

import structlog
from fastapi import APIRouter, Response

from client_api.http.errors import ApiError
from client_api.http.interface.answers import ModeBody
from client_api.http.interface.openapi import GUARDED, problem_docs
from client_api.http.json_route import JsonRoute, json_response
from client_api.http.state import Shared
from client_api.telemetry.logs import exception_facts
from schemas.contract import ErrorCode

router = APIRouter(
    prefix="/admin",
    tags=["admin"],
    route_class=JsonRoute,
    responses=GUARDED,
)
_log = structlog.get_logger()


@router.get("/mode", response_model=ModeBody)
async def get_mode(state: Shared) -> Response:
    """The mode of this process; `/health` has the source of `rules_only`."""
    return json_response({"mode": state.switch.current().mode})


@router.put("/mode", response_model=ModeBody, responses=problem_docs(400, 408, 413, 415, 422))
async def put_mode(body: ModeBody, state: Shared) -> Response:
    """Switch this process, at once and across restarts. `rules_only` stays in force while the
    environment or the policy file sets it; the response has the mode in force."""
    try:
        # Writing syncs the file, which takes long on a slow disk.
        holds = await asyncio.to_thread(state.switch.set, body.mode)
    except OSError as error:
        _log.error("the mode applies but was not stored", **exception_facts(error))
        detail = "the mode applies to this process, but was not stored for its next start"
        raise ApiError(ErrorCode.INTERNAL_ERROR, detail) from None
    _log.warning("mode switched", asked=body.mode.value, mode=holds.mode.value)
    return json_response({"mode": holds.mode})
