"""Validates what callers send, and reads the JSON tensors OPTIONS and METADATA.

In: parsed bodies, or the raw text of a tensor. Out: a list of what is wrong, or `Options` and
`Metadata`. Knows nothing of HTTP or Triton. Shapes come from `requests.schema.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.contract import Mode
from schemas.validation import Validator, compile_schema, is_number, shape_errors

SCHEMA_PATH: Final = Path(__file__).with_name("requests.schema.json")


@dataclass(frozen=True, slots=True)
class Options:
    """How one item is to be answered; None where the caller leaves it to the service.

    `budget_ms` is what is left for the item in milliseconds, >= 0; `threshold` is 0..1.
    """

    budget_ms: float | None = None
    threshold: float | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Hints about one item.

    `contributing_detectors`: whose vocabularies to try for a joined output. `normalized_scores`:
    scores of 0..1 by the name they have in the output.
    """

    contributing_detectors: tuple[str, ...] = ()
    normalized_scores: Mapping[str, float] = field(default_factory=dict)


def map_request_errors(body: object) -> list[str]:
    """What is wrong with the body of `POST /map`, as `place: problem`; empty if nothing."""
    return shape_errors(_validator("map"), body)


def batch_request_errors(body: object) -> list[str]:
    """What is wrong with a `POST /map/batch` body as a whole; its items are not looked into."""
    return shape_errors(_validator("batch"), body)


def parse_options(text: bytes | str | None) -> Options:
    """The OPTIONS tensor; absent or blank means no options.

    Raises ValueError, saying what is wrong, for anything but a JSON object of known keys with
    values of the right shape. A null is the same as the key left out.
    """
    data = _parse_object("OPTIONS", text)
    if errors := shape_errors(_validator("options"), data):
        raise ValueError(f"OPTIONS: {'; '.join(errors)}")
    budget, threshold, mode = (data.get(key) for key in ("budget_ms", "threshold", "mode"))
    return Options(
        budget_ms=None if budget is None else float(budget),
        threshold=None if threshold is None else float(threshold),
        mode=None if mode is None else Mode(mode),
    )


def parse_metadata(text: bytes | str | None) -> Metadata:
    """The METADATA tensor; absent or blank means no hints.

    Hints never refuse an item: keys that are not known and values of the wrong shape are left
    out. Raises ValueError only when the text is not a JSON object.
    """
    return read_metadata(_parse_object("METADATA", text))


def read_metadata(data: Mapping[str, object]) -> Metadata:
    """`parse_metadata` for an object that is parsed already, such as a request's `metadata`."""
    detectors, scores = data.get("contributing_detectors"), data.get("normalized_scores")
    return Metadata(
        contributing_detectors=tuple(
            name for name in detectors if isinstance(name, str) and name.strip()
        )
        if isinstance(detectors, list)
        else (),
        normalized_scores={
            name: float(score)
            for name, score in scores.items()
            if is_number(score) and 0 <= score <= 1
        }
        if isinstance(scores, dict)
        else {},
    )


def _parse_object(tensor: str, text: bytes | str | None) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{tensor}: is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{tensor}: is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{tensor}: must be a JSON object, not {type(data).__name__}")
    return data


@cache
def _validator(name: str) -> Validator:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return compile_schema({"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})
