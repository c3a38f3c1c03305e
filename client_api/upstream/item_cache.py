"""A cache of whole answers: an equal item needs no call to Triton and no reading.

In: a gateway, and the version of a tenant's rules. Out: a gateway that stores answers, and a
look-up. The cache stores an answer only if the model answered every signal. It uses an entry only
while Triton serves the versions that made it. Triton names its versions in each answer: to a
request, to the canary, or to an item that the cache sends again for this purpose.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

import orjson
import structlog
from cachetools import TTLCache

from client_api.mapping.gateway import Item, ModelGateway
from client_api.telemetry.logs import exception_facts
from fallback.decision.decision import NO_MODEL, Decision
from schemas.contract import FallbackReason, Source

#: Ages in seconds of the last answer with Triton's versions. After the first, the cache asks Triton
#: in the background; after the second, it uses no entry until Triton has answered.
FRESH_S: Final = 0.5
STALE_S: Final = 2.0
#: Time to live of an entry in seconds: a Triton with other code may name the same versions.
KEPT_S: Final = 300.0
#: Memory of an entry besides its text, measured: key, link and references.
_ENTRY_BYTES: Final = 600

_log = structlog.get_logger()
_Versions = tuple[str, ...]


class ItemCache:
    """A `ModelGateway` with an LRU cache of answers, bounded by bytes."""

    def __init__(
        self,
        gateway: ModelGateway,
        rules_version: Callable[[str | None], str],
        max_bytes: int,
        timeout_s: float,
        on_lookup: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """gateway: Triton's, without circuit breaker; rules_version: the current version of a
        tenant's rules; max_bytes: 0 disables the cache; timeout_s: of a check of Triton's versions;
        on_lookup: called with whether an item was in the cache.
        """
        self._gateway = gateway
        self._rules_version = rules_version
        self._timeout_s = timeout_s
        self._on_lookup = on_lookup
        self._clock = clock
        self._kept: TTLCache[bytes, bytes] = TTLCache(
            max_bytes, KEPT_S, clock, lambda text: len(text) + _ENTRY_BYTES
        )
        self._calls = count(1)
        self._heard = 0  # the call that named the versions last
        self._served: _Versions = ()
        self._named_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    def get(self, item: Item) -> Decision | None:
        """The cached answer to an equal item, with the current time; None if there is none."""
        if not self._kept.maxsize:
            return None
        age = self._clock() - self._named_at
        kept = self._kept.get(self._key(item, self._served)) if age < STALE_S else None
        self._on_lookup(kept is not None)
        if kept is None:
            return None
        if age >= FRESH_S and self._asking is None:
            self._asking = asyncio.create_task(self._ask_again(item))
        return _load(kept).dated()

    def forget_versions(self) -> None:
        """Forget Triton's versions: no entry is used until Triton has named them again."""
        self._named_at = -float("inf")

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        call = next(self._calls)
        decisions = await self._gateway.map(items, budget_s)
        for item, decision in zip(items, decisions, strict=True):
            self._note(call, item, decision)
        return decisions

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        await self._gateway.close()

    def _note(self, call: int, item: Item, decision: Decision) -> None:
        reason, versions = decision.fallback_reason, decision.versions
        if reason is FallbackReason.RULES_ONLY:  # Triton's own kill switch
            self.forget_versions()
            return
        if not self._kept.maxsize or versions["model"] == NO_MODEL:
            return
        served = tuple(versions[part] for part in ("model", "taxonomy", "frameworks"))
        if call >= self._heard:  # else one that set out later has been answered
            self._heard, self._named_at, self._served = call, self._clock(), served
        if versions["rules"] != self._rules_version(item.tenant):
            # The facade or Triton has not read a changed file yet. The caller has the newer answer
            # now, so the older entry is removed.
            self._kept.pop(self._key(item, served), None)
            return
        if reason is not None and not reason.has_candidate:
            return
        text = _dump(decision)
        if len(text) + _ENTRY_BYTES <= self._kept.maxsize:
            self._kept[self._key(item, served)] = text

    async def _ask_again(self, item: Item) -> None:
        try:
            await self.map([item], self._timeout_s)
        except Exception as error:  # then no entry is used any more, soon
            _log.warning("refreshing the served versions failed", **exception_facts(error))
        finally:
            self._asking = None

    def _key(self, item: Item, served: _Versions) -> bytes:
        """A digest of everything that an answer depends on; JSON separates the parts."""
        rules = self._rules_version(item.tenant)
        asked = (item.detector, item.output, item.metadata, item.threshold)
        return hashlib.blake2b(orjson.dumps((served, rules, asked)), digest_size=16).digest()


def _dump(decision: Decision) -> bytes:
    return orjson.dumps({name: getattr(decision, name) for name in Decision.__dataclass_fields__})


def _load(text: bytes) -> Decision:
    kept = orjson.loads(text)
    reason = kept["fallback_reason"]
    return Decision(
        **kept
        | {
            "source": Source(kept["source"]),
            "fallback_reason": None if reason is None else FallbackReason(reason),
        }
    )
