"""Kafka, by confluent-kafka: at least once, with outcomes that are identified by their key."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from llama_mapper.streams.consume import Message, Outcome

_WAIT_S = 1.0
# Longer than the client's waits for a lost service.
_POLL_INTERVAL_MS = 600_000


class KafkaStream:
    """One member of a consumer group.

    mapped, dead: topics of the outcomes. An outcome's key is `topic/partition/offset` of its
    message, so that a compacted topic keeps one of two; a dead letter has the message's own value,
    and the header `problem`. settings, consumer: more settings of librdkafka, for producer and
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

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """See `Stream`. Raises KafkaException."""
        refused: list[Any] = []

        def told(error: Any, message: Any) -> None:
            if error is not None:
                refused.append(error)

        for outcome in outcomes:
            message, about = outcome.message, {"key": outcome.message.id, "on_delivery": told}
            if outcome.value is None:
                headers = {"problem": outcome.problem}
                self._producer.produce(self._dead, message.value, headers=headers, **about)
            else:
                self._producer.produce(self._mapped, outcome.value, **about)
            self._producer.poll(0)
        self._producer.flush()
        if refused:
            raise KafkaException(refused[0])
        ends: dict[tuple[str, int], int] = {}
        for outcome in outcomes:
            own = outcome.message.own
            ends[own.topic(), own.partition()] = own.offset() + 1
        offsets = [TopicPartition(topic, part, end) for (topic, part), end in ends.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()
