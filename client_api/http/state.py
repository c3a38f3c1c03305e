"""The objects that the handlers of one app share, made once by `create_app`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from client_api.access.idempotency import Idempotency
from client_api.http.admission import Admission
from client_api.http.auth import RateLimiter
from client_api.http.stored import StoredAnswer
from client_api.mapping.drafting import Drafter
from client_api.mapping.kill_switch import ModeSwitch
from client_api.mapping.service import MapperService
from client_api.settings import Settings
from client_api.telemetry.metrics import Metrics
from client_api.telemetry.shadow_counts import ShadowCounts
from client_api.upstream.canary import Canary
from client_api.upstream.shadow import ShadowTraffic
from fallback.drafts.files import DetectorFiles
from pipeline.tenants import TenantPipelines
from schemas.views import Views

if TYPE_CHECKING:  # it brings a database along, which a facade without a queue does not load
    from client_api.review.desk import ReviewDesk


@dataclass(frozen=True, slots=True)
class State:
    """started: `time.monotonic()` seconds; config_problems: texts on files that are in use in an
    earlier version, safe to publish; stored: stored answers by name; compared: the counts of the
    shadow; review: None without a review queue.
    """

    settings: Settings
    pipelines: TenantPipelines
    views: Views
    metrics: Metrics
    switch: ModeSwitch
    service: MapperService
    drafter: Drafter
    files: DetectorFiles
    canary: Canary
    shadow: ShadowTraffic
    compared: ShadowCounts
    admission: Admission
    limiter: RateLimiter
    idempotency: Idempotency
    review: "ReviewDesk | None"
    config_problems: Callable[[], list[str]]
    stored: Mapping[str, StoredAnswer]
    started: float


async def get_state(request: Request) -> State:
    """The app's state. Async, because FastAPI runs other dependencies in threads."""
    return cast(State, request.app.state.shared)


Shared = Annotated[State, Depends(get_state)]
