"""What the handlers of one app share, made once by `create_app`."""

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
    """started: `time.monotonic()` seconds; config_problems: what is wrong with files that are
    served in an earlier version, in words for everyone; stored: answers made once, by their name;
    compared: what the shadow found; review: None without a review queue.
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
    """The state of the app that handles the request; async, for FastAPI calls others in threads."""
    return cast(State, request.app.state.shared)


Shared = Annotated[State, Depends(get_state)]
