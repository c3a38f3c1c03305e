"""Helpers to start servers on this machine: free ports, waiting, stand-ins, the published model.

Independent of the service's packages, so that tests in other environments can import it.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_ports(count: int) -> list[int]:
    """Free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until the condition holds; fail after a time limit."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.05)


@contextmanager
def stand_ins(count: int, item_s: float) -> Iterator[list[str]]:
    """Stand-ins of Triton (`bench.harness.stand_in`) that answer by rules, in a process of the
    service's environment. item_s: seconds that an item takes. Yields their addresses.

    Raises RuntimeError when they do not start.
    """
    python = str(ROOT / ".venv/bin/python")
    serve = [python, "-m", "bench.harness.stand_in", str(count), str(item_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(serve, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        addresses = process.stdout.readline().split()
        if len(addresses) != count:
            raise RuntimeError("the stand-ins did not start")
        yield addresses


def published_models() -> Path:
    """The model repository of this checkout."""
    from client_api.settings import Settings
    from engine.versions import published_versions

    repository = ROOT / Settings().model_repository
    assert published_versions(repository / "llama_mapper"), (
        "no published model: run `make export-model` first"
    )
    return repository
