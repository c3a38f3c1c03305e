"""The typed values of both clients, and their forms as JSON and headers.

In: arguments, and responses of the service. Out: bodies and headers, and typed answers or errors.
Sends nothing and does not wait.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, TypeVar

import httpx

from llama_mapper._errors import ApiError, MapperError, error_class
from llama_mapper.contract import ErrorCode, FallbackReason, Source

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

#: The most items the service takes in one batch.
BATCH_ITEMS = 100


@dataclass(frozen=True, slots=True)
class MapRequest:
    """One detector output to map; `output` is a text or its parsed JSON."""

    detector: str
    output: str | Mapping[str, Any] | Sequence[Any]
    tenant_id: str | None = None
    metadata: Mapping[str, Any] | None = None
    threshold: float | None = None

    def body(self) -> dict[str, Any]:
        """The item as JSON, without absent members."""
        values = ((own.name, getattr(self, own.name)) for own in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class MappedEvent:
    """An answer: labels most specific first, their scores, and how it was made.

    confidence: calibrated probability 0..1 that the whole set of labels is right.
    label_confidence: that of each label.
    source, fallback_reason: a plain text for a value that is unknown to this client.
    notes: remarks on this answer, as text.
    signals, reading: the signals in the output and its reading; only for `explain`.
    raw: the service's whole answer, for members without a field here.
    """

    taxonomy: tuple[str, ...]
    scores: Mapping[str, float]
    confidence: float
    label_confidence: Mapping[str, float]
    notes: str
    source: Source | str
    fallback_reason: FallbackReason | str | None
    version_info: Mapping[str, str]
    signals: tuple[Mapping[str, Any], ...]
    reading: Mapping[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ItemError:
    """An item of a batch that got no answer; `index` counts over all given items.

    error_code: the service's; `NO_ANSWER` without a response, and `HTTP_502` or the like for the
    status of a proxy.
    """

    index: int
    error_code: ErrorCode | str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Answers in the order of the items, None for an item with an error.

    distinct: number of different items; equal ones are sent once and share an answer.
    """

    results: tuple[MappedEvent | None, ...]
    errors: tuple[ItemError, ...]
    distinct: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a mapping request; see `MapperClient.map`."""

    budget_ms: float | None = None
    idempotency_key: str | None = None
    explain: bool = False
    taxonomy: str | None = None

    def headers(self) -> dict[str, str]:
        """With a key only if the caller gives one: the service stores an answer per key, and a
        repeated mapping without a key changes nothing there."""
        found = {}
        if self.idempotency_key is not None:
            found["Idempotency-Key"] = self.idempotency_key
        if self.budget_ms is not None:
            found["X-Budget-Ms"] = f"{self.budget_ms:g}"
        return found

    def params(self) -> dict[str, str]:
        """The parameters of the query."""
        found = {"explain": "true"} if self.explain else {}
        return found if self.taxonomy is None else found | {"taxonomy": self.taxonomy}


def identity(api_key: str | None, tenant_id: str | None) -> dict[str, str]:
    """The headers that identify the caller."""
    found = {"X-API-Key": api_key, "X-Tenant-ID": tenant_id}
    return {name: value for name, value in found.items() if value is not None}


def read(response: httpx.Response) -> Any:
    """The JSON of a success; raises the ApiError of any other response."""
    if response.is_success:
        try:
            return response.json()
        except ValueError:
            raise ApiError(
                response.status_code, None, "the answer is not JSON", retryable=False
            ) from None
    raise _error(response)


def parse(make: Callable[[Any], T], data: Any) -> T:
    """The result of `make` on the JSON of a success; raises ApiError for another shape."""
    try:
        return make(data)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        detail = f"the answer has an unexpected shape ({type(error).__name__})"
        raise ApiError(200, None, detail, retryable=False) from error


def member(kind: type[E], value: object) -> E | str:
    """A member of a closed set; the text itself for an unknown member."""
    if not isinstance(value, str):
        raise TypeError(f"{kind.__name__} is not a text")
    try:
        return kind(value)
    except ValueError:
        return value


def read_event(data: Any) -> MappedEvent:
    """One answer of the service; raises errors that `parse` converts to an ApiError."""
    reason = data["fallback_reason"]
    return MappedEvent(
        taxonomy=tuple(data["taxonomy"]),
        scores=data["scores"],
        confidence=data["confidence"],
        label_confidence=data["label_confidence"],
        notes=data["notes"],
        source=member(Source, data["source"]),
        fallback_reason=None if reason is None else member(FallbackReason, reason),
        version_info=data["version_info"],
        signals=tuple(data.get("signals", ())),
        reading=data.get("reading"),
        raw=data,
    )


def read_batch(
    data: Any, places: Sequence[int]
) -> tuple[dict[int, MappedEvent], dict[int, ItemError]]:
    """The results and the errors of a batch, by the places of its items."""
    events = {
        place: read_event(result)
        for place, result in zip(places, data["results"], strict=True)
        if result is not None
    }
    errors = {
        place: ItemError(
            place, member(ErrorCode, error["error_code"]), error["message"], error["retryable"]
        )
        for error in data["errors"]
        for place in [places[error["index"]]]
    }
    if events.keys() | errors.keys() != set(places):
        raise ValueError("an item has neither a result nor an error")
    return events, errors


def item_error(index: int, error: MapperError) -> ItemError:
    """The failure of a whole request as that of one of its items."""
    if isinstance(error, ApiError):
        code = error.error_code or f"HTTP_{error.status}"
        return ItemError(index, code, error.detail, error.retryable)
    return ItemError(index, "NO_ANSWER", str(error), True)


def _error(response: httpx.Response) -> ApiError:
    try:
        problem = response.json()
        code: ErrorCode | str | None = member(ErrorCode, problem["error_code"])
        detail, retryable = str(problem["detail"]), bool(problem["retryable"])
    except (ValueError, KeyError, TypeError):
        # A proxy's page: only the status has a meaning.
        code, detail = None, response.reason_phrase
        retryable = response.status_code in (429, 502, 503, 504)
    return error_class(response.status_code, code)(
        response.status_code,
        code,
        detail,
        retryable=retryable,
        request_id=response.headers.get("x-request-id"),
        retry_after_s=_seconds(response.headers.get("retry-after")),
    )


def _seconds(value: str | None) -> float | None:
    """A Retry-After: seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
