"""Puts the facade together: settings in, an ASGI application out.

Everything that lives as long as the process is made here, once, in the lifespan's event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from client_api import errors
from client_api.health import Canary
from client_api.metrics import CircuitState, Metrics
from client_api.middleware import BodyLimitMiddleware, RequestContextMiddleware
from client_api.model_gateway import Item, ModelGateway
from client_api.routes import admin, health, mapping, meta, metrics
from client_api.service import Limits, MapperService, ModeSwitch, RulesAnswerer
from client_api.settings import Settings
from client_api.state import State
from client_api.triton_client import TritonGateway
from fallback.decision import MappingGuard, load_guard
from schemas.contract import FallbackReason


def triton_gateway(settings: Settings) -> ModelGateway:
    """The gateway that serves; call it inside the event loop."""
    margin_s = settings.budget_margin_ms / 1000
    return TritonGateway(settings.triton_url, settings.triton_model, margin_s)


def create_app(
    settings: Settings | None = None,
    gateway: Callable[[Settings], ModelGateway] = triton_gateway,
) -> FastAPI:
    """The facade over one gateway."""
    settings = settings or Settings()
    guard = load_guard()
    counted = Metrics(lambda name: getattr(guard.rules.resolve(name), "name", None))
    counted.set_build(meta.SERVICE_VERSION, guard.versions())
    counted.set_circuit(CircuitState.CLOSED)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        client = gateway(settings)
        app.state.shared = state = _state(settings, guard, counted, client)
        canary = asyncio.create_task(state.canary.run())
        yield
        canary.cancel()
        with suppress(asyncio.CancelledError):
            await canary
        await client.close()

    app = FastAPI(
        title="Llama Mapper",
        version=meta.SERVICE_VERSION,
        description="Maps what AI-safety detectors say to one canonical taxonomy.",
        lifespan=lifespan,
    )
    for module in (mapping, health, metrics, meta, admin):
        app.include_router(module.router)
    errors.install(app, counted)
    app.add_middleware(BodyLimitMiddleware, limit=settings.body_max_bytes, metrics=counted)
    app.add_middleware(RequestContextMiddleware, metrics=counted)
    return app


def _state(
    settings: Settings, guard: MappingGuard, counted: Metrics, client: ModelGateway
) -> State:
    switch = ModeSwitch(settings.mode, counted)
    rules = RulesAnswerer(guard)
    # Validators and indexes are built at first use; better now than in someone's budget.
    rules.answer(Item("warm-up", "hate"), FallbackReason.RULES_ONLY)
    canary = Canary(
        client,
        switch,
        interval_s=settings.canary_interval_s,
        timeout_s=settings.canary_timeout_s,
        max_age_s=settings.canary_max_age_s,
        on_answer=lambda decision: counted.set_build(meta.SERVICE_VERSION, decision.versions),
    )
    limits = Limits(item_s=settings.budget_ms / 1000, chunk=settings.batch_chunk)
    return State(
        settings=settings,
        guard=guard,
        metrics=counted,
        switch=switch,
        service=MapperService(client, rules, switch, counted, limits, canary.doubt),
        canary=canary,
        started=time.monotonic(),
    )
