"""Makes the ASGI application of a process from its settings: objects, middleware and routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

from client_api.composition import (
    AccessParts,
    detector_folders,
    listener,
    make_evaluations,
    make_events,
    make_review,
    make_state,
)
from client_api.http import errors
from client_api.http.auth import AuthMiddleware, RateLimiter, RateLimitMiddleware
from client_api.http.interface import openapi
from client_api.http.json_route import stored_json
from client_api.http.middleware import (
    BodyLimitMiddleware,
    DrainMiddleware,
    HeadMiddleware,
    RequestContextMiddleware,
)
from client_api.http.routes import (
    admin,
    console,
    detectors,
    health,
    info,
    mapping,
    metrics,
    review,
)
from client_api.http.shutdown import Drain
from client_api.mapping.gateway import ModelGateway
from client_api.settings import Settings
from client_api.telemetry import logs, tracing
from client_api.telemetry.metrics import Metrics
from client_api.upstream.item_cache import ItemCache
from client_api.upstream.shadow import CandidateModel
from client_api.upstream.triton import TritonCandidate, TritonGateway
from pipeline.detector_series import DetectorSeries
from pipeline.tenants import TenantPipelines
from schemas.contract import CircuitState

_log = structlog.get_logger()
# Of what has no items in it.
_SMALL_BODY = 16 * 1024
# Some ten thousand decisions as detector files.
_IMPORT_BODY = 1024 * 1024
# Of a detector file, as JSON.
_FILE_BODY = 1024 * 1024


def triton_gateway(settings: Settings) -> ModelGateway:
    """The gateway of Triton; call it inside the event loop."""
    margin_s = settings.budget_margin_ms / 1000
    return TritonGateway(settings.triton_url, settings.triton_model, margin_s)


def triton_candidate(settings: Settings) -> CandidateModel:
    """The client of a shadow's candidate; call it inside the event loop."""
    return TritonCandidate(settings.triton_url)


def create_app(
    settings: Settings | None = None,
    gateway: Callable[[Settings], ModelGateway] = triton_gateway,
    candidate: Callable[[Settings], CandidateModel] = triton_candidate,
) -> FastAPI:
    """The facade over a gateway and the client of a shadow's candidate. Raises ConfigError for a
    bad file of keys, policies or mode."""
    settings = settings or Settings()
    tracing.follow(trust_tracestate=settings.trust_tracestate)
    pipelines = TenantPipelines(
        detector_folders(settings), listener("detectors"), settings.views_dir
    )
    counted = Metrics(DetectorSeries(pipelines.name, settings.uncurated_series))
    counted.set_build(info.SERVICE_VERSION, pipelines.of().guard.versions())
    counted.set_circuit(CircuitState.CLOSED)
    access = AccessParts(settings, pipelines, counted)
    counted.follow_mode(lambda: access.switch.current().mode)
    limiter = RateLimiter(access.limits)
    desk = make_review(settings, pipelines, counted)
    sink = make_events(settings, pipelines, counted)
    evaluations = make_evaluations(settings, pipelines)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(logs.on_loop_exception)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(access.close)
            if desk:
                desk.start()
                closing.push_async_callback(asyncio.to_thread, desk.close)
            if sink:
                sink.start()
                closing.push_async_callback(asyncio.to_thread, sink.close)
            if evaluations:
                closing.push_async_callback(asyncio.to_thread, evaluations.close)
            client = ItemCache(
                gateway(settings),
                lambda tenant: pipelines.of(tenant).rules.version,
                max_bytes=settings.item_cache_bytes,
                timeout_s=settings.budget_ms / 1000,
                on_lookup=counted.looked_up,
            )
            closing.push_async_callback(client.close)
            beside = candidate(settings)
            closing.push_async_callback(beside.close)
            app.state.shared = state = make_state(
                settings,
                pipelines,
                counted,
                access,
                limiter,
                client,
                beside,
                desk,
                sink,
                evaluations,
                stored,
            )
            for task in (state.canary.run(), state.shadow.run()):
                closing.push_async_callback(_end, asyncio.create_task(task))
            yield

    app = FastAPI(
        title="Llama Mapper",
        version=info.SERVICE_VERSION,
        description="Maps outputs of AI-safety detectors to one canonical taxonomy.",
        openapi_tags=openapi.TAGS,
        responses=openapi.ALWAYS,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        # Both are among the routes.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A redirect would send key and body to the host in the Host header.
        redirect_slashes=False,
        telemetry=tracing.FASTAPI,
    )
    app.state.drain = drain = Drain()
    app.state.metrics = counted
    for module in (mapping, health, metrics, info, detectors, review, admin, console):
        app.include_router(module.router)
    errors.install(app, counted)
    described = openapi.document(app, keys=access.keys is not None)
    stored = info.stored_answers(pipelines.of().guard) | {"openapi": stored_json(described)}
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimitMiddleware,
        limit=_body_limits(settings),
        total=settings.inflight_max_bytes,
        in_flight=settings.inflight_max,
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(RateLimitMiddleware, limiter=limiter)
    app.add_middleware(
        AuthMiddleware,
        keys=access.keys,
        files=(access.policies, pipelines, access.views),
        limiter=limiter,
        trusted_proxies=settings.trusted_proxies,
        allowed_hosts=settings.allowed_hosts,
    )
    app.add_middleware(RequestContextMiddleware, metrics=counted)
    app.add_middleware(DrainMiddleware, drain=drain)
    app.add_middleware(HeadMiddleware)
    return app


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for it; how it ended is in the log."""
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


def _body_limits(settings: Settings) -> Callable[[str], int]:
    """Bytes that a body may have at a path."""
    limits = {
        "/map": settings.single_max_bytes,
        "/map/batch": settings.batch_max_bytes,
        "/review/import": _IMPORT_BODY,
        "/detectors/draft": settings.batch_max_bytes,
        "/detectors/check": _FILE_BODY,
        "/detectors/add": _FILE_BODY,
    }
    return lambda path: limits.get(path, _SMALL_BODY)
