"""`/health*`: is the process alive, can it answer, does the model answer."""

import time
from typing import Any

from fastapi import APIRouter, Response

from client_api.errors import ApiError, problem_docs
from client_api.routes.json_route import json_response
from client_api.state import Shared, State
from schemas.contract import ErrorCode

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Response:
    """The process runs."""
    return json_response({"status": "live"})


@router.get("", responses=problem_docs(503))
@router.get("/ready", responses=problem_docs(503))
async def ready(state: Shared) -> Response:
    """Requests are answered; `degraded` when by rules alone."""
    model = state.canary.health()
    if model.ok:
        return json_response({"status": "ready", "reasons": []} | _facts(state))
    starting = model.age_s is None and state.switch.mode == "hybrid"
    if starting and time.monotonic() - state.started < state.settings.startup_grace_s:
        raise _unavailable("waiting for the first canary mapping", {"status": "starting"})
    return json_response({"status": "degraded", "reasons": [model.problem]} | _facts(state))


@router.get("/model", responses=problem_docs(503))
async def model(state: Shared) -> Response:
    """A real canary mapping went through the model lately."""
    health = state.canary.health()
    facts = _facts(state)
    if not health.ok:
        raise _unavailable(health.problem, {"model_status": "lost"} | facts)
    return json_response({"status": "ok"} | facts)


def _facts(state: State) -> dict[str, Any]:
    health = state.canary.health()
    age = None if health.age_s is None else round(health.age_s, 3)
    return {"mode": state.switch.mode, "model": health.model, "canary_age_s": age}


def _unavailable(problem: str, extra: dict[str, Any]) -> ApiError:
    return ApiError(ErrorCode.OVERLOADED, problem, headers={"Retry-After": "1"}, extra=extra)
