"""The request bodies of the REST facade as pydantic models; FastAPI validates and documents them.

Pydantic's messages, unlike those of JSON Schema validators, do not quote the client's input.
"""

from typing import Annotated, Any, Final

import orjson
from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from client_api.http.interface.answers import Closed
from client_api.mapping.gateway import Item

MAX_BATCH = 100
#: Limits of one item's output and of its metadata. Detectors' outputs have a few levels and, with
#: every span of a long text, some thousand values.
MAX_DEPTH = 32
MAX_VALUES = 10_000
#: The keys of `metadata`. Hints of a wrong shape are ignored; an unknown key is refused.
HINTS: Final = ("contributing_detectors", "normalized_scores", "kind")


def shape_problem(value: object) -> str | None:
    """The limit on nested JSON that a value exceeds; None when it exceeds none."""
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


DetectorName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"[^\s\x1c-\x1f]",
        description="the detector's name; GET /detectors lists those with a vocabulary",
    ),
]


class MapRequest(Closed):
    """One detector output to map."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"detector": "openai-moderation", "output": "hate/threatening"}]
        }
    )

    detector: DetectorName
    output: Annotated[
        str | dict[str, JsonValue] | list[JsonValue],
        Field(description="the detector's unchanged result: a label, a verdict, or JSON"),
    ]
    tenant_id: Annotated[
        str | None, Field(min_length=1, max_length=200, description="must be the key's own tenant")
    ] = None
    metadata: Annotated[
        dict[str, JsonValue] | None,
        WithJsonSchema(
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {name: {} for name in HINTS},
                        "additionalProperties": False,
                    },
                    {"type": "null"},
                ],
                "description": f"hints: {', '.join(f'`{name}`' for name in HINTS)}",
            }
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Field(ge=0, le=1, description="lowest confidence at which the model's answer is used"),
    ] = None

    @field_validator("output", "metadata", mode="before")
    @classmethod
    def _is_of_modest_shape(cls, value: object) -> object:
        # Checked before pydantic and all later code walk the value.
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
        """The item as the model and the rules get it."""
        output = self.output
        return Item(
            detector=self.detector,
            output=output if isinstance(output, str) else orjson.dumps(output).decode(),
            metadata=orjson.dumps(self.metadata).decode() if self.metadata else "",
            threshold=self.threshold,
        )


#: Documented as an item, and kept as it was sent: each item is validated on its own.
_AsSent = Annotated[Any, PlainValidator(lambda item: item, json_schema_input_type=MapRequest)]


class BatchRequest(Closed):
    """Up to 100 outputs. Each is validated separately: an invalid one does not fail the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "requests": [
                        {"detector": "presidio", "output": "US_SSN"},
                        {"detector": "llama-guard-3", "output": "unsafe\nS10"},
                    ]
                }
            ]
        }
    )

    requests: Annotated[list[_AsSent], Field(min_length=1, max_length=MAX_BATCH)]
