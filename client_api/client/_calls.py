"""Each call of a client, step by step: what to send, how long to wait, what came of it.

A flow is a generator. It yields `Send` and is given the response, or has a TransportError thrown
in; it yields `Wait` and is given nothing. It returns the result of the call. So both clients, and
the tests, run the same flows; how to send and to wait is theirs.
"""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx

from client_api.client._errors import ApiError, TransportError
from client_api.client._types import (
    BatchResult,
    ItemError,
    MappedEvent,
    MapRequest,
    mapping_headers,
    parse,
    read,
    read_batch,
    read_event,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """A request to send."""

    method: str
    path: str
    json: Any = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """A time to let pass."""

    seconds: float


Flow = Generator[Send | Wait, httpx.Response | None, T]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a request is sent again, and after how long.

    attempts: how often it is sent at most. base_s, cap_s: the wait is random, between nothing and
    base_s doubled each time, up to cap_s. max_wait_s: a longer Retry-After ends the attempts.
    """

    attempts: int = 4
    base_s: float = 0.1
    cap_s: float = 5.0
    max_wait_s: float = 60.0

    def wait_s(self, sent: int, retry_after_s: float | None = None) -> float | None:
        """Seconds to wait after `sent` attempts; None when there is to be no other."""
        if sent >= self.attempts:
            return None
        jitter = random.uniform(0, min(self.cap_s, self.base_s * 2 ** (sent - 1)))
        if retry_after_s is None:
            return jitter
        # Added, so that not all who were told the same second come back in it.
        return retry_after_s + jitter if retry_after_s <= self.max_wait_s else None


class Attempts:
    """Counts the requests of one call of the client, whatever they are sent again for."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._sent = 0

    def count(self) -> None:
        """One more request is sent."""
        self._sent += 1

    def wait_s(self, retry_after_s: float | None = None) -> float | None:
        """As `RetryPolicy.wait_s`, after the requests counted."""
        return self._policy.wait_s(self._sent, retry_after_s)


NO_RETRY = RetryPolicy(attempts=1)


def call(request: Send, retry: RetryPolicy | Attempts) -> Flow[Any]:
    """The JSON of the answer; sent again when nothing came, or when the service says it may help.

    retry: a policy, or what is left of the attempts of a longer call.

    Raises the last ApiError or TransportError.
    """
    attempts = retry if isinstance(retry, Attempts) else Attempts(retry)
    while True:
        attempts.count()
        try:
            response = yield request
            assert response is not None
            return read(response)
        except TransportError:
            wait_s = attempts.wait_s()
            if wait_s is None:
                raise
        except ApiError as error:
            wait_s = attempts.wait_s(error.retry_after_s) if error.retryable else None
            if wait_s is None:
                raise
        yield Wait(wait_s)


def map_one(
    request: MapRequest,
    retry: RetryPolicy,
    *,
    budget_ms: float | None,
    idempotency_key: str | None,
    explain: bool,
) -> Flow[MappedEvent]:
    """The answer to one item."""
    send = Send(
        "POST",
        "/map",
        request.body(),
        {"explain": "true"} if explain else {},
        mapping_headers(budget_ms, idempotency_key),
    )
    return parse(read_event, (yield from call(send, retry)))


def map_chunk(
    requests: Sequence[MapRequest], retry: RetryPolicy, *, budget_ms: float | None
) -> Flow[list[MappedEvent | ItemError]]:
    """An answer or a final error for each item; items that may succeed later are sent again.

    The errors' indexes are places in `requests`.
    """
    found: dict[int, MappedEvent | ItemError] = {}
    left = list(range(len(requests)))
    attempts = Attempts(retry)
    while True:
        body = {"requests": [requests[index].body() for index in left]}
        send = Send("POST", "/map/batch", body, headers=mapping_headers(budget_ms, None))
        data = yield from call(send, attempts)
        events, errors = parse(partial(read_batch, places=left), data)
        found.update(events)
        found.update(errors)
        left = [place for place, error in errors.items() if error.retryable]
        wait_s = attempts.wait_s()
        if not left or wait_s is None:
            return [found[index] for index in range(len(requests))]
        yield Wait(wait_s)


def collect(outcomes: Sequence[MappedEvent | ItemError]) -> BatchResult:
    """The outcomes of all items as one result."""
    return BatchResult(
        results=tuple(x if isinstance(x, MappedEvent) else None for x in outcomes),
        errors=tuple(
            ItemError(index, x.error_code, x.message, x.retryable)
            for index, x in enumerate(outcomes)
            if isinstance(x, ItemError)
        ),
    )
