"""What the process opens to Redis, over a real server."""

import asyncio

from redis.asyncio import Redis

from bench.faults.redis_server import running_redis
from client_api.access.redis import SharedRedis

#: Files that the process keeps for other things than its callers, see `client_api/http/server.py`.
OWN_FILES = 128


def test_many_callers_at_once_share_a_few_connections() -> None:
    async def use(url: str) -> int:
        shared = SharedRedis(url, timeout_s=30.0)
        client = Redis(connection_pool=shared.pool)

        async def call(number: int) -> None:
            async with shared.reach():
                await client.set(f"caller {number}", number)

        await asyncio.gather(*(call(number) for number in range(500)))
        connected = await client.client_list()
        await shared.aclose()
        return len(connected)

    with running_redis() as server:
        assert asyncio.run(use(server.url)) < OWN_FILES
