"""The connection to a Redis that several pods share, with a small cost during its outages.

In: a URL. Out: a connection pool for one event loop, and a context manager for each use of it.
Independent of the stored data.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

# A request has 0.24 s for everything.
DEFAULT_TIMEOUT_S = 0.05
# After a failure Redis is not used for a while, so that not every request waits for it.
_PAUSE_S = 1.0
# Each is used for a fraction of a millisecond.
_MOST_CONNECTIONS = 32


class RedisOutageError(Exception):
    """Redis does not answer, or answers with an error."""


class SharedRedis:
    """A pool over `redis://…`, `rediss://…` or `unix://…`; connects on first use.

    timeout_s: the longest wait for Redis, in seconds.

    Raises ValueError for another scheme.
    """

    def __init__(self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        # A caller waits while all connections are taken: the files of the process are bounded.
        self.pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # The callers work without Redis, so a retry would only use up the request's budget.
            retry=Retry(NoBackoff(), 0),
        )
        self._paused_until = -math.inf

    @asynccontextmanager
    async def reach(self) -> AsyncIterator[None]:
        """A block that uses the pool, for `timeout_s` at most.

        Raises RedisOutageError for any failure in the block, and at once shortly after one.
        """
        now = asyncio.get_running_loop().time
        if now() < self._paused_until:
            raise RedisOutageError("Redis did not answer a moment ago")
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            self._paused_until = now() + _PAUSE_S
            raise RedisOutageError("Redis does not answer") from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self.pool.disconnect()
