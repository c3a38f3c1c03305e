"""What admits requests in one process: keys, policies, the kill switch, limits, kept answers.

In: the settings. Out: these parts, and what is wrong with their files. Knows no requests.
"""

from collections.abc import Callable

import structlog

from client_api.access.idempotency import Idempotency
from client_api.access.idempotency_stores import MemoryStore, RedisStore
from client_api.access.keys import KeyStore
from client_api.access.rate_limits import RateLimits
from client_api.access.redis import SharedRedis
from client_api.mapping.kill_switch import ModeSwitch
from client_api.settings import Settings
from client_api.telemetry.metrics import Metrics
from schemas.config.errors import ConfigError
from schemas.contract import SharedUse
from schemas.policies import Canonical, PolicyFile

_log = structlog.get_logger()


class Guarding:
    """Made once a process. Raises ConfigError when a file is bad: there is no earlier version."""

    def __init__(self, settings: Settings, canonical: Canonical, metrics: Metrics) -> None:
        """canonical: makes names of detectors comparable."""
        self._redis = (
            SharedRedis(settings.redis_url.get_secret_value(), settings.redis_timeout_ms / 1000)
            if settings.redis_url
            else None
        )
        self.keys = KeyStore(settings.keys_file, _listener("keys")) if settings.keys_file else None
        self.policies = PolicyFile(settings.policies_file, canonical, _listener("policies"))
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
        """Which files are served in an earlier version; the log says what is wrong with them."""
        files = {"keys": self.keys, "policies": self.policies}
        return [
            f"the file of {name} is not valid: its last good version is in force; see the log"
            for name, file in files.items()
            if file and file.problem
        ]

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis:
            await self._redis.aclose()


def _listener(name: str) -> Callable[[ConfigError | None], None]:
    def on_change(problem: ConfigError | None) -> None:
        if problem is None:
            _log.info("a file was read again", file=name)
        else:
            _log.error(
                "a file is not valid; its last good version stays in force",
                file=name,
                path=str(problem.path),
                line=problem.line,
                key=problem.key,
                problem=problem.problem,
            )

    return on_change
