"""Open-loop load: requests are sent at their due times, also if earlier ones have no answer yet.

In: a URL, traffic, a rate. Out: the result of each item. A latency counts from the due time of the
request, so that a stall of the service counts for all requests that were due in it (no coordinated
omission). `drive` runs in the caller's event loop; `drive_apart` runs in its own process, so that
neither delays the other. Independent of objectives.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, count, cycle, repeat, takewhile
from multiprocessing import get_context
from typing import Any

import aiohttp
import orjson
import psutil

from bench.load.traffic import Kind, Request, Traffic

BATCH = 8
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of one item.

    due_s: the due time of its request, seconds from the start; took_s: from then to the answer.
    lag_s: the delay of sending; the driver or the machine caused this part of `took_s`.
    status: HTTP's; 0 without an answer, and `failure` then names the error. An item that failed in
    a batch has the batch's status and no source. batch: how many items its request had.
    """

    kind: Kind
    due_s: float
    took_s: float
    lag_s: float
    status: int
    batch: int
    source: str | None = None
    fallback_reason: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The results of a load; times of batches and of single requests are separate."""

    seen: Sequence[Seen]
    seconds: float

    def only(self, *kinds: Kind) -> "Result":
        """The results of these kinds."""
        return Result([one for one in self.seen if one.kind in kinds], self.seconds)

    def without_garbage(self) -> "Result":
        """The number of items, for shares."""
        return self.only(Kind.CURATED, Kind.COMPOSITE, Kind.NEW)

    def latency_ms(self, quantile: float, *, batch: int = 1) -> float:
        """Milliseconds of answered requests with that many items; NaN without one."""
        took = [one.took_s for one in self.seen if one.status and one.batch == batch]
        return 1000 * percentile(took, quantile)

    def lag_ms(self, quantile: float) -> float:
        """The delay of sending in milliseconds: large if the driver is too slow."""
        return 1000 * percentile([one.lag_s for one in self.seen], quantile)

    def fallback_share(self) -> float:
        """The fallback share of the answered items; NaN without one."""
        mapped = [one for one in self.seen if one.source is not None]
        failed = sum(one.fallback_reason is not None for one in mapped)
        return failed / len(mapped) if mapped else float("nan")

    def statuses(self) -> Counter[int]:
        """Items by HTTP status."""
        return Counter(one.status for one in self.seen)

    def failures(self) -> Counter[str]:
        """Items without an answer by the name of the error."""
        return Counter(one.failure for one in self.seen if one.failure is not None)

    def answers(self) -> Counter[tuple[str, str]]:
        """Items by source and fallback reason (empty for none)."""
        return Counter(
            (one.source, one.fallback_reason or "") for one in self.seen if one.source is not None
        )


def percentile(values: Iterable[float], quantile: float) -> float:
    """The value that a `quantile` share of all does not exceed; NaN without values."""
    ordered = sorted(values)
    return ordered[int(quantile * (len(ordered) - 1))] if ordered else float("nan")


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that processes and their living children have used; take it before and after."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


async def drive(
    url: str,
    traffic: Traffic,
    rps: float,
    seconds: float,
    *,
    batch_share: float = 0.0,
    batch_size: int = BATCH,
    headers: Mapping[str, str] | None = None,
    keys: Sequence[str] = (),
) -> Result:
    """Send Poisson arrivals for `seconds`, and wait for the last answer.

    url: of the facade, without a path. rps: requests per second. batch_share: the share of requests
    that are batches of `batch_size` items. headers: of every request; keys: API keys, used in turn,
    since limits are per key.
    """
    rng = random.Random(traffic.seed)
    dues = _arrivals(rng, rps, seconds)
    # Generated beforehand: the load needs the CPU time.
    loads = [
        [traffic.draw() for _ in range(batch_size if rng.random() < batch_share else 1)]
        for _ in dues
    ]
    bodies = [_body(items) for items in loads]
    async with aiohttp.ClientSession(
        url,
        headers={"Content-Type": "application/json", **(headers or {})},
        # Shorter than the server's, so that no request uses a connection that is being closed.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
    ) as http:
        begin = time.monotonic() + 0.1
        tasks = []
        turns = cycle({"X-API-Key": key} for key in keys) if keys else repeat(None)
        for due, (path, body), own in zip(dues, bodies, turns, strict=False):
            if (wait := begin + due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(_send(http, path, body, begin + due, own)))
        answers = await asyncio.gather(*tasks)
    return Result(
        [
            one
            for items, due, answer in zip(loads, dues, answers, strict=True)
            for one in _seen(items, due, answer)
        ],
        seconds,
    )


def drive_apart(
    pool: ProcessPoolExecutor, url: str, seed: int, rps: float, seconds: float, **options: Any
) -> "Future[Result]":
    """`drive` in a process of `own_process`; options: `drive`'s."""
    return pool.submit(_drive_now, url, seed, rps, seconds, options)


def own_process() -> ProcessPoolExecutor:
    """A new process for one load at a time; a context manager."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


def _drive_now(
    url: str, seed: int, rps: float, seconds: float, options: Mapping[str, Any]
) -> Result:
    return asyncio.run(drive(url, Traffic(seed), rps, seconds, **options))


def _arrivals(rng: random.Random, rps: float, seconds: float) -> list[float]:
    gaps = (rng.expovariate(rps) for _ in count())
    return list(takewhile(lambda due: due < seconds, accumulate(gaps)))


def _body(items: Sequence[Request]) -> tuple[str, bytes]:
    bodies = [{"detector": one.detector, "output": one.output} for one in items]
    if len(bodies) == 1:
        return "/map", orjson.dumps(bodies[0])
    return "/map/batch", orjson.dumps({"requests": bodies})


#: Seconds since the due time, seconds of them before sending, status, body, name of the error.
_Answer = tuple[float, float, int, bytes, str | None]


async def _send(
    http: aiohttp.ClientSession, path: str, body: bytes, due: float, headers: dict[str, str] | None
) -> _Answer:
    lag = max(0.0, time.monotonic() - due)
    failure = None
    try:
        async with http.post(path, data=body, headers=headers) as response:
            content, status = await response.read(), response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        content, status, failure = b"", 0, type(error).__name__
    return time.monotonic() - due, lag, status, content, failure


def _seen(items: Sequence[Request], due: float, answer: _Answer) -> list[Seen]:
    took, lag, status, content, failure = answer
    results: Sequence[Mapping[str, Any] | None] = [None] * len(items)
    if status == 200:
        told = orjson.loads(content)
        results = [told] if len(items) == 1 else told["results"]
    return [
        Seen(
            item.kind,
            due,
            took,
            lag,
            status,
            len(items),
            result["source"] if result else None,
            result["fallback_reason"] if result else None,
            failure,
        )
        for item, result in zip(items, results, strict=True)
    ]
