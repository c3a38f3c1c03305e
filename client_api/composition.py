"""Makes the objects of one process from its settings; `app.py` adds middleware and routes.

In: the settings. Out: keys, policies, kill switch, limits and kept answers; then the mapping
service, the canary and the other objects that handlers share.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from client_api.access.idempotency import Idempotency
from client_api.access.idempotency_stores import MemoryStore, RedisStore
from client_api.access.keys import KeyStore
from client_api.access.rate_limits import RateLimits
from client_api.access.redis import SharedRedis
from client_api.http.admission import Admission
from client_api.http.auth import RateLimiter
from client_api.http.routes import info
from client_api.http.state import State
from client_api.http.stored import StoredAnswer
from client_api.mapping.cpu_share import CpuShare
from client_api.mapping.drafting import Drafter
from client_api.mapping.gateway import Item
from client_api.mapping.kill_switch import ModeSwitch
from client_api.mapping.service import Budgets, MapperService, answer_by_rules, measure_rules
from client_api.settings import Settings
from client_api.telemetry.metrics import Metrics
from client_api.telemetry.shadow_counts import ShadowCounts
from client_api.upstream.canary import Canary
from client_api.upstream.circuit import CircuitBreaker
from client_api.upstream.item_cache import ItemCache
from client_api.upstream.permits import Permits
from client_api.upstream.protected import ProtectedGateway
from client_api.upstream.shadow import CandidateModel, ShadowTraffic
from fallback.decision.decision import load_guard
from fallback.drafts.files import DetectorFiles
from pipeline.tenants import TenantPipelines
from schemas.config.errors import ConfigError
from schemas.contract import CircuitState, FallbackReason, SharedUse
from schemas.policies import PolicyFile
from schemas.taxonomy import Vocabulary
from schemas.views import Views

if TYPE_CHECKING:
    from client_api.events.evaluations import Evaluations
    from client_api.events.sink import EventSink, EventStore
    from client_api.review.desk import ReviewDesk

_log = structlog.get_logger()


class AccessParts:
    """Keys, policies, the kill switch, limits and kept answers, made once per process.

    Raises ConfigError for a bad file, since there is no earlier version of it.
    """

    def __init__(self, settings: Settings, pipelines: TenantPipelines, metrics: Metrics) -> None:
        """pipelines: resolve the detector names in the files."""
        self._pipelines = pipelines
        self._redis = (
            SharedRedis(settings.redis_url.get_secret_value(), settings.redis_timeout_ms / 1000)
            if settings.redis_url
            else None
        )
        self.keys = KeyStore(settings.keys_file, listener("keys")) if settings.keys_file else None
        self.policies = PolicyFile(
            settings.policies_file, pipelines.canonical, listener("policies")
        )
        self.views = Views(pipelines.of().guard.taxonomy, settings.views_dir, listener("views"))
        self.switch = ModeSwitch(settings.mode, self.policies, settings.mode_state_file)
        self.limits = RateLimits(
            key=settings.rate_limit("key"),
            tenant=settings.rate_limit("tenant"),
            address=settings.rate_limit("address"),
            shared=self._redis,
            on_outage=lambda: metrics.outage(SharedUse.RATE_LIMITS),
        )
        ttl_s = settings.idempotency_ttl_s
        self.idempotency = Idempotency(
            RedisStore(self._redis, ttl_s)
            if self._redis
            else MemoryStore(ttl_s, settings.idempotency_max_bytes),
            on_outage=lambda: metrics.outage(SharedUse.IDEMPOTENCY),
        )

    def problems(self) -> list[str]:
        """The files that are in use in an earlier version; the log has their errors."""
        files = {
            "keys": self.keys,
            "policies": self.policies,
            "detectors": self._pipelines,
            "views": self.views,
        }
        return [
            f"the file of {name} is not valid: its last valid version stays in use; see the log"
            for name, file in files.items()
            if file and file.problem
        ]

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis:
            await self._redis.aclose()


def detector_folders(settings: Settings) -> list[Path]:
    """The folders of detector files; the last is the review queue's, created if it is missing."""
    if settings.review_dir:
        settings.review_dir.mkdir(parents=True, exist_ok=True)
    return [folder for folder in (settings.detectors_dir, settings.review_dir) if folder]


def make_review(
    settings: Settings, pipelines: TenantPipelines, metrics: Metrics
) -> "ReviewDesk | None":
    """The review queue, not started; None without one. Raises ConfigError for a bad URL."""
    folder = settings.review_dir
    if folder is None:
        return None
    from client_api.review.desk import ReviewDesk

    url, hook = settings.review_url, settings.review_webhook
    try:
        return ReviewDesk(
            folder,
            url.get_secret_value() if url else f"sqlite:///{folder.resolve() / 'review.db'}",
            pipelines,
            keep_names=settings.review_names,
            retention_days=settings.review_retention_days,
            webhook=hook.get_secret_value() if hook else None,
            webhook_rate=settings.review_webhook_rate,
            on_dropped=lambda count: metrics.dropped("review", count),
        )
    except ValueError as error:
        raise ConfigError(Path("MAPPER_REVIEW_URL"), "(setting)", str(error)) from None


def make_evaluations(settings: Settings, pipelines: TenantPipelines) -> "Evaluations | None":
    """The sender of answers to a collector; None without one."""
    if (endpoint := settings.otlp_logs_endpoint) is None:
        return None
    from client_api.events.evaluations import Evaluations

    return Evaluations(endpoint, pipelines.known)


def make_events(
    settings: Settings, pipelines: TenantPipelines, metrics: Metrics
) -> "EventSink | None":
    """The event sink, not started; None without one. Raises ConfigError if it cannot be made."""
    if settings.events_dir is None and settings.events_url is None:
        return None
    from client_api.events.sink import EventSink
    from client_api.review.words import StoreError

    try:
        if settings.events_url:
            from client_api.events.database import DatabaseStore

            store: EventStore = DatabaseStore(settings.events_url.get_secret_value())
        else:
            from client_api.events.parquet import ParquetStore

            assert settings.events_dir is not None
            store = ParquetStore(settings.events_dir)
    except (ValueError, StoreError) as error:
        name = "MAPPER_EVENTS_URL" if settings.events_url else "MAPPER_EVENTS_DIR"
        raise ConfigError(Path(name), "(setting)", str(error)) from None
    except ModuleNotFoundError as missing:
        problem = f"needs {missing.name}; `make .venv/.events` installs it"
        raise ConfigError(Path("MAPPER_EVENTS_DIR"), "(setting)", problem) from None
    return EventSink(
        store,
        pipelines.known,
        retention_days=settings.events_retention_days,
        on_dropped=lambda count: metrics.dropped("events", count),
    )


def make_state(
    settings: Settings,
    pipelines: TenantPipelines,
    metrics: Metrics,
    access: AccessParts,
    limiter: RateLimiter,
    client: ItemCache,
    candidate: CandidateModel,
    review: "ReviewDesk | None",
    events: "EventSink | None",
    evaluations: "Evaluations | None",
    stored: Mapping[str, StoredAnswer],
) -> State:
    """What handlers share; call it inside the event loop. client: of Triton; candidate: that a
    shadow asks; stored: answers made once.
    """
    # Validators and indexes are built at first use; build them before a request needs them.
    for output in ("hate", '{"categories": {"hate": true}, "scores": {"hate": 0.9}}'):
        answer_by_rules(pipelines, Item("warm-up", output), FallbackReason.RULES_ONLY)

    def on_circuit(circuit: CircuitState) -> None:
        metrics.set_circuit(circuit)
        if circuit is CircuitState.OPEN:
            client.forget_versions()
            canary.doubt()

    breaker = CircuitBreaker(settings.circuit_failures, on_circuit)
    canary = Canary(
        client,
        access.switch,
        breaker,
        interval_s=settings.canary_interval_s,
        timeout_s=settings.canary_timeout_s,
        max_age_s=settings.canary_max_age_s,
        on_answer=lambda decision: metrics.set_build(info.SERVICE_VERSION, decision.versions),
    )
    item_s = settings.budget_ms / 1000
    permits = Permits(
        settings.permit_hold_ms / 1000, in_order=not settings.triton_url.startswith("dns:")
    )
    protected = ProtectedGateway(client, breaker, permits, usual_s=item_s)
    compared = ShadowCounts(metrics.label)
    shadow = ShadowTraffic(
        settings.model_repository, candidate, pipelines, lambda: permits.busy, compared
    )
    budgets = Budgets(
        item_s=item_s,
        reserve_s=settings.fallback_reserve_ms / 1000,
        chunk=settings.batch_chunk,
        rules_s_per_byte=measure_rules(pipelines),
        on_timeout=settings.on_timeout,
    )

    def problems() -> list[str]:
        found = (review.problem if review else None, events.problem if events else None)
        return access.problems() + [problem for problem in found if problem]

    service = MapperService(
        protected,
        client.get,
        pipelines,
        access.switch,
        metrics,
        budgets,
        # If the model shares the cores, nearly all of them are for it.
        CpuShare(len(os.sched_getaffinity(0)) / 16),
        records=[one.record for one in (review, events, evaluations) if one],
        compare=shadow.offer,
    )
    ours = load_guard()
    return State(
        settings=settings,
        pipelines=pipelines,
        views=access.views,
        metrics=metrics,
        switch=access.switch,
        service=service,
        drafter=Drafter(service, pipelines),
        files=DetectorFiles(
            settings.detectors_dir,
            ours.rules,
            lambda: Vocabulary(ours.taxonomy, access.views.own_labels),
            over=[settings.review_dir] if settings.review_dir else (),
        ),
        canary=canary,
        shadow=shadow,
        compared=compared,
        admission=Admission(
            access.policies, settings, lambda name: pipelines.resolve(name) is not None
        ),
        limiter=limiter,
        idempotency=access.idempotency,
        review=review,
        config_problems=problems,
        stored=stored,
        started=time.monotonic(),
    )


def listener(name: str) -> Callable[[ConfigError | None], None]:
    """Logs each change of a file or folder of that name."""

    def on_change(problem: ConfigError | None) -> None:
        if problem is None:
            _log.info("a file was read again", file=name)
        else:
            _log.error(
                "a file is not valid; its last valid version stays in use",
                file=name,
                path=str(problem.path),
                line=problem.line,
                key=problem.key,
                problem=problem.problem,
            )

    return on_change
