"""The facade's response bodies as pydantic models, for the OpenAPI document.

Handlers return plain objects; a test validates them against these models. Problem bodies are
included.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from schemas.candidate import MAX_LIKELY, MAX_NEIGHBOURS
from schemas.contract import ErrorCode, FallbackReason, Mode, Source
from schemas.taxonomy import load_taxonomy

#: Every canonical label, as one enum of the document.
Label = StrEnum("Label", {name: name for name in load_taxonomy().names})  # type: ignore[misc]
Label.__doc__ = "A label of the canonical taxonomy; GET /taxonomy describes each."

Share = Annotated[float, Field(ge=0, le=1)]

_VERSIONS: Final = {
    "taxonomy": "2026.11",
    "frameworks": "2026.11",
    "rules": "2026.11-93b88930",
    "model": "llama-mapper-1",
}
_EVENT: Final = {
    "taxonomy": ["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"],
    "scores": {"HARM.SPEECH.Hate.Other": 0.91, "HARM.SPEECH.Threat": 0.91},
    "confidence": 0.97,
    "notes": "1 signal read",
    "provenance": {
        "detector": "openai-moderation",
        "model": "llama-mapper-1",
        "route": "rules",
        "tenant_id": "acme",
        "ts": "2026-11-29T05:42:11.102+00:00",
    },
    "policy_context": {"frameworks": {"EU AI Act": ["Art. 9"]}},
    "version_info": _VERSIONS,
    "label_confidence": {"HARM.SPEECH.Hate.Other": 0.98, "HARM.SPEECH.Threat": 0.99},
    "source": "rules",
    "fallback_reason": "low_confidence",
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class Closed(BaseModel):
    """An object without other members."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Provenance(Closed):
    """Origin of an event."""

    detector: Annotated[str, Field(description="the detector's name as the request has it")]
    model: Annotated[str, Field(description="the model version, or `none`")]
    route: Annotated[Source, Field(description="equal to `source`")]
    tenant_id: Annotated[str | None, Field(description="the tenant that the request acts for")]
    ts: Annotated[str, Field(description="time of the answer, RFC 3339, UTC")]


class PolicyContext(Closed):
    """Compliance controls that the labels touch."""

    frameworks: Annotated[
        dict[str, list[str]],
        Field(description="control ids per framework; GET /frameworks has their titles"),
    ]


class VersionInfo(Closed):
    """The versions that an answer was made with."""

    taxonomy: str
    frameworks: str
    rules: str
    model: str
    view: Annotated[
        str | SkipJsonSchema[None], Field(description="the vocabulary, if not the canonical one")
    ] = None


class Shares(BaseModel):
    """The probability of the model's likeliest answer, by its source; the sum is at most 1."""

    llama: Annotated[float, Field(description="from the Llama's own distribution")]
    retrieval: Annotated[float, Field(description="from training texts that are equal or near")]


class LikelyAnswer(BaseModel):
    """A label set that the model finds likely."""

    labels: list[Label]
    probability: Share


class NeighbourText(BaseModel):
    """A training text that is near a signal."""

    phrase: Annotated[str, Field(description="the text in its normal form")]
    labels: list[Label]
    similarity: Annotated[float, Field(ge=-1, le=1, description="cosine of both texts' embeddings")]


class Signal(BaseModel):
    """One signal read from the output, and its answer."""

    name: Annotated[str, Field(description="the signal as the output names it")]
    score: Annotated[float | None, Field(description="the detector's own score, 0 to 1")]
    flagged: Annotated[bool | None, Field(description="whether the output flags it")]
    labels: list[Label]
    source: Source
    confidence: Share
    rule: Annotated[str | None, Field(description="kind of the curated match")]
    fallback_reason: FallbackReason | None
    guess: Annotated[list[Label], Field(description="the model's labels, if they were not used")]
    own: Annotated[
        dict[str, Label],
        Field(
            default_factory=dict,
            description="labels of your own that the entry names, with their parents; else absent",
        ),
    ]
    shares: Annotated[Shares | None, Field(description="shares of the probability; null for rules")]
    likely: Annotated[
        list[LikelyAnswer],
        Field(max_length=MAX_LIKELY, description="the model's likeliest answers, best first"),
    ]
    neighbours: Annotated[
        list[NeighbourText],
        Field(
            default_factory=list,
            max_length=MAX_NEIGHBOURS,
            description="the nearest training texts, nearest first; absent where none is near",
        ),
    ]


class Reading(BaseModel):
    """How an output was read."""

    how: Annotated[str, Field(description="`declared`, `generic` or `text`")]
    format: Annotated[str | None, Field(description="the format's name")]
    envelopes: Annotated[list[str], Field(description="envelopes around the output, outer first")]
    unread: Annotated[list[JsonValue], Field(description="paths or spans that were not read")]


class MapResponse(Closed):
    """The canonical event and its origin; `signals` and `reading` only with `?explain=true`."""

    model_config = _example(_EVENT)

    taxonomy: Annotated[
        list[Label], Field(min_length=1, description="labels, the most specific first")
    ]
    scores: Annotated[
        dict[Label, float],
        Field(description="per label: the detector's own score, else the model's probability"),
    ]
    confidence: Annotated[
        Share, Field(description="calibrated probability that the whole set of labels is right")
    ]
    notes: Annotated[str, Field(max_length=500, description="remarks for a reader")]
    provenance: Provenance
    policy_context: PolicyContext
    version_info: VersionInfo
    label_confidence: Annotated[
        dict[Label, float], Field(description="per label: the probability that it is right")
    ]
    source: Annotated[Source, Field(description="what decided the answer")]
    fallback_reason: Annotated[
        FallbackReason | None,
        Field(description="why the model's answer was not used; null if it was"),
    ]
    signals: list[Signal] | SkipJsonSchema[None] = None
    reading: Reading | SkipJsonSchema[None] = None


class BatchError(Closed):
    """The error of the item at `index`, which has no result."""

    index: Annotated[int, Field(ge=0, description="position of the item in `requests`")]
    error_code: ErrorCode
    message: str
    retryable: Annotated[bool, Field(description="whether the same item may succeed later")]


class BatchResponse(Closed):
    """One result per request, in order."""

    model_config = _example(
        {
            "results": [_EVENT, None],
            "errors": [
                {
                    "index": 1,
                    "error_code": "INVALID_REQUEST",
                    "message": "output: Field required",
                    "retryable": False,
                }
            ],
        }
    )

    results: Annotated[
        list[MapResponse | None], Field(description="null for an item that is in `errors`")
    ]
    errors: list[BatchError]


class ModeBody(Closed):
    """The mode in force."""

    model_config = _example({"mode": "rules_only"})

    mode: Annotated[Mode, Field(strict=False)]


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    model_config = _example(
        {
            "type": "urn:llama-mapper:error:invalid-request",
            "title": "The request is not valid",
            "status": 422,
            "detail": "body.output: Field required",
            "instance": "/map",
            "error_code": "INVALID_REQUEST",
            "request_id": "0b8a5f6e2f1c4c5f",
            "retryable": False,
        }
    )

    type: Annotated[str, Field(description="a URN per error code")]
    title: str
    status: Annotated[int, Field(description="the HTTP status")]
    detail: Annotated[str, Field(description="what was wrong, where, and what to do")]
    instance: Annotated[str, Field(description="path of the request")]
    error_code: ErrorCode
    request_id: Annotated[str, Field(description="equal to the header X-Request-ID")]
    retryable: Annotated[bool, Field(description="whether the same request may succeed later")]
    trace_id: str | SkipJsonSchema[None] = None
