"""What clients send to use up memory, against the facade's own process: it stays flat and serves.

Triton is not there, so every accepted item is read and answered in this process, by rules.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from bench.processes import ROOT, eventually, free_ports

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
HATE = {"detector": "openai-moderation", "output": "hate"}
AT_ONCE = 16
# A second round may cost what an allocator keeps, not what was sent again.
FLAT = 48 * MIB


@dataclass(frozen=True)
class Facade:
    """A running `python -m client_api facade`, and connections to it."""

    process: psutil.Process
    port: int
    http: httpx.Client

    def resident(self) -> int:
        return int(self.process.memory_info().rss)

    def most_resident(self) -> int:
        """Since the process began; the kernel's own count, which misses no peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        [kib] = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(kib) * 1024

    def serves(self) -> bool:
        """Whether an ordinary client is answered, after whoever is still before it."""
        answer = self.http.post("/map", json=HATE)
        return answer.status_code == 200 and answer.json()["taxonomy"] == ["HARM.SPEECH.Hate.Other"]


@pytest.fixture(scope="module")
def facade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    folder = tmp_path_factory.mktemp("facade")
    port, nobody = free_ports(2)
    environment = {
        "MAPPER_PORT": str(port),
        "MAPPER_TRITON_URL": f"127.0.0.1:{nobody}",
        "MAPPER_MODE_STATE_FILE": str(folder / "mode.json"),
        "MAPPER_STARTUP_GRACE_S": "1",
        # Kept answers are meant to take memory; so little of it that they are not what is seen.
        "MAPPER_IDEMPOTENCY_MAX_BYTES": str(4 * MIB),
    }
    with (folder / "facade.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "client_api", "facade"],
            env=os.environ | environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)

    def ready() -> bool:
        assert started.poll() is None, (folder / "facade.log").read_text()[-5000:]
        with contextlib.suppress(httpx.TransportError):
            return http.get("/health/ready").status_code == 200
        return False

    try:
        with http:
            eventually(ready)
            yield Facade(psutil.Process(started.pid), port, http)
    finally:
        started.terminate()
        started.wait(60)


@pytest.fixture(scope="module")
def allowed() -> int:
    """Bytes that the chart gives a facade; beyond them the kernel kills it."""
    values = yaml.safe_load((ROOT / "helm/llama-mapper/values.yaml").read_text(encoding="utf-8"))
    text = values["facade"]["resources"]["limits"]["memory"]
    assert text.endswith("Mi"), text
    return int(text.removesuffix("Mi")) * MIB


def post(facade: Facade, path: str, body: bytes | Iterator[bytes], **headers: str) -> int:
    """The status; 0 when the connection was closed on a client that would not stop."""
    try:
        return facade.http.post(path, content=body, headers=JSON | headers).status_code
    except httpx.TransportError:
        return 0


def declared(facade: Facade, path: str, length: int) -> int:
    """The status for a body that is announced and never sent."""
    with socket.create_connection(("127.0.0.1", facade.port), timeout=60) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        client.sendall(head.encode())
        return int(client.makefile("rb").readline().split()[1])


def streamed_bodies(facade: Facade) -> set[int]:
    """Many times the limit, in chunks, without saying how much it will be."""

    def one(number: int) -> int:
        path = ("/map", "/map/batch")[number % 2]
        return post(facade, path, (b" " * MIB for _ in range(64)))

    return _all(one, AT_ONCE)


def declared_bodies(facade: Facade) -> set[int]:
    """Announced as a terabyte, and as just above each limit."""
    sizes = {"/map": 500_000, "/map/batch": 9 * MIB}

    def one(number: int) -> int:
        path = ("/map", "/map/batch")[number % 2]
        return declared(facade, path, 10**12 if number % 3 else sizes[path])

    return _all(one, 24)


def withheld_bodies(facade: Facade) -> set[int]:
    """Batches that each may be sent, all of them begun and none of them finished."""
    with contextlib.ExitStack() as held:
        for _ in range(60):
            client = held.enter_context(socket.create_connection(("127.0.0.1", facade.port), 60))
            head = f"POST /map/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {7 * MIB}\r\n"
            # The last of them are cut off while they send.
            with contextlib.suppress(OSError):
                client.sendall(f"{head}\r\n".encode() + b" " * 6 * MIB)
        # As long as they hold all that there is for bodies, others may be told to come back.
        return {post(facade, "/map", json.dumps(HATE).encode())}


def deep_json(facade: Facade) -> set[int]:
    """Nested as far as the body goes, open-ended and closed, and just beyond the limit."""
    many, few = 4_000_000, 150_000
    bodies = [
        ("/map/batch", b'{"requests": [' + b"[" * many),
        ("/map/batch", b'{"requests": [' + b"[" * 3_900_000 + b"]" * 3_900_000 + b"]}"),
        ("/map", b'{"detector": "d", "output": ' + b"[" * few + b"]" * few + b"}"),
        ("/map", b'{"detector": "d", "output": ' + b'{"a":' * 60_000 + b"1" + b"}" * 60_001),
        ("/map", b'{"detector": "d", "output": ' + b"[" * 600 + b"]" * 600 + b"}"),
        ("/map", b'{"detector": "d", "metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 41),
    ]
    return _all(lambda number: post(facade, *bodies[number % len(bodies)]), 48)


def wide_batches(facade: Facade) -> set[int]:
    """Batches of as many values as bytes allow: too many items, values, and bytes of an item."""
    values = b",".join([b"0"] * 9_000)
    item = b'{"detector": "d", "output": [%s]}' % values
    bodies = [
        b'{"requests": [%s]}' % b",".join([b"[]"] * 2_700_000),
        b'{"requests": [%s]}' % b",".join([b"{}"] * 490_000),
        b'{"requests": [%s]}' % b",".join([item] * 101),
        b'{"requests": [{"detector": "d", "output": [%s]}]}' % b",".join([values] * 4),
        b'{"requests": [{"detector": "d", "output": "%s"}]}' % (b"a" * 8_000_000),
    ]
    return _all(lambda number: post(facade, "/map/batch", bodies[number % len(bodies)]), 20)


def fine_batches(facade: Facade) -> set[int]:
    """As large as they may be in everything: 100 items of thousands of values each."""
    texts = b'{"detector": "d", "output": {"labels": [%s]}}' % b",".join([b'"hate"'] * 5_000)
    lists = b'{"detector": "d", "output": [%s]}' % b",".join([b"[]"] * 4_900)
    bodies = [b'{"requests": [%s]}' % b",".join([item] * 100) for item in (texts, lists)]
    budget = {"X-Budget-Ms": "1000"}
    return _all(lambda number: post(facade, "/map/batch", bodies[number % 2], **budget), 24)


def endless_names(facade: Facade) -> set[int]:
    """A detector, a tenant, labels and an Idempotency-Key that nobody has sent before."""

    def one(_: int) -> int:
        name = f"new-{os.urandom(12).hex()}"
        body = json.dumps({"detector": name, "output": [f"{name}:{n}" for n in range(40)]})
        return post(facade, "/map", body.encode(), **{"X-Tenant-ID": name, "Idempotency-Key": name})

    return _all(one, 600)


def _all(one: Callable[[int], int], times: int) -> set[int]:
    with ThreadPoolExecutor(AT_ONCE) as clients:
        return set(clients.map(one, range(times)))


@pytest.mark.parametrize(
    ("abuse", "answers"),
    [
        (streamed_bodies, {413, 0}),
        (declared_bodies, {413}),
        (withheld_bodies, {200, 503}),
        (deep_json, {400, 413, 422, 503}),
        (wide_batches, {200, 413, 422, 503}),
        (fine_batches, {200, 503}),
        (endless_names, {200}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_memory_stays_flat_and_the_service_answers(
    abuse: Callable[[Facade], set[int]], answers: set[int], facade: Facade, allowed: int
) -> None:
    assert abuse(facade) <= answers
    eventually(facade.serves)
    settled = facade.resident()
    assert abuse(facade) <= answers
    eventually(facade.serves)
    assert facade.resident() - settled < FLAT
    assert facade.most_resident() < allowed, f"{facade.most_resident() // MIB} MiB at the most"
