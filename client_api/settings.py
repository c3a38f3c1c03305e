"""The one settings object of the facade process, read once from `MAPPER_*` variables.

Knows names, defaults and bounds; what they do is said where they are used.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.contract import Mode

Port = Annotated[int, Field(ge=1, le=65535)]
Milliseconds = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Every field is an environment variable with the prefix `MAPPER_`."""

    model_config = SettingsConfigDict(env_prefix="MAPPER_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Port = 8080
    mode: Mode = Mode.HYBRID
    log_level: str = "info"

    triton_url: str = Field(default="127.0.0.1:8001", description="gRPC address of Triton")
    triton_model: str = "mapper"

    budget_ms: Milliseconds = Field(default=240.0, description="what an item may take, all told")
    batch_budget_ms: Milliseconds = Field(
        default=20_000.0, description="what a batch may take at most"
    )
    budget_cap_ms: Milliseconds = Field(
        default=20_000.0, description="how far X-Budget-Ms may raise it"
    )
    budget_margin_ms: Milliseconds = Field(
        default=15.0, description="kept from the model's budget for the steps after it"
    )
    batch_chunk: Count = Field(default=4, description="items of a batch sent to Triton together")

    item_max_bytes: Count = Field(
        default=64 * 1024, description="output and metadata of one item, UTF-8"
    )
    body_max_bytes: Count = Field(
        default=16 * 1024 * 1024, description="a request body, streamed or not"
    )

    canary_interval_s: Seconds = 10.0
    canary_timeout_s: Seconds = 5.0
    canary_max_age_s: Seconds = Field(
        default=30.0, description="older, and the model counts as lost"
    )
    startup_grace_s: Seconds = Field(
        default=60.0, description="after this the facade is ready by rules alone"
    )

    # `python -m client_api serve` only: the Triton it starts itself.
    model_repository: Path = Path("model_repository")
    triton_http_port: Port = 8000
    triton_grpc_port: Port = 8001
    triton_metrics_port: Port = 8002
    triton_start_timeout_s: Seconds = 120.0
    triton_log: Path = Path("build/triton.log")
