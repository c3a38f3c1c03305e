"""`POST /map` and `POST /map/batch`."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import ValidationError

from client_api.context import current
from client_api.errors import ERRORS, ApiError, describe, problem_docs
from client_api.model_gateway import Item
from client_api.models import BatchRequest, BatchResponse, MapRequest, MapResponse
from client_api.routes.json_route import JsonRoute, json_response
from client_api.settings import Settings
from client_api.state import Shared
from fallback.decision import Decision
from schemas.contract import ErrorCode

router = APIRouter(tags=["mapping"], route_class=JsonRoute)

Explain = Annotated[bool, Query(description="add the lineage: each signal and its answer")]
Budget = Annotated[
    float | None,
    Header(alias="X-Budget-Ms", gt=0, allow_inf_nan=False, description="milliseconds to answer in"),
]
Tenant = Annotated[str | None, Header(alias="X-Tenant-ID", min_length=1, max_length=200)]


@router.post("/map", response_model=MapResponse, responses=problem_docs(400, 403, 413, 422, 500))
async def map_one(
    body: MapRequest,
    state: Shared,
    explain: Explain = False,
    budget_ms: Budget = None,
    tenant: Tenant = None,
) -> Response:
    """Map one detector output to the canonical taxonomy."""
    item, tenant_id = _accept(body, tenant, state.settings)
    budget = _budget_s(state.settings, budget_ms, state.settings.budget_ms)
    decision = await state.service.map(item, current().started, budget)
    current().facts.update(
        detector=state.metrics.label(item.detector),
        source=decision.source.value,
        fallback_reason=decision.fallback_reason,
    )
    return json_response(_result(decision, tenant_id, explain))


@router.post("/map/batch", response_model=BatchResponse, responses=problem_docs(400, 413, 422, 500))
async def map_batch(
    body: BatchRequest,
    state: Shared,
    explain: Explain = False,
    budget_ms: Budget = None,
    tenant: Tenant = None,
) -> Response:
    """Map up to 100 outputs, in order; a bad item is reported and does not fail the others."""
    settings, metrics = state.settings, state.metrics
    errors: list[dict[str, Any]] = []
    accepted: list[tuple[int, Item, str | None]] = []
    for index, raw in enumerate(body.requests):
        try:
            item, tenant_id = _accept(_parse_item(raw), tenant, settings)
        except ApiError as error:
            metrics.rejected(error.code)
            errors.append(_batch_error(index, error))
        else:
            accepted.append((index, item, tenant_id))

    usual = min(settings.budget_ms * len(body.requests), settings.batch_budget_ms)
    outcomes = await state.service.map_batch(
        [item for _, item, _ in accepted],
        current().started,
        _budget_s(settings, budget_ms, usual),
    )
    results: list[dict[str, Any] | None] = [None] * len(body.requests)
    for (index, _, tenant_id), outcome in zip(accepted, outcomes, strict=True):
        if isinstance(outcome, Exception):
            metrics.failed(ErrorCode.INTERNAL_ERROR)
            failure = ApiError(ErrorCode.INTERNAL_ERROR, "an unexpected failure; it is logged")
            errors.append(_batch_error(index, failure))
        else:
            results[index] = _result(outcome, tenant_id, explain)
    metrics.batch(len(results), state.service.clock() - current().started)
    current().facts.update(items=len(results), refused=len(results) - len(accepted))
    return json_response({"results": results, "errors": sorted(errors, key=lambda e: e["index"])})


def _parse_item(raw: object) -> MapRequest:
    try:
        return MapRequest.model_validate(raw)
    except ValidationError as error:
        problem = describe(error.errors(include_url=False, include_input=False))
        raise ApiError(ErrorCode.INVALID_REQUEST, problem) from None


def _accept(request: MapRequest, tenant: str | None, settings: Settings) -> tuple[Item, str | None]:
    """The item and its tenant; raises ApiError for what no model has to see."""
    item = request.item()
    if len(item.output.encode()) + len(item.metadata.encode()) > settings.item_max_bytes:
        limit = f"output and metadata of an item have at most {settings.item_max_bytes} bytes"
        raise ApiError(ErrorCode.PAYLOAD_TOO_LARGE, limit)
    if tenant and request.tenant_id and tenant != request.tenant_id:
        raise ApiError(ErrorCode.FORBIDDEN, "tenant_id and X-Tenant-ID name different tenants")
    return item, request.tenant_id or tenant


def _budget_s(settings: Settings, asked_ms: float | None, usual_ms: float) -> float:
    return (usual_ms if asked_ms is None else min(asked_ms, settings.budget_cap_ms)) / 1000


def _result(decision: Decision, tenant_id: str | None, explain: bool) -> dict[str, Any]:
    event = decision.event
    provenance = event["provenance"]
    assert isinstance(provenance, dict)
    result = {
        **event,
        "provenance": {**provenance, "tenant_id": tenant_id},
        "version_info": decision.versions,
        "source": decision.source,
        "fallback_reason": decision.fallback_reason,
    }
    return result | {"signals": decision.signals} if explain else result


def _batch_error(index: int, error: ApiError) -> dict[str, Any]:
    return {
        "index": index,
        "error_code": error.code,
        "message": error.detail,
        "retryable": ERRORS[error.code].retryable,
    }
