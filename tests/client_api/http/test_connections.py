"""What a stranger's connection costs: raw sockets against the served facade."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from bench.processes import eventually, free_ports
from client_api.http.connection import HEAD_BYTES, PIPELINED
from client_api.settings import Settings
from tests.support.fake_model import HATE, FakeGateway
from tests.support.serving import running_facade

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def served(**settings: Any) -> Iterator[Callable[[], socket.socket]]:
    """Opens connections to a facade."""
    port = free_ports(1)[0]
    with (
        running_facade(Settings(port=port, **settings), lambda _: FakeGateway()),
        ExitStack() as opened,
    ):
        yield lambda: opened.enter_context(socket.create_connection(("127.0.0.1", port), 10))


def answer(connection: socket.socket) -> tuple[int, str, dict[str, Any]]:
    """Status, media type and JSON of everything that comes until the end."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields["connection"] == "close"
    return int(lines[0].split()[1]), fields["content-type"], json.loads(body)


def send(connection: socket.socket, data: bytes) -> int:
    """Bytes that were taken before the other side hung up."""
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent : sent + 65536])
    except OSError:
        pass
    return sent


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"a" * 99_000_000, GET + b"X: " + b"a" * 99_000_000, b"\r\n" * 49_000_000],
)
def test_a_head_that_never_ends_is_not_read_on(endless: bytes) -> None:
    with served() as connect:
        assert send(connect(), endless) < 30_000_000


def test_a_head_at_the_limit_passes_and_one_beyond_is_refused() -> None:
    with served() as connect:
        inside, beyond = connect(), connect()
        filler = b"X-Filler: " + b"a" * (HEAD_BYTES - len(GET) - 100) + b"\r\n"
        inside.sendall(GET + filler + b"Connection: close\r\n\r\n")
        beyond.sendall(GET + b"X: " + b"a" * HEAD_BYTES)
        assert answer(inside)[0] == 200
        status, media_type, problem = answer(beyond)
    assert (status, media_type) == (431, "application/problem+json")
    assert problem["error_code"] == "PAYLOAD_TOO_LARGE"
    assert problem["request_id"]


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_gets_a_problem_too(nonsense: bytes) -> None:
    with served() as connect:
        connection = connect()
        connection.sendall(nonsense)
        status, media_type, problem = answer(connection)
    assert (status, media_type) == (400, "application/problem+json")
    assert problem["error_code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("begun", [b"", b"GET /", GET, GET + b"\r\n" + GET])
def test_who_does_not_go_on_is_disconnected(begun: bytes) -> None:
    """At once, in half a head, and in the second request of a connection."""
    with served(head_timeout_s=0.2) as connect:
        connection = connect()
        connection.sendall(begun)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b" 408 " in received


def test_pipelined_requests_are_answered_in_order_and_not_without_end() -> None:
    with served() as connect:
        some, many = connect(), connect()
        some.sendall((GET + b"\r\n") * (PIPELINED - 1) + GET + b"Connection: close\r\n\r\n")
        received = b""
        while chunk := some.recv(65536):
            received += chunk
        assert received.count(b"HTTP/1.1 200 OK") == PIPELINED
        assert send(many, (GET + b"\r\n") * 500_000) < 30_000_000


def test_connections_have_a_share_for_each_address_and_a_sum() -> None:
    with served(max_connections_per_address=2) as connect:
        held = [connect() for _ in range(2)]
        refused = answer(connect())
        assert (refused[0], refused[2]["error_code"]) == (429, "RATE_LIMITED")
        held[0].close()

        def is_taken() -> bool:
            connection = connect()
            connection.sendall(GET + b"Connection: close\r\n\r\n")
            return answer(connection)[0] == 200

        eventually(is_taken)
    with served(max_connections=2, trusted_proxies="127.0.0.0/8") as connect:
        held = [connect() for _ in range(2)]
        refused = answer(connect())
        assert (refused[0], refused[2]["error_code"]) == (503, "OVERLOADED")


def test_others_are_served_while_strangers_hold_what_they_may() -> None:
    port = free_ports(1)[0]
    settings = Settings(port=port, max_connections_per_address=64)
    with running_facade(settings, lambda _: FakeGateway()) as url, ExitStack() as opened:
        for number in range(63):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            connection.sendall(GET[: number % len(GET)])
        assert httpx.post(f"{url}/map", json=HATE).status_code == 200
