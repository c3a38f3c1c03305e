"""The loop of a consumer: take, map, settle.

In: a stream, whose messages are JSON lines as `mapper bulk` takes them. Out: one outcome per
message. A message is taken again until its outcome is written. An outcome has the message's id,
which identifies duplicates. Memory holds only the messages with a permit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from llama_mapper import ItemError, MappedEvent
from llama_mapper.bulk import Columns, PairMapper
from llama_mapper.bulk.columns import DEFAULT_COLUMNS
from llama_mapper.bulk.pairs import Answer, Pair, answer_of
from llama_mapper.bulk.rows import BadRowError, JsonRows

_PERMITS = 500


@dataclass(frozen=True, slots=True)
class Message:
    """id: the same at each delivery. own: data of the stream."""

    id: str
    value: bytes
    own: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """value: the message with its answer; None when it has none, for `problem`."""

    message: Message
    value: bytes | None
    problem: str = ""


class Stream(Protocol):
    """The source of messages and the target of outcomes."""

    def take(self, most: int) -> Sequence[Message]:
        """Messages that are not settled, after a second at most; maybe none."""
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> int:
        """Write the outcomes, then mark their messages as done. Returns the number of dead letters,
        which may be more than of outcomes without a value. Raises when either failed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(slots=True)
class Counts:
    """Messages of a run by their outcome."""

    mapped: int = 0
    dead: int = 0


def consume(
    stream: Stream,
    endpoints: PairMapper,
    columns: Columns = DEFAULT_COLUMNS,
    *,
    permits: int = _PERMITS,
    until: Callable[[Counts], bool] = lambda counts: False,
) -> Counts:
    """Settle messages until `until` returns true, which is called after each take.

    permits: the most messages in work; nothing is taken while the service works on them. Equal
    outputs among them are sent once, and wait for the model as in `mapper bulk`.

    Raises MapperError when the service refuses or does not answer for minutes, and the errors of
    the stream; messages that are not settled are delivered again.
    """
    counts, rows = Counts(), JsonRows(columns)
    while not until(counts):
        messages = stream.take(permits)
        if messages:
            outcomes = _outcomes(messages, rows, endpoints)
            dead = stream.settle(outcomes)
            counts.mapped += len(outcomes) - dead
            counts.dead += dead
    return counts


def _outcomes(messages: Sequence[Message], rows: JsonRows, endpoints: PairMapper) -> list[Outcome]:
    pairs: list[Pair | str] = [_pair(message, rows) for message in messages]
    answers = _Answers()
    endpoints.ask([pair for pair in dict.fromkeys(pairs) if not isinstance(pair, str)], answers)
    return [
        _outcome(message, pair if isinstance(pair, str) else answers.known[pair], rows)
        for message, pair in zip(messages, pairs, strict=True)
    ]


def _pair(message: Message, rows: JsonRows) -> Pair | str:
    """The pair of a message, or the problem of a message without one."""
    try:
        _, pair = rows.read(message.value)
        "".join(pair[:2]).encode()
    except BadRowError as error:
        return str(error)
    except UnicodeEncodeError:
        return "the message is not UTF-8"
    return pair


def _outcome(message: Message, answer: Answer | str, rows: JsonRows) -> Outcome:
    if isinstance(answer, str):
        return Outcome(message, None, answer)
    if answer.event is None:
        return Outcome(message, None, answer.problem)
    return Outcome(message, rows.render(message.value, answer).encode())


class _Answers:
    """The answers for the messages in work."""

    def __init__(self) -> None:
        self.known: dict[Pair, Answer] = {}

    def keep(self, pairs: list[Pair], outcomes: Iterable[MappedEvent | ItemError]) -> None:
        """See `Keeper`."""
        for pair, outcome in zip(pairs, outcomes, strict=True):
            self.known[pair] = answer_of(len(self.known), outcome)
