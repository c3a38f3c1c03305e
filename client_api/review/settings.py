"""The settings of the review queue, a part of the one settings object."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class ReviewSettings(BaseSettings):
    """As `client_api.settings.Settings`, of which it is a part."""

    review_dir: Path | None = Field(
        default=None,
        description="folder of the review queue: its decisions as detector files, which Triton's "
        "steps read as well, and its SQLite database; unset: no queue",
    )
    review_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL database of a queue that replicas share, such as "
        "`postgresql://USER:PASSWORD@HOST/DATABASE`; unset: SQLite in the folder",
    )
    review_names: bool = Field(
        default=False,
        description="store words and unknown detector names that look like names; else digests",
    )
    review_retention_days: Annotated[float, Field(gt=0)] = Field(
        default=90.0, description="undecided words that were not sent for longer are deleted"
    )
    review_webhook: SecretStr | None = Field(
        default=None, description='address for `{"text": …}` about new words; unset: none'
    )
    review_webhook_rate: Annotated[int, Field(ge=1)] = Field(
        default=10, description="items per minute from which a new word is reported"
    )

    @model_validator(mode="after")
    def _has_a_review_folder(self) -> Self:
        if self.review_dir is None and (self.review_url or self.review_webhook):
            raise ValueError("MAPPER_REVIEW_URL and MAPPER_REVIEW_WEBHOOK need MAPPER_REVIEW_DIR")
        return self
