"""Redis Streams: each message is settled once, since output and acknowledgement are one step."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from llama_mapper.streams.consume import Message, Outcome

if TYPE_CHECKING:
    from redis import Redis

_WAIT_MS = 1000
#: Acknowledges a message, and writes its outcome if no consumer has acknowledged it before.
_SETTLE: Final = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('XADD', KEYS[2], '*', 'source', ARGV[2], unpack(ARGV, 3))
end
"""


class RedisStream:
    """One consumer of a group. Needs Redis 6.2 or newer.

    client: with `decode_responses=False`. mapped, dead: keys of the streams of outcomes; an entry
    has the message's id as `source`, and the message or its mapped form as `value`; a dead letter
    has a `problem`. consumer: a name that outlives the process. idle_ms: messages that another
    consumer has not settled for so long are taken over.
    """

    def __init__(
        self,
        client: "Redis",
        group: str,
        key: str,
        mapped: str,
        dead: str,
        *,
        consumer: str,
        idle_ms: int = 600_000,
    ) -> None:
        self._redis, self._group, self._key = client, group, key
        self._mapped, self._dead = mapped, dead
        self._consumer, self._idle_ms = consumer, idle_ms
        self._settle = client.register_script(_SETTLE)
        try:
            client.xgroup_create(key, group, "0", mkstream=True)
        except Exception as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def take(self, most: int) -> Sequence[Message]:
        """See `Stream`. Raises redis.RedisError."""
        return self._mine(most) or self._left_by_others(most) or self._new(most)

    def settle(self, outcomes: Sequence[Outcome]) -> int:
        """See `Stream`. Raises redis.RedisError."""
        with self._redis.pipeline(transaction=False) as steps:
            for outcome in outcomes:
                message, where = outcome.message, self._mapped
                fields: list[str | bytes] = ["value", outcome.value or message.value]
                if outcome.value is None:
                    where = self._dead
                    fields += ["problem", outcome.problem]
                args = [self._group, message.id, *fields]
                self._settle(keys=[self._key, where], args=args, client=steps)
            steps.execute()
        return sum(outcome.value is None for outcome in outcomes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: the caller closes the client."""

    def _mine(self, most: int) -> list[Message]:
        """The messages that this consumer took before and did not settle."""
        return self._read("0", most, None)

    def _new(self, most: int) -> list[Message]:
        return self._read(">", most, _WAIT_MS)

    def _left_by_others(self, most: int) -> list[Message]:
        _, found, *_ = self._redis.xautoclaim(
            self._key, self._group, self._consumer, self._idle_ms, "0-0", count=most
        )
        return _messages(found)

    def _read(self, since: str, most: int, block: int | None) -> list[Message]:
        answer: Any = self._redis.xreadgroup(
            self._group, self._consumer, {self._key: since}, count=most, block=block
        )
        return [message for _, found in answer or () for message in _messages(found)]


def _messages(found: Any) -> list[Message]:
    return [Message(id_.decode(), (fields or {}).get(b"value", b"")) for id_, fields in found]
