"""The steps of each call of a client: requests, waits and the result.

A flow is a generator. It yields `Send` and receives the response or a TransportError; it yields
`Wait` and receives nothing. It returns the result of the call. Both clients and the tests run the
same flows, and each implements sending and waiting.
"""

import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx

from llama_mapper._errors import ApiError, InvalidRequestError, MapperError, TransportError
from llama_mapper._types import (
    Asked,
    ItemError,
    MappedEvent,
    MapRequest,
    item_error,
    parse,
    read,
    read_batch,
    read_event,
)
from llama_mapper.contract import FallbackReason

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
    """A time to wait."""

    seconds: float


Flow = Generator[Send | Wait, httpx.Response | None, T]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The conditions and waits of retries.

    attempts: the most attempts per request. base_s, cap_s: the wait is random, between 0 and
    base_s doubled each time, up to cap_s. max_wait_s: a longer Retry-After ends the retries.
    """

    attempts: int = 4
    base_s: float = 0.1
    cap_s: float = 5.0
    max_wait_s: float = 60.0

    def wait_s(self, sent: int, retry_after_s: float | None = None) -> float | None:
        """Seconds to wait after `sent` attempts; None for no further attempt."""
        if sent >= self.attempts:
            return None
        jitter = random.uniform(0, min(self.cap_s, self.base_s * 2 ** (sent - 1)))
        if retry_after_s is None:
            return jitter
        # Added, so that clients with the same Retry-After do not all retry in the same second.
        return retry_after_s + jitter if retry_after_s <= self.max_wait_s else None


class Attempts:
    """Counts the requests of one call of the client, for all kinds of retries."""

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
#: For a model that starts or is busy; waits for minutes.
WAITING = RetryPolicy(attempts=100, base_s=0.5)
#: Temporary reasons for an answer by the rules; the model may answer the same item later.
PASSING = frozenset({FallbackReason.TIMEOUT, FallbackReason.OVERLOADED, FallbackReason.MODEL_ERROR})


def call(request: Send, retry: RetryPolicy | Attempts) -> Flow[Any]:
    """The JSON of the answer; retries without an answer, and after a `retryable` error.

    retry: a policy, or the remaining attempts of a longer call.

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


def map_one(request: MapRequest, retry: RetryPolicy, asked: Asked) -> Flow[MappedEvent]:
    """The answer to one item."""
    send = Send("POST", "/map", request.body(), asked.params(), asked.headers())
    return parse(read_event, (yield from call(send, retry)))


def map_chunk(
    requests: Sequence[MapRequest],
    retry: RetryPolicy,
    asked: Asked,
    *,
    wait_for_model: bool = False,
) -> Flow[list[MappedEvent | ItemError]]:
    """An answer or a final error for each item; items that may succeed later are retried.

    A batch that is malformed or too large because of one item is sent in halves. Once an item has
    an outcome, a refusal or a lost connection is an error of the remaining items. The errors'
    indexes are positions in `requests`.

    wait_for_model: items that the rules answered because the model was late or lost are retried as
    well, with the policy `WAITING` instead of `retry`; after that the rules' answers are returned.

    Raises as `call` does when nothing was answered.
    """
    found: dict[int, MappedEvent | ItemError] = {}
    retry = WAITING if wait_for_model else retry
    waiting = [(list(range(len(requests))), Attempts(retry))]
    while waiting:
        places, attempts = waiting.pop()
        body = {"requests": [requests[place].body() for place in places]}
        send = Send("POST", "/map/batch", body, asked.params(), asked.headers())
        try:
            data = yield from call(send, attempts)
            events, errors = parse(partial(read_batch, places=places), data)
        except MapperError as error:
            if _may_be_one_items(error):
                if len(places) == 1:
                    found[places[0]] = item_error(places[0], error)
                    continue
                middle = len(places) // 2
                halves = (places[middle:], places[:middle])
                waiting += [(half, Attempts(retry)) for half in halves]
                continue
            if not found:
                raise
            left = [places, *(more for more, _ in waiting)]
            found.update((place, item_error(place, error)) for some in left for place in some)
            break
        found.update(events)
        found.update(errors)
        again = [place for place, error in errors.items() if error.retryable]
        if wait_for_model:
            again += [place for place, e in events.items() if e.fallback_reason in PASSING]
        wait_s = attempts.wait_s() if again else None
        if wait_s is not None:
            yield Wait(wait_s)
            waiting.append((again, attempts))
    return [found[place] for place in range(len(requests))]


def _may_be_one_items(error: MapperError) -> bool:
    """Whether a single item may be the reason for the refusal of the whole body."""
    return isinstance(error, InvalidRequestError) and error.status in (400, 413)
