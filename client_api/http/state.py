"""What the handlers of one app share, made once by `create_app`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from client_api.access.idempotency import Idempotency
from client_api.http.admission import ItemGate
from client_api.http.auth import RateGate
from client_api.mapping.kill_switch import ModeSwitch
from client_api.mapping.service import MapperService
from client_api.settings import Settings
from client_api.telemetry.metrics import Metrics
from client_api.upstream.canary import Canary
from fallback.decision.decision import MappingGuard


@dataclass(frozen=True, slots=True)
class State:
    """started: `time.monotonic()` seconds; config_problems: what is wrong with files that are
    served in an earlier version, in words for everyone.
    """

    settings: Settings
    guard: MappingGuard
    metrics: Metrics
    switch: ModeSwitch
    service: MapperService
    canary: Canary
    gate: ItemGate
    rates: RateGate
    idempotency: Idempotency
    config_problems: Callable[[], list[str]]
    started: float


async def get_state(request: Request) -> State:
    """The state of the app that handles the request; async, for FastAPI calls others in threads."""
    return cast(State, request.app.state.shared)


Shared = Annotated[State, Depends(get_state)]
