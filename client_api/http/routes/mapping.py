"""`POST /map` and `POST /map/batch`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Request, Response
from pydantic import ValidationError
from pydantic.json_schema import SkipJsonSchema

from client_api.access.idempotency import KeptResponse, KeyReusedError, fingerprint
from client_api.http import cloud_events
from client_api.http.admission import Admitted
from client_api.http.auth import get_caller
from client_api.http.errors import ERRORS, ApiError, describe, unknown_name
from client_api.http.interface.answers import BatchResponse, MapResponse
from client_api.http.interface.bodies import BatchRequest, MapRequest
from client_api.http.interface.openapi import GUARDED, problem_docs
from client_api.http.interface.parameters import Asked
from client_api.http.json_route import JsonRoute, json_response
from client_api.http.state import Shared, State
from client_api.mapping.service import PASSING, BudgetSpent
from client_api.telemetry.context import current
from fallback.decision.decision import Decision
from schemas.contract import ErrorCode, RawContent
from schemas.views import View

router = APIRouter(
    tags=["mapping"],
    route_class=JsonRoute,
    responses=GUARDED | problem_docs(400, 408, 413, 415, 422),
)


@router.post("/map", response_model=MapResponse)
async def map_one(
    body: MapRequest,
    request: Request,
    state: Shared,
    asked: Asked,
    content_mode: Annotated[
        cloud_events.ContentMode | SkipJsonSchema[None],
        Header(
            alias="X-CloudEvents",
            description="`binary`: a CloudEvent whose attributes are headers of the answer",
        ),
    ] = None,
) -> Response:
    """Map one detector output to the canonical taxonomy.

    With `Accept: application/cloudevents+json` the answer is the data of a CloudEvent.
    """
    await asyncio.sleep(0)  # a large body was parsed and validated in this turn of the loop
    view = _view(state, asked.view)
    caller = get_caller(request)
    await state.limiter.charge(caller, 1)
    admitted = state.admission.admit(body, caller, _claims(request))
    await _refuse_raw_content(state, admitted)
    budget_s = min(asked.budget_ms or admitted.usual_ms, admitted.most_ms) / 1000
    form, respond = cloud_events.chosen(request, content_mode)

    async def answer() -> Response:
        current().accepted = True
        try:
            decision = await state.service.map(admitted.item, current().started, budget_s)
        except BudgetSpent as late:
            raise _failure(late) from None
        current().passing = decision.fallback_reason in PASSING
        current().facts.update(
            detector=state.metrics.label(body.detector),
            source=decision.source.value,
            fallback_reason=decision.fallback_reason,
            **_logged(state, [decision]),
        )
        return respond(_result(decision, admitted.tenant, asked.explain, view))

    return await _once(request, state, admitted.tenant, asked.replay, form, budget_s, answer)


@router.post("/map/batch", response_model=BatchResponse)
async def map_batch(
    body: BatchRequest,
    request: Request,
    state: Shared,
    asked: Asked,
) -> Response:
    """Map up to 100 outputs, in order; an invalid item is reported and does not fail the others.

    With `Accept: application/cloudevents-batch+json` the answer is one CloudEvent per item.
    """
    view = _view(state, asked.view)
    caller = get_caller(request)
    acting = state.admission.tenant(caller, _claims(request))
    await state.limiter.charge(caller, len(body.requests))
    admitted: dict[int, Admitted] = {}
    refused: dict[int, ApiError] = {}
    for index, raw in enumerate(body.requests):
        try:
            one = state.admission.admit(_parse_item(raw), caller, _claims(request))
            await _refuse_raw_content(state, one)
            admitted[index] = one
        except ApiError as error:
            state.metrics.rejected(error.code)
            refused[index] = error
        # A long batch must not delay requests of one item.
        await asyncio.sleep(0)
    budget_s = _batch_budget_ms(list(admitted.values()), asked.budget_ms, state) / 1000
    as_events = cloud_events.accepts(request, cloud_events.BATCH)

    async def answer() -> Response:
        current().accepted = True
        outcomes = await state.service.map_batch(
            [one.item for one in admitted.values()], current().started, budget_s
        )
        results: list[dict[str, Any] | None] = [None] * len(body.requests)
        errors = dict(refused)
        for (index, one), outcome in zip(admitted.items(), outcomes, strict=True):
            if isinstance(outcome, Exception):
                errors[index] = _failure(outcome)
                current().passing = True
                state.metrics.failed(errors[index].code)
            else:
                current().passing |= outcome.fallback_reason in PASSING
                results[index] = _result(outcome, one.tenant, asked.explain, view)
        state.metrics.batch(len(results), state.service.clock() - current().started)
        current().facts.update(
            items=len(results),
            refused=len(refused),
            **_logged(state, [one for one in outcomes if isinstance(one, Decision)]),
        )
        if errors:
            current().facts["error_codes"] = sorted({error.code.value for error in errors.values()})
        told = [_batch_error(i, errors[i]) for i in sorted(errors)]
        if as_events:
            return cloud_events.batch(results, told)
        return json_response({"results": results, "errors": told})

    form = cloud_events.BATCH if as_events else ""
    return await _once(request, state, acting, asked.replay, form, budget_s, answer)


async def _refuse_raw_content(state: State, admitted: Admitted) -> None:
    if state.settings.raw_content is RawContent.ACCEPT:
        return
    if await state.service.is_raw_content(admitted.item):
        detail = "the output quotes much of the judged text; send the detector's result alone"
        raise ApiError(ErrorCode.RAW_CONTENT_REJECTED, detail)


async def _once(
    request: Request,
    state: State,
    tenant: str | None,
    key: str | None,
    form: str,
    budget_s: float,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """The answer; with an idempotency key, the stored answer to the same request, if any."""
    granted = {"X-Budget-Granted-Ms": f"{budget_s * 1000:.15g}"}
    if key is None:
        made = await answer()
        made.headers.update(granted)
        return made
    if len(request.headers.getlist("idempotency-key")) > 1:
        detail = "several Idempotency-Key headers were sent; send one"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail)

    async def keep() -> KeptResponse:
        made = await answer()
        return KeptResponse(
            made.status_code,
            tuple(
                (name, value)
                for name, value in made.headers.items()
                if name == "content-type" or name.startswith("ce-")
            ),
            bytes(made.body),
            current().passing,
        )

    what = fingerprint(request.url.path, request.url.query, form, await request.body())
    left_s = max(0.0, current().started + budget_s - state.service.clock())
    try:
        kept, replayed = await state.idempotency.run(tenant, key, what, keep, left_s)
    except KeyReusedError:
        detail = "the Idempotency-Key was used for another request"
        raise ApiError(ErrorCode.INVALID_REQUEST, detail) from None
    headers = dict(kept.headers) | granted
    if replayed:
        state.metrics.replayed()
        current().facts.update(replayed=True)
        headers["idempotent-replayed"] = "true"
    return Response(kept.body, kept.status, headers)


def _claims(request: Request) -> list[str]:
    """Every X-Tenant-ID of the request, so that contradicting ones are refused."""
    return request.headers.getlist("x-tenant-id")


def _parse_item(raw: object) -> MapRequest:
    try:
        return MapRequest.model_validate(raw)
    except ValidationError as error:
        problem = describe(error.errors(include_url=False, include_input=False))
        raise ApiError(ErrorCode.INVALID_REQUEST, problem) from None


def _batch_budget_ms(admitted: list[Admitted], asked_ms: float | None, state: State) -> float:
    usual, most = sum(one.usual_ms for one in admitted), sum(one.most_ms for one in admitted)
    return min(asked_ms or usual, most, state.settings.batch_budget_ms)


def _view(state: State, name: str | None) -> View | None:
    try:
        return state.views.get(name)
    except KeyError:
        problem = f"taxonomy: {unknown_name(name or '', state.views.names)}"
        raise ApiError(ErrorCode.INVALID_REQUEST, problem) from None


def _result(
    decision: Decision, tenant: str | None, explain: bool, view: View | None
) -> dict[str, Any]:
    provenance = decision.event["provenance"]
    assert isinstance(provenance, dict)
    result = {**decision.answer, "provenance": {**provenance, "tenant_id": tenant}}
    if explain:
        result |= {"signals": decision.signals, "reading": decision.reading}
    return view.translate(result, decision.signals) if view else result


def _logged(state: State, decisions: list[Decision]) -> dict[str, Any]:
    """Fields of the access log that the operator may enable: the answers' labels, the lowest
    confidence, and the version of the taxonomy."""
    if not (state.settings.log_labels and decisions):
        return {}
    labels = {label for one in decisions for label in cast(list[str], one.event["taxonomy"])}
    return {
        "labels": sorted(labels),
        "confidence": min(one.confidence for one in decisions),
        "taxonomy": decisions[0].versions["taxonomy"],
    }


def _failure(error: Exception) -> ApiError:
    """The error of an accepted item without an answer."""
    if isinstance(error, BudgetSpent):
        detail = "the model did not answer within the budget"
        return ApiError(ErrorCode.REQUEST_TIMEOUT, detail)
    return ApiError(ErrorCode.INTERNAL_ERROR, "an unexpected failure; it is logged")


def _batch_error(index: int, error: ApiError) -> dict[str, Any]:
    return {
        "index": index,
        "error_code": error.code,
        "message": error.detail,
        "retryable": ERRORS[error.code].retryable,
    }
