"""The one settings object of the facade process, read once from `MAPPER_*` variables.

It has names, defaults and bounds; the code that uses a setting documents its effect.
`docs/configuration.md` has a table made from it.
"""

import difflib
import ipaddress
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from limits import RateLimitItem
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from client_api.access.addresses import is_loopback
from client_api.access.rate_limits import parse_limit
from client_api.events.settings import EventSettings
from client_api.review.settings import ReviewSettings
from pipeline.detector_series import DEFAULT_MOST
from schemas.contract import Mode, OnTimeout, RawContent


def _split(value: object) -> object:
    """`a, b` as a list; other values than texts are returned unchanged."""
    if not isinstance(value, str):
        return value
    return [part for part in (text.strip() for text in value.split(",")) if part]


def _is_limit(text: str) -> str:
    parse_limit(text)
    return text


Port = Annotated[int, Field(ge=1, le=65535)]
Milliseconds = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
RateLimit = Annotated[str, AfterValidator(_is_limit)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_LIMITS = {"key": "6000/minute", "tenant": "off", "address": "1200/minute"}


class LogLevel(StrEnum):
    """The lowest level of log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


_CONFIG = SettingsConfigDict(
    env_prefix="MAPPER_",
    env_ignore_empty=True,
    frozen=True,
    extra="ignore",
    # A URL may hold a password.
    hide_input_in_errors=True,
)


#: Names with the same prefix that the facade does not read: the model's, and those of a caller's
#: shell, which the command `mapper` reads.
_OTHER_NAMES = (
    *("THREADS", "DEVICE", "MAX_INPUT_TOKENS", "MAX_NEW_TOKENS", "CACHE_ENTRIES"),
    *("KEY", "TENANT", "URL"),
)


class RepositorySettings(BaseSettings):
    """The settings of the commands about versions, without the facade's HTTP settings."""

    model_config = _CONFIG

    model_repository: Path = Field(
        default=Path("model_repository"),
        description="`serve`, `versions`, `promote`, `rollback`: folder of the models",
    )


class Settings(RepositorySettings, ReviewSettings, EventSettings):
    """Every field is an environment variable with the prefix `MAPPER_`; an empty one is unset."""

    model_config = _CONFIG

    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; beyond loopback it needs `MAPPER_KEYS_FILE`",
    )
    port: Port = Field(default=8080, description="port to listen on")
    log_level: LogLevel = Field(
        default=LogLevel.INFO, description="level of the JSON lines on standard error"
    )
    log_labels: bool = Field(
        default=False,
        description="add labels, confidence and taxonomy version to log lines of mapping requests",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="receiver of spans, such as `http://collector:4318/v1/traces`; unset: none",
    )

    uncurated_series: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=DEFAULT_MOST,
        description="most detectors without a file that have their own series in metrics, the "
        "first with 100 items; Triton's guard reads it too",
    )

    trust_tracestate: bool = Field(
        default=False, description="copy a caller's `tracestate` to spans and to Triton"
    )

    mode: Mode = Field(default=Mode.HYBRID, description="`rules_only`: the model is not called")
    mode_state_file: Path | None = Field(
        default=Path("build/mode.json"),
        description="file that keeps the mode of `PUT /admin/mode` across restarts",
    )
    raw_content: RawContent = Field(
        default=RawContent.ACCEPT,
        description="`refuse`: outputs that quote much content get 422",
    )
    policies_file: Path | None = Field(
        default=None,
        description="YAML file of settings per tenant and detector; Triton's guard reads it too",
    )

    detectors_dir: Path | None = Field(
        default=None,
        description="folder of your own detector files; Triton's steps read it too",
    )
    views_dir: Path | None = Field(
        default=None,
        description="folder of your own views, for `?taxonomy=`; Triton's steps read it too",
    )
    keys_file: Path | None = Field(
        default=None, description="API keys, made by `python -m client_api keys`; unset: no keys"
    )
    allow_open: bool = Field(
        default=False, description="allow listening beyond loopback without keys"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="values of `Host` for pages and admin, and without keys for "
        "everything but `/health*`, besides addresses; `*`: any",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(), description="networks whose `X-Forwarded-For` is trusted"
    )

    rate_limit_key: RateLimit | None = Field(
        default=None,
        description=f"items that a key may send, or `off`; unset: {_DEFAULT_LIMITS['key']}, "
        "on loopback off",
    )
    rate_limit_tenant: RateLimit | None = Field(
        default=None, description="items that all keys of a tenant may send together; unset: off"
    )
    rate_limit_address: RateLimit | None = Field(
        default=None,
        description="items and wrong keys that an address without a key may send; unset: "
        f"{_DEFAULT_LIMITS['address']}, on loopback off",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis of limits and idempotent answers that pods share; unset: per process",
    )
    redis_timeout_ms: Milliseconds = Field(
        default=50.0, description="longest wait for Redis; then requests continue without it"
    )
    idempotency_ttl_s: Seconds = Field(
        default=86_400.0,
        description="time in which an answer is replayed for its `Idempotency-Key`",
    )
    idempotency_max_bytes: Count = Field(
        default=64 * 1024 * 1024, description="limit of the stored answers in this process"
    )

    triton_url: str = Field(default="127.0.0.1:8001", description="gRPC address of Triton")
    triton_model: str = Field(default="mapper", description="the ensemble's name")

    budget_ms: Milliseconds = Field(default=240.0, description="limit for an item in total")
    batch_budget_ms: Milliseconds = Field(default=20_000.0, description="limit for a batch")
    budget_margin_ms: Milliseconds = Field(
        default=15.0, description="reserved from the model's budget for the steps after it"
    )
    fallback_reserve_ms: Milliseconds = Field(
        default=10.0, description="reserved from the gRPC deadline for the rules' answer"
    )
    on_timeout: OnTimeout = Field(
        default=OnTimeout.RULES,
        description="if the model is late: `rules` answer, or `error` with 408",
    )
    batch_chunk: Count = Field(default=8, description="most items of a batch per call of Triton")
    permit_hold_ms: Milliseconds = Field(
        default=1000.0, description="longest time that an abandoned call keeps its permit"
    )
    item_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        default=32 * 1024 * 1024,
        description="memory for the model's answers to whole items; 0: none are stored",
    )
    circuit_failures: Count = Field(
        default=5, description="consecutive failed calls that open the circuit to the model"
    )

    item_max_bytes: Count = Field(
        default=64 * 1024, description="output and metadata of one item, UTF-8"
    )
    batch_max_bytes: Count = Field(
        default=8 * 1024 * 1024, description="body of a batch, streamed or not"
    )
    inflight_max: Count = Field(default=100, description="mapping requests in flight; more get 503")
    inflight_max_bytes: Count = Field(
        default=128 * 1024 * 1024,
        description="all bodies in memory, raw and parsed; more get 503",
    )
    max_connections: Count = Field(
        default=1000, description="open connections of all callers; more get 503"
    )
    max_connections_per_address: Count = Field(
        default=256,
        description="open connections of an address that is not a trusted proxy; more get 429",
    )
    head_timeout_s: Seconds = Field(
        default=10.0, description="limit for a request line and its headers; then 408"
    )
    body_timeout_s: Seconds = Field(default=30.0, description="limit for a body; then 408")

    canary_interval_s: Seconds = Field(default=10.0, description="time between canary mappings")
    canary_timeout_s: Seconds = Field(default=5.0, description="limit for a canary mapping")
    canary_max_age_s: Seconds = Field(
        default=30.0,
        description="age of the last canary answer from which the model counts as lost",
    )
    startup_grace_s: Seconds = Field(
        default=60.0, description="time after which the facade is ready with the rules alone"
    )

    drain_delay_s: Annotated[float, Field(ge=0)] = Field(
        default=1.0,
        description="time after SIGTERM in which new requests are accepted while readiness fails",
    )

    # `python -m client_api serve` only: the Triton it starts itself.
    watchdog_patience_s: Seconds = Field(
        default=10.0, description="`serve` only: Triton is restarted if canaries fail for longer"
    )
    triton_http_port: Port = Field(default=8000, description="`serve` only")
    triton_grpc_port: Port = Field(default=8001, description="`serve` only")
    triton_metrics_port: Port = Field(default=8002, description="`serve` only")
    triton_start_timeout_s: Seconds = Field(default=120.0, description="`serve` only")
    triton_log: Path = Field(
        default=Path("build/triton.log"), description="`serve` only: Triton's own output"
    )

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        if not (is_loopback(self.host) or self.keys_file or self.allow_open):
            raise ValueError(
                "listening beyond loopback lets anyone in: set MAPPER_KEYS_FILE, or "
                "MAPPER_ALLOW_OPEN=true if something in front keeps strangers out"
            )
        if self.review_dir is not None and self.review_dir == self.detectors_dir:
            raise ValueError(
                "MAPPER_REVIEW_DIR must not be MAPPER_DETECTORS_DIR: the queue writes its folder"
            )
        return self

    @property
    def single_max_bytes(self) -> int:
        """The largest body of `/map` in bytes: an item with every byte written as a JSON escape."""
        return 6 * self.item_max_bytes + 16 * 1024

    def rate_limit(self, kind: str) -> RateLimitItem | None:
        """The limit of a `key`, a `tenant` or an `address`; None for none."""
        said: str | None = getattr(self, f"rate_limit_{kind}")
        if said is None:
            said = "off" if is_loopback(self.host) else _DEFAULT_LIMITS[kind]
        return parse_limit(said)


def unknown_names(environment: Iterable[str]) -> list[str]:
    """The errors of the `MAPPER_*` names of an environment, one sentence per name.

    Without this check a misspelt setting would be ignored.
    """
    known = [f"MAPPER_{name.upper()}" for name in (*Settings.model_fields, *_OTHER_NAMES)]
    wrong = sorted(n for n in environment if n.startswith("MAPPER_") and n not in known)
    near = {name: difflib.get_close_matches(name, known, n=1) for name in wrong}
    return [
        f"{name} is not a setting; "
        + (f"did you mean {near[name][0]}?" if near[name] else "docs/configuration.md lists them")
        for name in wrong
    ]
