"""Open-loop load: requests are sent at their due times, also if earlier ones have no answer yet.

Out: the client's result of each request, compared with the expected one. Independent of faults.
"""

import asyncio
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import httpx

from llama_mapper import AsyncMapperClient, RetryPolicy, TransportError
from schemas.event import event_errors

BATCH = 8
_DETECTOR = "openai-moderation"
#: Words of this detector's own vocabulary, so that model and rules agree on every answer.
TRUTH = {
    "hate": {"HARM.SPEECH.Hate.Other"},
    "hate/threatening": {"HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"},
}
_BESIDE_THE_EVENT = ("version_info", "source", "fallback_reason", "label_confidence")
_TICK_S = 0.005
_last_attempt: ContextVar[float] = ContextVar("last_attempt")


@dataclass(frozen=True, slots=True)
class Answer:
    """source, reason: from the answer; right: whether labels, detector, tenant and schema are the
    expected ones.
    """

    source: str
    reason: str
    right: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """The client's result of one request.

    due: seconds of `time.monotonic()`; took_s: from then to the answer; excused_s: the part of it
    that the facade did not cause: the time in which the load generator did not run, and the time
    before the last attempt of a client that retries.
    status: HTTP, 0 without an answer; problem: why there is none.
    """

    items: int
    budget_s: float
    due: float
    took_s: float
    excused_s: float
    status: int
    answers: tuple[Answer, ...]
    problem: str = ""

    @property
    def late(self) -> bool:
        return self.took_s - self.excused_s > 1.2 * self.budget_s


#: Status, results (one per item), problem.
Saw = tuple[int, list[dict[str, Any] | None], str]


class Client(Protocol):
    """A sender, created inside the event loop. tenants: whether requests have tenants."""

    tenants: bool

    async def ask(self, items: Sequence[tuple[str, str]]) -> Saw:
        """items: outputs and tenants."""
        ...


class PlainClient:
    """Sends each request once."""

    tenants = True

    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(base_url=url, timeout=10.0, limits=limits)

    async def ask(self, items: Sequence[tuple[str, str]]) -> Saw:
        bodies = [{"detector": _DETECTOR, "output": o, "tenant_id": t} for o, t in items]
        try:
            if len(bodies) == 1:
                response = await self._http.post("/map", json=bodies[0])
                results = [response.json()]
            else:
                response = await self._http.post("/map/batch", json={"requests": bodies})
                results = response.json().get("results", [])
        except httpx.TransportError as error:
            return 0, [], type(error).__name__
        if response.status_code != 200:
            return response.status_code, [], response.json().get("error_code", "")
        return 200, results, ""


class RetryingClient:
    """The project's own client with many retries. It sends single items, without a tenant."""

    tenants = False

    def __init__(self, url: str) -> None:
        retry = RetryPolicy(attempts=200, base_s=0.1, cap_s=1.0)
        self._client = AsyncMapperClient(url, retry=retry, transport=_AttemptClock())

    async def ask(self, items: Sequence[tuple[str, str]]) -> Saw:
        [(output, _)] = items
        try:
            event = await self._client.map(_DETECTOR, output)
        except TransportError as error:
            return 0, [], type(error).__name__
        return 200, [dict(event.raw)], ""


class _AttemptClock(httpx.AsyncHTTPTransport):
    """Records the time of a request's last attempt."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _last_attempt.set(time.monotonic())
        return await super().handle_async_request(request)


def run_load(
    client: Callable[[], Client],
    *,
    rate: float,
    seconds: float,
    budget_s: float,
    batches: bool,
    meanwhile: Sequence[tuple[float, Callable[[], None]]],
) -> list[Seen]:
    """Send for `seconds`, at Poisson arrivals of `rate` per second.

    budget_s: the facade's budget of an item; batches: whether one request in twelve is a batch;
    meanwhile: actions by their time in seconds, run in a thread.
    """
    return asyncio.run(_run(client, rate, seconds, budget_s, batches, meanwhile))


async def _run(
    make: Callable[[], Client],
    rate: float,
    seconds: float,
    budget_s: float,
    batches: bool,
    meanwhile: Sequence[tuple[float, Callable[[], None]]],
) -> list[Seen]:
    chance = random.Random(5)
    stalls = _Stalls()
    watch = asyncio.create_task(stalls.run())
    client = make()
    begin = time.monotonic()

    async def act(after_s: float, action: Callable[[], None]) -> None:
        await asyncio.sleep(after_s)
        await asyncio.to_thread(action)

    async def send(
        number: int, due: float
    ) -> tuple[list[tuple[str, str]], float, float, float, Saw]:
        await asyncio.sleep(due - time.monotonic())
        count = BATCH if batches and number % 12 == 11 else 1
        items = [(chance.choice(list(TRUTH)), f"tenant-{number}") for _ in range(count)]
        saw = await client.ask(items)
        return items, due, _last_attempt.get(due), time.monotonic(), saw

    dues = list(accumulate(chance.expovariate(rate) for _ in range(int(rate * seconds))))
    actions = [asyncio.create_task(act(*one)) for one in meanwhile]
    sent = await asyncio.gather(*(send(i, begin + due) for i, due in enumerate(dues)))
    await asyncio.gather(*actions)
    watch.cancel()
    # Compared after the load, which needs the CPU time.
    return [
        Seen(
            items=len(items),
            budget_s=budget_s * len(items),
            due=due,
            took_s=end - due,
            excused_s=tried - due + stalls.between(tried, end),
            status=status,
            answers=tuple(
                _judge(result, output, tenant if client.tenants else None)
                for result, (output, tenant) in zip(results, items, strict=bool(results))
                if result is not None
            ),
            problem=problem,
        )
        for items, due, tried, end, (status, results, problem) in sent
    ]


class _Stalls:
    """The times in which this process did not run its event loop, with their lengths."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._lost: list[float] = []

    async def run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            self._times.append(now)
            lost = now - before - _TICK_S
            self._lost.append(lost if lost > _TICK_S else 0.0)

    def between(self, start: float, end: float) -> float:
        first, last = bisect_left(self._times, start), bisect_right(self._times, end)
        return sum(self._lost[first : last + 1])


def _judge(result: dict[str, Any], output: str, tenant: str | None) -> Answer:
    event = {k: v for k, v in result.items() if k not in _BESIDE_THE_EVENT}
    provenance = event["provenance"]
    right = (
        set(event["taxonomy"]) == TRUTH[output]
        and provenance["detector"] == _DETECTOR
        and provenance["tenant_id"] == tenant
        and provenance["route"] == result["source"]
        and not event_errors(event)
    )
    return Answer(result["source"], result["fallback_reason"] or "", right)
