"""The JSON tensors OPTIONS and METADATA: per-item options and hints.

In: the text of a tensor. Out: `Options` and `Metadata`. The bodies of the REST facade are
`client_api/http/interface/bodies.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.config.config_file import Number, Share
from schemas.contract import Kind, Mode
from schemas.validation import is_number

#: Bytes of a tensor that are parsed: direct callers of Triton have no other limit.
_MAX_OPTIONS, _MAX_METADATA = 4_096, 262_144


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one item; None selects the service's own value.

    `budget_ms` is the remaining time for the item in milliseconds, >= 0; `threshold` is 0..1;
    `tenant`: its detector files apply in addition to those of all tenants.
    """

    budget_ms: float | None = None
    threshold: float | None = None
    mode: Mode | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Hints about one item.

    `contributing_detectors`: detectors whose vocabularies are tried for a joined output.
    `normalized_scores`: scores of 0..1 by their name in the output.
    `kind`: what the detector is about; None where the caller does not say.
    """

    contributing_detectors: tuple[str, ...] = ()
    normalized_scores: Mapping[str, float] = field(default_factory=dict)
    kind: Kind | None = None


class _OptionsTensor(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    budget_ms: Annotated[Number, Field(ge=0, le=3_600_000)] | None = None
    threshold: Share | None = None
    mode: Mode | None = None
    tenant: str | None = None


def parse_options(text: bytes | str | None) -> Options:
    """The OPTIONS tensor; absent or blank means no options.

    Raises ValueError, with the problem, for anything but a JSON object of known keys with values of
    the right shape, or a text that is too long. A null is the same as a missing key.
    """
    try:
        options = _OptionsTensor.model_validate(_parse_object("OPTIONS", text, _MAX_OPTIONS))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, x['loc']))[:40]}: {x['msg']}" for x in error.errors()[:3])
        raise ValueError(f"OPTIONS: {'; '.join(problems)}") from None
    return Options(options.budget_ms, options.threshold, options.mode, options.tenant)


def parse_metadata(text: bytes | str | None) -> Metadata:
    """The METADATA tensor; absent or blank means no hints.

    Unknown keys and values of the wrong shape are ignored. Raises ValueError only when the text is
    not a JSON object, or too long.
    """
    return read_metadata(_parse_object("METADATA", text, _MAX_METADATA))


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
        kind=next((kind for kind in Kind if kind == str(data.get("kind")).casefold()), None),
    )


def _parse_object(tensor: str, text: bytes | str | None, most: int) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    if len(text) > most:
        raise ValueError(f"{tensor}: has {len(text)} bytes; the limit is {most}")
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{tensor}: is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{tensor}: is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{tensor}: must be a JSON object, not {type(data).__name__}")
    return data
