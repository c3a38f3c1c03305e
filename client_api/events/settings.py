"""The settings of the event sink, a part of the one settings object."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class EventSettings(BaseSettings):
    """As `client_api.settings.Settings`, of which it is a part."""

    events_dir: Path | None = Field(
        default=None,
        description="folder of Parquet files to which each answer's canonical event is appended; "
        "needs polars (`make .venv/.events`); unset: none",
    )
    events_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL to which they are appended instead, such as "
        "`postgresql://USER:PASSWORD@HOST/DATABASE`",
    )
    events_retention_days: Annotated[float, Field(gt=0)] = Field(
        default=190.0, description="older events are deleted; the default is over six months"
    )

    otlp_logs_endpoint: str | None = Field(
        default=None,
        description="receiver of an event `gen_ai.evaluation.result` per answer, such as "
        "`http://collector:4318/v1/logs`; unset: none",
    )

    @model_validator(mode="after")
    def _has_one_sink(self) -> Self:
        if self.events_dir is not None and self.events_url is not None:
            raise ValueError("set MAPPER_EVENTS_DIR or MAPPER_EVENTS_URL: there is one sink")
        return self
