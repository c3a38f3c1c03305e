"""`/health*`: whether the process runs, answers requests, and reaches the model."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from client_api.http.errors import ApiError, problem_response
from client_api.http.interface.answers import Closed
from client_api.http.json_route import json_response
from client_api.http.state import Shared, State
from client_api.telemetry.context import current
from schemas.contract import ErrorCode, Mode

router = APIRouter(prefix="/health", tags=["health"])


class Live(Closed):
    """The process runs."""

    status: Annotated[str, Field(description="`live`")]


class ModelState(Closed):
    """Whether the model answers."""

    status: Annotated[str, Field(description="`ok`, `ready` or `degraded`")]
    mode: Mode
    mode_asked_by: Annotated[list[str], Field(description="origins of `rules_only`")]
    model: Annotated[str, Field(description="the version that answered the canary last")]
    canary_age_s: Annotated[
        float | None, Field(ge=0, description="seconds since the last canary mapping")
    ]


class Readiness(ModelState):
    """Whether requests are answered."""

    reasons: Annotated[list[str], Field(description="why `degraded`")]


@router.get("/live", response_model=Live)
async def live() -> Response:
    """The process runs."""
    return json_response({"status": "live"})


@router.get("", name="health", response_model=Readiness)
@router.get("/ready", response_model=Readiness)
async def ready(request: Request, state: Shared) -> Response:
    """Requests are answered. `degraded`: by rules alone, or with an earlier version of a file."""
    if request.app.state.drain.begun:
        return _unavailable(
            request, "shutting down: send requests elsewhere", {"status": "draining"}
        )
    model = state.canary.health()
    reasons = [*([] if model.ok else [model.problem]), *state.config_problems()]
    if not reasons:
        return json_response({"status": "ready", "reasons": []} | _facts(state))
    hybrid = state.switch.current().mode is Mode.HYBRID
    starting = hybrid and not model.ok and model.age_s is None
    if starting and time.monotonic() - state.started < state.settings.startup_grace_s:
        return _unavailable(request, "waiting for the first canary mapping", {"status": "starting"})
    return json_response({"status": "degraded", "reasons": reasons} | _facts(state))


@router.get("/model", name="model_health", response_model=ModelState)
async def model(request: Request, state: Shared) -> Response:
    """Whether the model answered a canary mapping lately."""
    health = state.canary.health()
    facts = _facts(state)
    if not health.ok:
        return _unavailable(request, health.problem, {"model_status": "lost"} | facts)
    return json_response({"status": "ok"} | facts)


def _facts(state: State) -> dict[str, Any]:
    health = state.canary.health()
    age = None if health.age_s is None else round(health.age_s, 3)
    holds = state.switch.current()
    return {
        "mode": holds.mode,
        "mode_asked_by": holds.asked_by,
        "model": health.model,
        "canary_age_s": age,
    }


def _unavailable(request: Request, problem: str, extra: dict[str, Any]) -> Response:
    """The state as a problem body; a failed probe does not count as a failed request."""
    error = ApiError(ErrorCode.OVERLOADED, problem, headers={"Retry-After": "1"}, extra=extra)
    current().facts["error_code"] = error.code.value
    return problem_response(request.url.path, error)
