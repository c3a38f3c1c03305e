"""Validates canonical events and model candidates, and makes the schema of a model's output.

In: parsed JSON. Out: a list of problems, empty for valid JSON. The shape comes from
`canonical_event.schema.json`, the labels from the taxonomy.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.taxonomy import Taxonomy, load_taxonomy
from schemas.validation import Validator, compile_schema, shape_errors

SCHEMA_PATH: Final = Path(__file__).with_name("canonical_event.schema.json")
MAX_NOTES: Final = 500
"""Characters of an event's `notes`, at most."""
MAX_CANDIDATE_LABELS: Final = 3
"""Labels that a model may give one signal, at most."""


def event_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """The canonical event's JSON Schema (2020-12) with every label of `taxonomy` in it."""
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    schema["$defs"]["label"]["enum"] = list(taxonomy.names)
    return schema


def render_schema(schema: dict[str, Any]) -> str:
    """`schema` as the text of the published file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def decoding_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """The JSON Schema of a model's output, for constrained decoding.

    An object with `taxonomy` only: 1 to `MAX_CANDIDATE_LABELS` labels. `candidate_errors` checks
    that they differ, which a grammar cannot express.
    """
    return _candidate_schema({"enum": list(taxonomy.names)})


def event_errors(event: object) -> list[str]:
    """The problems of `event` as a canonical event, as `place: problem`; empty if valid.

    Checks the JSON Schema, that every label is in the taxonomy, and that every label is scored.
    """
    errors = shape_errors(_event_validator(), event)
    if errors or not isinstance(event, dict):
        return errors
    labels, scores = event["taxonomy"], event["scores"]
    return [
        *_unknown_labels("taxonomy", labels),
        *_unknown_labels("scores", scores),
        *(f"scores: no score for {name!r}" for name in labels if name not in scores),
    ]


def candidate_errors(candidate: object) -> list[str]:
    """The problems of a model's `{"taxonomy": [...]}`; empty if valid.

    Shape first; labels that the taxonomy lacks are named only when the shape is right.
    """
    errors = shape_errors(_candidate_validator(), candidate)
    if errors or not isinstance(candidate, dict):
        return errors
    return list(_unknown_labels("taxonomy", candidate["taxonomy"]))


def _candidate_schema(label: dict[str, Any]) -> dict[str, Any]:
    labels = {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_CANDIDATE_LABELS}
    return {
        "type": "object",
        "properties": {"taxonomy": labels},
        "required": ["taxonomy"],
        "additionalProperties": False,
    }


def _unknown_labels(place: str, names: Iterable[str]) -> Iterator[str]:
    taxonomy = load_taxonomy()
    return (f"{place}: unknown label {name!r}" for name in names if name not in taxonomy)


# The compiled schemas take any text for a label: the taxonomy answers membership faster than an
# enum of all labels, and with a message that does not list every one of them.


@cache
def _event_validator() -> Validator:
    schema = event_schema(load_taxonomy())
    schema["$defs"]["label"] = {"type": "string"}
    return compile_schema(schema)


@cache
def _candidate_validator() -> Validator:
    schema = _candidate_schema({"type": "string"})
    schema["properties"]["taxonomy"]["uniqueItems"] = True
    return compile_schema(schema)
