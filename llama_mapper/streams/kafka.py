"""Kafka, by confluent-kafka: at least once, with outcomes that are identified by their key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from llama_mapper.streams.consume import Message, Outcome

_WAIT_S = 1.0
# Longer than the client's waits for a lost service.
_POLL_INTERVAL_MS = 600_000
_TOO_LARGE = "the message with its answer is larger than the producer or the broker takes"


@dataclass(frozen=True, slots=True)
class _Letter:
    """What is written for an outcome. message: the value that was taken; problem: of a dead letter,
    empty for a mapped message."""

    key: str
    message: bytes
    value: bytes
    problem: str

    def smaller(self) -> "_Letter":
        """A dead letter for a mapped message; for a dead letter, one with half of the value."""
        if not self.problem:
            return replace(self, value=self.message, problem=_TOO_LARGE)
        return replace(self, value=self.value[: len(self.value) // 2])

    def headers(self) -> dict[str, str]:
        """Those of a dead letter."""
        if not self.problem:
            return {}
        cut = len(self.value) < len(self.message)
        note = {"cut": f"the first {len(self.value)} of {len(self.message)} bytes"} if cut else {}
        return {"problem": self.problem, **note}


def _letter(outcome: Outcome) -> _Letter:
    message = outcome.message
    if outcome.value is None:
        return _Letter(message.id, message.value, message.value, outcome.problem)
    return _Letter(message.id, message.value, outcome.value, "")


class KafkaStream:
    """One member of a consumer group.

    mapped, dead: topics of the outcomes. An outcome's key is `topic/partition/offset` of its
    message, so that a compacted topic keeps one of two; a dead letter has the message's own value,
    and the header `problem`. A mapped message that is too large to be written is a dead letter; a
    dead letter that is too large has the first half of the value, or less, and the header `cut`,
    which says how much. settings, consumer: more settings of librdkafka, for producer and
    consumer and for the consumer alone.

    Offsets are committed when all outcomes are acknowledged.
    """

    def __init__(
        self,
        servers: str,
        group: str,
        topic: str,
        mapped: str,
        dead: str,
        *,
        settings: Mapping[str, Any] | None = None,
        consumer: Mapping[str, Any] | None = None,
    ) -> None:
        common = {"bootstrap.servers": servers, **(settings or {})}
        self._mapped, self._dead = mapped, dead
        self._producer = Producer({**common, "enable.idempotence": True})
        self._consumer = Consumer(
            {
                **common,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": _POLL_INTERVAL_MS,
                **(consumer or {}),
                "group.id": group,
                "enable.auto.commit": False,
            }
        )
        self._consumer.subscribe([topic])

    def take(self, most: int) -> Sequence[Message]:
        """See `Stream`. Raises KafkaException."""
        found = self._consumer.consume(most, _WAIT_S)
        for message in found:
            if error := message.error():
                raise KafkaException(error)
        return [
            Message(f"{m.topic()}/{m.partition()}/{m.offset()}", m.value() or b"", m) for m in found
        ]

    def settle(self, outcomes: Sequence[Outcome]) -> int:
        """See `Stream`. Raises KafkaException."""
        letters = [_letter(outcome) for outcome in outcomes]
        dead = sum(bool(letter.problem) for letter in letters)
        while letters:
            large = self._write(letters)
            dead += sum(not letter.problem for letter in large)
            letters = [letter.smaller() for letter in large]
        ends: dict[tuple[str, int], int] = {}
        for outcome in outcomes:
            own = outcome.message.own
            ends[own.topic(), own.partition()] = own.offset() + 1
        offsets = [TopicPartition(topic, part, end) for (topic, part), end in ends.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)
        return dead

    def _write(self, letters: Sequence[_Letter]) -> list[_Letter]:
        """Returns those that are too large. Raises KafkaException, also for one without a value."""
        refused: list[KafkaException] = []
        large: list[_Letter] = []

        def told(letter: _Letter, error: Any, _: Any = None) -> None:
            if error is None:
                return
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and letter.value:
                large.append(letter)
            else:
                refused.append(KafkaException(error))

        for letter in letters:
            topic = self._dead if letter.problem else self._mapped
            about = {"headers": letter.headers(), "on_delivery": partial(told, letter)}
            try:
                self._producer.produce(topic, letter.value, letter.key, **about)
            except KafkaException as error:
                told(letter, error.args[0])
            self._producer.poll(0)
        self._producer.flush()
        if refused:
            raise refused[0]
        return large

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()
