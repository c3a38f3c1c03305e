"""Responses as CloudEvents 1.0, in the modes of its HTTP binding, for requests that ask for them.

In: a request's headers, and answers. Out: responses. `Accept` names a JSON form of CloudEvents
(structured mode, or a batch); the header `X-CloudEvents` asks for binary mode, which has no media
type.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response

from client_api.http.json_route import json_response

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
#: Of the event of an answer, and of that of an item without one.
MAPPED: Final = "llama-mapper.mapped.v1"
REFUSED: Final = "llama-mapper.refused.v1"
_SOURCE: Final = "urn:llama-mapper:facade"
_JSON: Final = "application/json"
#: Header values are printable ASCII, without what the binding wants escaped.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class ContentMode(StrEnum):
    """The modes that the header `X-CloudEvents` names."""

    BINARY = "binary"


def accepts(request: Request, media_type: str) -> bool:
    """Whether `Accept` names this type with a weight of at least that of plain JSON."""
    weights = _weights(",".join(request.headers.getlist("accept")))
    return weights.get(media_type, 0.0) > 0 and weights[media_type] >= weights.get(_JSON, 0.0)


def chosen(
    request: Request, mode: ContentMode | None
) -> tuple[str, Callable[[Mapping[str, Any]], Response]]:
    """The requested form of one answer and its renderer; the form of plain JSON is empty."""
    if mode:
        return mode.value, _binary
    if accepts(request, STRUCTURED):
        return STRUCTURED, _structured
    return "", json_response


def _structured(answer: Mapping[str, Any]) -> Response:
    return json_response({**_mapped(answer), "data": answer}, media_type=STRUCTURED)


def _binary(answer: Mapping[str, Any]) -> Response:
    """The event's attributes are headers."""
    made = json_response(answer)
    attributes = _mapped(answer)
    del attributes["datacontenttype"]  # the Content-Type has it
    for name, value in attributes.items():
        made.headers[f"ce-{name}"] = quote(value, safe=_PLAIN)
    return made


def batch(
    answers: Sequence[Mapping[str, Any] | None], errors: Iterable[dict[str, Any]]
) -> Response:
    """One event per item of a batch, in order. errors: those of the items without an answer."""
    refused = {error["index"]: error for error in errors}
    events = [
        {**_mapped(answer), "data": answer}
        if answer is not None
        else {**_event(REFUSED, datetime.now(UTC).isoformat()), "data": refused[index]}
        for index, answer in enumerate(answers)
    ]
    return json_response(events, media_type=BATCH)


def _mapped(answer: Mapping[str, Any]) -> dict[str, str]:
    provenance = answer["provenance"]
    event = _event(MAPPED, provenance["ts"])
    # A text with control characters is no attribute.
    if provenance["detector"].isprintable():
        event["subject"] = provenance["detector"]
    return event


def _event(kind: str, time: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": _SOURCE,
        "type": kind,
        "time": time,
        "datacontenttype": _JSON,
    }


def _weights(accept: str) -> dict[str, float]:
    """The weight of each media type in an `Accept`; a weight that is not a number counts as 1."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_type, *parameters = (text.strip() for text in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            found[media_type] = float(weight)
        except ValueError:
            found[media_type] = 1.0
    return found
