"""Consumers on librdkafka's own mock cluster and on a real Redis."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from bench.processes import eventually
from llama_mapper.bulk import Endpoints, PairMapper
from llama_mapper.streams import Counts, Outcome, Stream, consume
from llama_mapper.streams.kafka import KafkaStream
from llama_mapper.streams.redis import RedisStream
from tests.engines.conftest import DETECTOR, OUTPUTS

BAD = (b"no JSON", b'{"detector": "presidio"}', b"\xff", b"[]")


def values(count: int) -> list[bytes]:
    """Messages, `BAD` among them."""
    good = [
        json.dumps({"id": i, "detector": DETECTOR, "output": OUTPUTS[i % len(OUTPUTS)]}).encode()
        for i in range(count)
    ]
    return [*good[:10], *BAD, *good[10:]]


class Broker(Protocol):
    """How a test writes to and reads from either kind of stream."""

    def send(self, messages: Sequence[bytes]) -> None: ...

    def stream(self) -> Any: ...

    def received(self, mapped: int, dead: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Values by id of their message, mapped and dead, once there are so many."""
        ...


class Kafka(Broker):
    def __init__(self) -> None:
        self._cluster = Producer({"test.mock.num.brokers": 1})
        (broker,) = self._cluster.list_topics(timeout=30).brokers.values()
        self.servers = f"{broker.host}:{broker.port}"

    def send(self, messages: Sequence[bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.servers})
        for message in messages:
            producer.produce("outputs", message)
        producer.flush()

    def stream(self, group: str = "mapper", **settings: Any) -> KafkaStream:
        # The mock cluster waits for members that have left.
        short = {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500}
        topics = ("outputs", "mapped", "dead")
        return KafkaStream(self.servers, group, *topics, settings=settings, consumer=short)

    def written(self, topic: str) -> int:
        """How many messages a topic holds."""
        reader = Consumer({"bootstrap.servers": self.servers, "group.id": "test-count"})
        parts = reader.list_topics(topic).topics[topic].partitions
        ends = [reader.get_watermark_offsets(TopicPartition(topic, part))[1] for part in parts]
        reader.close()
        return sum(ends)

    def received(self, mapped: int, dead: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
        return self._read("mapped", mapped), self._read("dead", dead)

    def _read(self, topic: str, count: int) -> dict[str, bytes]:
        return {m.key().decode(): m.value() for m in self.messages(topic, count)}

    def messages(self, topic: str, count: int) -> list[Any]:
        """One of each key."""
        settings = {"bootstrap.servers": self.servers, "group.id": f"test-{topic}"}
        consumer = Consumer(settings | {"auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        found: dict[bytes, Any] = {}

        def read() -> bool:
            found.update((m.key(), m) for m in consumer.consume(1000, 1.0))
            return len(found) >= count

        eventually(read)
        consumer.close()
        return [*found.values()]


class Redis(Broker):
    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            self._redis.xadd("outputs", {"value": message})

    def stream(self) -> RedisStream:
        own = {"consumer": "one", "mapped": "mapped", "dead": "dead"}
        return RedisStream(self._redis, "mapper", "outputs", **own)

    def received(self, mapped: int, dead: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
        assert self._redis.xlen("mapped") == mapped
        assert self._redis.xlen("dead") == dead
        return self._read("mapped"), self._read("dead")

    def _read(self, key: str) -> dict[str, bytes]:
        entries: Any = self._redis.xrange(key)
        return {fields[b"source"].decode(): fields[b"value"] for _, fields in entries}


@contextmanager
def redis_server(folder: Path) -> Iterator["redis.Redis"]:
    program = shutil.which("redis-server")
    assert program, "install Debian's redis-server"
    socket = folder / "socket"
    options = ("--port", "0", "--unixsocket", str(socket), "--dir", str(folder))
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        client = redis.Redis(unix_socket_path=str(socket))
        try:
            eventually(socket.exists)
            yield client
        finally:
            client.close()
            process.terminate()


@pytest.fixture(params=["kafka", "redis"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    if request.param == "kafka":
        yield Kafka()
        return
    with redis_server(tmp_path) as client:
        yield Redis(client)


def enough(count: int) -> Callable[[Counts], bool]:
    return lambda counts: counts.mapped + counts.dead >= count


def assert_all_came_once(broker: Broker, count: int, expected: dict[str, tuple[str, ...]]) -> None:
    mapped, dead = broker.received(count, len(BAD))
    assert sorted(dead.values()) == sorted(BAD)
    rows = [json.loads(value) for value in mapped.values()]
    assert sorted(row["id"] for row in rows) == list(range(count))
    assert all(tuple(row["mapped"]["taxonomy"]) == expected[row["output"]] for row in rows)


def test_each_message_comes_out_once(
    broker: Broker, url: str, expected: dict[str, tuple[str, ...]]
) -> None:
    broker.send(values(300))
    taken: list[int] = []
    with broker.stream() as stream:
        counts = consume(
            watched(stream, taken.append),
            Endpoints([url]),
            permits=50,
            until=enough(300 + len(BAD)),
        )
    assert (counts.mapped, counts.dead) == (300, len(BAD))
    assert max(taken) <= 50
    assert_all_came_once(broker, 300, expected)


def test_triton_answers_as_the_service_does(url: str, triton: PairMapper) -> None:
    kafka = Kafka()
    kafka.send(values(20))
    streams = {"at-triton": triton, "by-rest": Endpoints([url])}
    for group, endpoints in streams.items():
        stream = KafkaStream(kafka.servers, group, "outputs", group, "dead")
        with stream:
            consume(stream, endpoints, until=enough(20 + len(BAD)))
    at_triton, by_rest = (
        {m.key(): json.loads(m.value()) for m in kafka.messages(topic, 20)} for topic in streams
    )
    assert len(at_triton) == 20
    assert at_triton == by_rest


def watched(stream: Any, taken: Callable[[int], None]) -> Any:
    """The stream; tells how many messages it gave at once."""
    take = stream.take

    def told(most: int) -> Any:
        found = take(most)
        taken(len(found))
        return found

    stream.take = told
    return stream


class LostError(Exception):
    """A process that ends."""


@pytest.mark.parametrize("written", [True, False])
def test_a_process_that_ends_neither_loses_nor_repeats(
    broker: Broker, url: str, expected: dict[str, tuple[str, ...]], written: bool
) -> None:
    """written: whether it ends after its outcomes are written, or before."""
    broker.send(values(300))
    settled = 0

    def lose(stream: Stream) -> Stream:
        settle = stream.settle

        def ends(outcomes: Sequence[Outcome]) -> int:
            nonlocal settled
            if written:
                settled = len(outcomes) // 2
                settle(outcomes[:settled])
            raise LostError

        stream.settle = ends  # type: ignore[method-assign]
        return stream

    with broker.stream() as first, pytest.raises(LostError):
        consume(lose(first), Endpoints([url]), permits=50)
    with broker.stream() as second:
        done = enough(300 + len(BAD) - settled)
        consume(second, Endpoints([url]), permits=50, until=done)
    assert_all_came_once(broker, 300, expected)


def test_an_outcome_that_is_written_twice_has_one_key(url: str) -> None:
    """As when a process ends between the acknowledgement of its outcomes and of their messages."""
    kafka = Kafka()
    kafka.send(values(20))
    for group in ("mapper", "mapper-again"):
        with kafka.stream(group) as stream:
            consume(stream, Endpoints([url]), until=enough(20 + len(BAD)))
    mapped, dead = kafka.received(20, len(BAD))
    assert len(mapped) == 20
    assert len(dead) == len(BAD)
    assert kafka.written("mapped") == 40


LIMIT = 2000


def padded(note: str, pad: int) -> bytes:
    row = {"note": note, "detector": DETECTOR, "output": OUTPUTS[0], "pad": "x" * pad}
    return json.dumps(row).encode()


def strict_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse values over `LIMIT` as a broker does, which the mock cluster does not: by the report
    of the delivery."""

    class Strict(Producer):
        def produce(self, topic: str, value: bytes, *args: Any, **more: Any) -> None:
            if len(value) > LIMIT:
                more["on_delivery"](KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)
            else:
                super().produce(topic, value, *args, **more)

    monkeypatch.setattr("llama_mapper.streams.kafka.Producer", Strict)


@pytest.mark.parametrize("by", ["producer", "broker"])
def test_an_outcome_that_is_too_large_is_a_dead_letter_that_says_so(
    url: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "broker":
        strict_broker(monkeypatch)
    settings = {"message.max.bytes": LIMIT} if by == "producer" else {}
    bad, oversized = b"no JSON " + b"x" * (LIMIT - 8), b"larger: " + b"x" * 5 * LIMIT
    good = padded("good", LIMIT - 300)
    kafka = Kafka()
    kafka.send([bad, good, oversized, padded("small", 0)])
    with kafka.stream(**settings) as stream:
        counts = consume(stream, Endpoints([url]), until=enough(4))
    assert (counts.mapped, counts.dead) == (1, 3)
    (mapped,) = kafka.messages("mapped", 1)
    assert json.loads(mapped.value())["note"] == "small"
    dead = {m.value()[:8]: (m.value(), dict(m.headers())) for m in kafka.messages("dead", 3)}
    value, headers = dead[good[:8]]
    assert value == good
    assert b"larger than the producer or the broker takes" in headers["problem"]
    assert "cut" not in headers
    for whole in (bad, oversized) if by == "producer" else (oversized,):
        value, headers = dead[whole[:8]]
        assert whole.startswith(value)
        assert LIMIT / 4 < len(value) < len(whole)
        assert headers["cut"].decode() == f"the first {len(value)} of {len(whole)} bytes"
        assert headers["problem"].startswith(b"the line is not JSON")
