"""The bodies of the REST facade, as pydantic models: what FastAPI validates and documents.

Pydantic's messages, unlike those of JSON Schema validators, do not quote what the client sent.
"""

from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from client_api.mapping.gateway import Item
from schemas.contract import ErrorCode, FallbackReason, Mode, Source

MAX_BATCH = 100
#: Of one item's output and of its metadata. What detectors say has a few levels and, with every
#: span of a long text, some thousand values.
MAX_DEPTH = 32
MAX_VALUES = 10_000


def shape_problem(value: object) -> str | None:
    """Which limit on nested JSON a value breaks; None when it keeps them all."""
    level, values = [value], 0
    for _ in range(MAX_DEPTH + 1):
        nested: list[object] = []
        for node in level:
            if isinstance(node, dict):
                nested.extend(node.values())
            elif isinstance(node, list):
                nested.extend(node)
        values += len(nested)
        if values > MAX_VALUES:
            return f"at most {MAX_VALUES} values"
        if not nested:
            return None
        level = nested
    return f"at most {MAX_DEPTH} levels"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class MapRequest(_Closed):
    """One detector output to map."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"detector": "openai-moderation", "output": "hate/threatening"}]
        }
    )

    detector: Annotated[str, Field(min_length=1, max_length=200, pattern=r"[^\s\x1c-\x1f]")]
    output: str | dict[str, JsonValue] | list[JsonValue]
    tenant_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    metadata: dict[str, JsonValue] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None

    @field_validator("output", "metadata", mode="before")
    @classmethod
    def _is_of_modest_shape(cls, value: object) -> object:
        # Before pydantic walks it, and again for everyone who walks it later.
        if problem := shape_problem(value):
            raise PydanticCustomError("shape", "Input should have {limit}", {"limit": problem})
        return value

    @field_validator("output", mode="before")
    @classmethod
    def _output_is_text_or_json(cls, output: object) -> object:
        # One message instead of one for each member of the union.
        if not isinstance(output, str | dict | list):
            raise PydanticCustomError("output", "Input should be a string, an object or an array")
        return output

    def item(self) -> Item:
        """What the model and the rules see of it."""
        output = self.output
        return Item(
            detector=self.detector,
            output=output if isinstance(output, str) else orjson.dumps(output).decode(),
            metadata=orjson.dumps(self.metadata).decode() if self.metadata else "",
            threshold=self.threshold,
        )


class BatchRequest(_Closed):
    """Up to 100 outputs; each is checked on its own, as a bad one never fails the others."""

    requests: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]


class ModeBody(_Closed):
    """The mode in force."""

    mode: Annotated[Mode, Field(strict=False)]


class Provenance(_Closed):
    detector: str
    model: str
    route: Source
    tenant_id: str | None
    ts: str


class PolicyContext(_Closed):
    frameworks: dict[str, list[str]]


class VersionInfo(_Closed):
    taxonomy: str
    frameworks: str
    rules: str
    model: str


class MapResponse(_Closed):
    """The canonical event and its origin; `signals` and `reading` only with `?explain=true`."""

    taxonomy: Annotated[list[str], Field(min_length=1)]
    scores: dict[str, float]
    confidence: Annotated[float, Field(ge=0, le=1)]
    notes: Annotated[str, Field(max_length=500)]
    provenance: Provenance
    policy_context: PolicyContext
    version_info: VersionInfo
    label_confidence: dict[str, float]
    source: Source
    fallback_reason: FallbackReason | None
    signals: list[dict[str, Any]] | None = None
    reading: dict[str, Any] | None = None


class BatchError(_Closed):
    """Why the item at `index` has no result."""

    index: int
    error_code: ErrorCode
    message: str
    retryable: bool


class BatchResponse(_Closed):
    """`results` in the order of the requests; null where `errors` says why."""

    results: list[MapResponse | None]
    errors: list[BatchError]


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error_code: ErrorCode
    request_id: str
    retryable: bool
    trace_id: str | None = None
