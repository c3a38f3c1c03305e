"""Puts the facade together: settings in, an ASGI application out.

Everything that lives as long as the process is made here, once; what needs the event loop, in
its lifespan.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

from client_api.guarding import Guarding
from client_api.http import errors
from client_api.http.admission import ItemGate
from client_api.http.auth import AccessMiddleware, RateGate, RateLimitMiddleware
from client_api.http.middleware import (
    BodyLimitMiddleware,
    DrainMiddleware,
    HeadMiddleware,
    RequestContextMiddleware,
)
from client_api.http.routes import admin, console, health, info, mapping, metrics
from client_api.http.shutdown import Drain
from client_api.http.state import State
from client_api.mapping.gateway import Item, ModelGateway
from client_api.mapping.service import Limits, MapperService, answer_by_rules, measure_rules
from client_api.settings import Settings
from client_api.telemetry import logs, tracing
from client_api.telemetry.metrics import Metrics
from client_api.upstream.canary import Canary
from client_api.upstream.circuit import CircuitBreaker
from client_api.upstream.guarded import GuardedGateway
from client_api.upstream.permits import Permits
from client_api.upstream.triton import TritonGateway
from pipeline.steps import Pipeline, load_pipeline
from schemas.contract import CircuitState, FallbackReason

_log = structlog.get_logger()
# Of what has no items in it.
_SMALL_BODY = 16 * 1024


def triton_gateway(settings: Settings) -> ModelGateway:
    """The gateway that serves; call it inside the event loop."""
    margin_s = settings.budget_margin_ms / 1000
    return TritonGateway(settings.triton_url, settings.triton_model, margin_s)


def create_app(
    settings: Settings | None = None,
    gateway: Callable[[Settings], ModelGateway] = triton_gateway,
) -> FastAPI:
    """The facade over one gateway. Raises ConfigError for a bad file of keys, policies or mode."""
    settings = settings or Settings()
    tracing.follow(trust_tracestate=settings.trust_tracestate)
    pipeline = load_pipeline()
    counted = Metrics(lambda name: getattr(pipeline.rules.resolve(name), "name", None))
    counted.set_build(info.SERVICE_VERSION, pipeline.guard.versions())
    counted.set_circuit(CircuitState.CLOSED)
    guarding = Guarding(settings, pipeline.rules.canonical, counted)
    counted.follow_mode(lambda: guarding.switch.current().mode)
    rates = RateGate(guarding.limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(logs.on_loop_exception)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(guarding.close)
            client = gateway(settings)
            closing.push_async_callback(client.close)
            app.state.shared = state = _state(settings, pipeline, counted, guarding, rates, client)
            canary = asyncio.create_task(state.canary.run())
            closing.push_async_callback(_end, canary)
            yield

    app = FastAPI(
        title="Llama Mapper",
        version=info.SERVICE_VERSION,
        description="Maps what AI-safety detectors say to one canonical taxonomy.",
        lifespan=lifespan,
        redoc_url=None,
        # A redirect would send key and body to where the Host header says.
        redirect_slashes=False,
        swagger_ui_oauth2_redirect_url=None,
        telemetry=tracing.FASTAPI,
    )
    app.state.drain = drain = Drain()
    app.state.metrics = counted
    for module in (mapping, health, metrics, info, admin, console):
        app.include_router(module.router)
    errors.install(app, counted)
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimitMiddleware,
        limit=_body_limits(settings),
        total=settings.inflight_max_bytes,
        in_flight=settings.inflight_max,
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(RateLimitMiddleware, gate=rates)
    app.add_middleware(
        AccessMiddleware,
        keys=guarding.keys,
        policies=guarding.policies,
        gate=rates,
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
    limits = {"/map": settings.single_max_bytes, "/map/batch": settings.batch_max_bytes}
    return lambda path: limits.get(path, _SMALL_BODY)


def _state(
    settings: Settings,
    pipeline: Pipeline,
    counted: Metrics,
    guarding: Guarding,
    rates: RateGate,
    client: ModelGateway,
) -> State:
    # Validators and indexes are built at first use; better now than in someone's budget.
    for output in ("hate", '{"categories": {"hate": true}, "scores": {"hate": 0.9}}'):
        answer_by_rules(pipeline, Item("warm-up", output), FallbackReason.RULES_ONLY)

    def on_circuit(circuit: CircuitState) -> None:
        counted.set_circuit(circuit)
        if circuit is CircuitState.OPEN:
            canary.doubt()

    breaker = CircuitBreaker(settings.circuit_failures, on_circuit)
    canary = Canary(
        client,
        guarding.switch,
        breaker,
        interval_s=settings.canary_interval_s,
        timeout_s=settings.canary_timeout_s,
        max_age_s=settings.canary_max_age_s,
        on_answer=lambda decision: counted.set_build(info.SERVICE_VERSION, decision.versions),
    )
    item_s = settings.budget_ms / 1000
    guarded = GuardedGateway(
        client,
        breaker,
        Permits(
            settings.model_permits,
            settings.permit_hold_ms / 1000,
            in_order=not settings.triton_url.startswith("dns:"),
        ),
        fair_s=item_s / 2,
    )
    limits = Limits(
        item_s=item_s,
        reserve_s=settings.fallback_reserve_ms / 1000,
        chunk=settings.batch_chunk,
        rules_s_per_byte=measure_rules(pipeline),
        on_timeout=settings.on_timeout,
    )
    return State(
        settings=settings,
        guard=pipeline.guard,
        metrics=counted,
        switch=guarding.switch,
        service=MapperService(guarded, pipeline, guarding.switch, counted, limits),
        canary=canary,
        gate=ItemGate(
            guarding.policies, settings, lambda name: pipeline.rules.resolve(name) is not None
        ),
        rates=rates,
        idempotency=guarding.idempotency,
        config_problems=guarding.problems,
        started=time.monotonic(),
    )
