"""Helpers to start servers on this machine: free ports, waiting, the published model.

Independent of the service's packages, so that tests in other environments can import it.
"""

import socket
import time
from collections.abc import Callable
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


def published_models() -> Path:
    """The model repository of this checkout."""
    from client_api.settings import Settings
    from engine.versions import published_versions

    repository = ROOT / Settings().model_repository
    assert published_versions(repository / "llama_mapper"), (
        "no published model: run `make export-model` first"
    )
    return repository
