"""Rate limits on the items of a key, a tenant or an address.

In: a caller, and a number of items. Out: allowed or not, with the response headers. Independent of
HTTP requests and keys. Windows slide (no burst at the edge of a window), and a refused call costs
nothing. In memory the limits are per process; through Redis all pods share them. While Redis does
not answer, calls are allowed and counted as unlimited, so that an outage of Redis does not stop the
service.

A caller with a key is limited by the key and by its tenant (the sum over the tenant's keys): a
call is charged to both, or to neither. A caller without a key is limited by address. A claimed
tenant without a key has no limit of its own: a caller could vary it to escape a limit, or use
another tenant's quota.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from client_api.access.addresses import limit_subject
from client_api.access.redis import RedisOutageError, SharedRedis


@dataclass(frozen=True, slots=True)
class LimitOutcome:
    """Whether a call is allowed.

    headers: `RateLimit-*`, and `Retry-After` on a refusal, in lower case.
    retry_after_s: seconds >= 1 until a retry may be allowed; None when the call was allowed, or
        when it costs more than the whole limit.
    """

    allowed: bool
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_s: int | None = None


_Subject = tuple[RateLimitItem, str, str]
"""A limit, its kind, and whom it counts."""


def parse_limit(text: str) -> RateLimitItem | None:
    """`6000/minute`, `100 per second`; None for `off`. Raises ValueError for anything else."""
    return None if text.strip().lower() == "off" else parse(text)


@dataclass(slots=True)
class _State:
    """One limit of a caller: the items left, and the seconds until the oldest leave the window."""

    limit: RateLimitItem
    kind: str
    remaining: int
    left_s: float

    @property
    def window_s(self) -> int:
        return self.limit.get_expiry()

    @property
    def reset_s(self) -> int:
        """At least 1, since a 0 invites a busy loop."""
        return max(1, min(self.window_s, math.ceil(self.left_s)))

    def charge(self, cost: int) -> None:
        if self.remaining == self.limit.amount:
            self.left_s = self.window_s
        self.remaining -= cost


class RateLimits:
    """Counts items and refuses calls over a limit.

    key, tenant, address: the limits, None for none.
    shared: the Redis to count in; None counts in memory.
    on_outage: called once per call that was allowed because Redis did not answer.
    """

    def __init__(
        self,
        *,
        key: RateLimitItem | None,
        tenant: RateLimitItem | None,
        address: RateLimitItem | None,
        shared: SharedRedis | None = None,
        on_outage: Callable[[], None] = lambda: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """clock: seconds; by default a monotonic clock for counts in memory, and the wall clock for
        counts in Redis, whose windows have Redis' time.
        """
        self._limits = {"key": key, "tenant": tenant, "address": address}
        self._clock = clock or (time.monotonic if shared is None else time.time)
        self._on_outage = on_outage
        self._shared = shared
        storage = (
            _Memory(self._clock)
            if shared is None
            else RedisStorage(
                "redis://",
                implementation="redispy",
                key_prefix="mapper:limits",
                # The type names the options of a URL only; a pool is documented as well.
                connection_pool=shared.pool,  # type: ignore[arg-type]
            )
        )
        self._limiter = MovingWindowRateLimiter(storage)

    async def test(
        self, *, key_id: str | None, tenant: str | None, address: str, cost: int = 1
    ) -> LimitOutcome:
        """The outcome of `charge` with the same arguments; counts nothing."""
        return await self._ask(self._windows(key_id, tenant, address), cost, hit=False)

    async def charge(
        self, *, key_id: str | None, tenant: str | None, address: str, cost: int = 1
    ) -> LimitOutcome:
        """Count `cost` items, or refuse all of them and count nothing.

        key_id, tenant: of an authenticated caller, else None.
        address: the client's, from `client_address`.
        """
        return await self._ask(self._windows(key_id, tenant, address), cost, hit=True)

    def _windows(self, key_id: str | None, tenant: str | None, address: str) -> list[_Subject]:
        """The limits of a caller, each with the subject that it counts."""
        subjects = (
            [("address", limit_subject(address))]
            if key_id is None
            else [("key", key_id), *([("tenant", tenant)] if tenant is not None else [])]
        )
        limits = ((self._limits[kind], kind, subject) for kind, subject in subjects)
        return [(limit, kind, subject) for limit, kind, subject in limits if limit is not None]

    async def _ask(self, windows: list[_Subject], cost: int, hit: bool) -> LimitOutcome:
        if not windows:
            return LimitOutcome(allowed=True)
        try:
            async with self._shared.reach() if self._shared else nullcontext():
                states = [await self._look(*window) for window in windows]
                fits = all(state.remaining >= cost for state in states)
                if fits and hit:
                    for window, state in zip(windows, states, strict=True):
                        # Another pod may have used the quota since the check.
                        fits &= await self._limiter.hit(*window, cost=cost)
                        state.charge(cost)
        except RedisOutageError:
            if hit:  # a call is tested first: one outage, counted once
                self._on_outage()
            return LimitOutcome(allowed=True)
        return _outcome(states, cost, allowed=fits)

    async def _look(self, limit: RateLimitItem, kind: str, subject: str) -> _State:
        window = await self._limiter.get_window_stats(limit, kind, subject)
        left_s = window.reset_time - self._clock()
        return _State(limit, kind, max(0, window.remaining), left_s)


def _outcome(states: list[_State], cost: int, *, allowed: bool) -> LimitOutcome:
    """The headers describe the limit with the least left, of those that refuse, or of all."""
    refusing = [state for state in states if state.remaining < cost]
    candidates = states if allowed else (refusing or states)
    nearest = min(candidates, key=lambda s: (s.remaining, -s.reset_s))
    kind, amount, window_s = nearest.kind, nearest.limit.amount, nearest.window_s
    headers = [
        # The names that clients use today, and the two of the current IETF draft.
        ("ratelimit-limit", str(amount)),
        ("ratelimit-remaining", str(nearest.remaining)),
        ("ratelimit-reset", str(nearest.reset_s)),
        ("ratelimit-policy", f'"{kind}";q={amount};w={window_s}'),
        ("ratelimit", f'"{kind}";r={nearest.remaining};t={nearest.reset_s}'),
    ]
    if allowed:
        return LimitOutcome(True, tuple(headers))
    never = any(cost > state.limit.amount for state in states)
    wait_s = max(state.reset_s for state in candidates)
    headers.append(("retry-after", str(window_s if never else wait_s)))
    return LimitOutcome(False, tuple(headers), None if never else wait_s)


class _Window:
    """The calls of one subject, oldest first: (when, items)."""

    __slots__ = ("calls", "used")

    def __init__(self) -> None:
        self.calls: deque[tuple[float, int]] = deque()
        self.used = 0

    def add(self, now: float, items: int) -> None:
        self.calls.append((now, items))
        self.used += items

    def drop_until(self, start: float) -> None:
        while self.calls and self.calls[0][0] <= start:
            self.used -= self.calls.popleft()[1]


class _Memory(MemoryStorage):
    """Sliding windows in memory; time and memory are proportional to the traffic.

    The library's own storage walks over all subjects after every call, with a thread switch for
    each. Here a call removes the entries that have left its own window, and the subjects without a
    call in a whole window, so the memory is bounded by the calls of one window.
    """

    STORAGE_SCHEME = None  # type: ignore[assignment]  # not reachable by a URL

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        # Length of the window -> subjects, the one that called last at the end.
        self._windows: dict[int, OrderedDict[str, _Window]] = {}

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = self._clock()
        subjects = self._windows.setdefault(expiry, OrderedDict())
        while subjects and next(iter(subjects.values())).calls[-1][0] <= now - expiry:
            subjects.popitem(last=False)
        window = subjects.get(key) or _Window()
        window.drop_until(now - expiry)
        if window.used + amount > limit:
            return False
        window.add(now, amount)
        subjects[key] = window
        subjects.move_to_end(key)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        window = self._windows.setdefault(expiry, OrderedDict()).get(key)
        # Seen, not dropped: a window in the table always has its last call.
        start = now - expiry
        if window is None or window.calls[-1][0] <= start:
            return now, 0
        window.drop_until(start)
        return window.calls[0][0], window.used
