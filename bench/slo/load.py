"""The load of one run: the generated traffic, batches, bad requests, and a storm by one key.

In: the stack's URL and keys, a rate. Out: the results of each. Runs in a process of its own.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

import aiohttp
import orjson

from bench.load.open_loop import BATCH, Result, drive
from bench.load.traffic import Traffic

BATCH_SHARE = 0.02
_BAD_EVERY_S = 0.5
# The storm sends this multiple of its key's limit.
_STORM = 5

#: Body, expected status; all but the last are sent with a key.
_BAD = (
    (b"{not json", 400),
    (orjson.dumps({"detector": "presidio"}), 422),
    (orjson.dumps({"detector": "presidio", "output": "x" * 80_000}), 413),
    (orjson.dumps({"detector": "", "output": "EMAIL_ADDRESS"}), 422),
    (orjson.dumps({"detector": "presidio", "output": "EMAIL_ADDRESS"}), 401),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """rps: requests per second of the generated traffic; key_limit: items per minute and key."""

    url: str
    seed: int
    rps: float
    seconds: float
    tenant_keys: tuple[str, ...]
    storm_key: str
    key_limit: int


@dataclass(frozen=True, slots=True)
class Sent:
    """bad: number of bad requests by (expected status, actual status)."""

    traffic: Result
    storm: Result
    bad: Counter[tuple[int, int]]


def key_limit(rps: float, keys: int) -> int:
    """Items per minute and key, enough for its share with random peaks and batches."""
    items = rps * (1 + BATCH_SHARE * (BATCH - 1)) * 60 / keys
    return round(1.5 * items) + 5 * BATCH


def prepare() -> None:
    """Reads the data of the traffic, which takes seconds, so that `send` begins at once."""
    Traffic(seed=0)


def send(plan: Plan) -> Sent:
    """Send everything in parallel; returns after the last answer."""
    return asyncio.run(_send(plan))


async def _send(plan: Plan) -> Sent:
    storm_rps = _STORM * plan.key_limit / 60
    traffic, storm, bad = await asyncio.gather(
        drive(
            plan.url,
            Traffic(plan.seed),
            plan.rps,
            plan.seconds,
            batch_share=BATCH_SHARE,
            keys=plan.tenant_keys,
        ),
        drive(plan.url, Traffic(plan.seed), storm_rps, plan.seconds, keys=(plan.storm_key,)),
        _misbehave(plan),
    )
    return Sent(traffic, storm, bad)


async def _misbehave(plan: Plan) -> Counter[tuple[int, int]]:
    seen: Counter[tuple[int, int]] = Counter()
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(plan.url, timeout=timeout) as http:
        for number in range(int(plan.seconds / _BAD_EVERY_S)):
            body, deserved = _BAD[number % len(_BAD)]
            key = plan.tenant_keys[number % len(plan.tenant_keys)]
            headers = {"Content-Type": "application/json"}
            if deserved != 401:
                headers["X-API-Key"] = key
            try:
                async with http.post("/map", data=body, headers=headers) as response:
                    seen[deserved, response.status] += 1
            except (aiohttp.ClientError, TimeoutError):
                seen[deserved, 0] += 1
            await asyncio.sleep(_BAD_EVERY_S)
    return seen
