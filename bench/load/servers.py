"""`python -m bench.load.servers PYTHON`: the cost of hostile connections on several ASGI servers.

In: an interpreter with uvicorn, hypercorn and granian. Out: the table of docs/security.md. Each
server serves the same small application, ours the facade. It gets an endless header, pipelined
requests whose answers are not read, and silent connections.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil

from bench.processes import ROOT, eventually, free_ports
from tools import markdown

PAGE: Final = ROOT / "docs/security.md"
_MB: Final = 1_000_000
_HEADER: Final = 64 * _MB
_PIPELINED: Final = 20_000
_CONNECTIONS: Final = 600
#: Longer than our timeout for a head, which is 10 s.
_IDLE_S: Final = 15.0
_APP: Final = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 10000})
"""
_REQUEST: Final = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"


def servers(python: str, port: str) -> dict[str, Sequence[str]]:
    """Commands by name."""
    own = {
        "uvicorn": ("--port", port, "--log-level", "error", "--http", "httptools"),
        "hypercorn": ("--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        "granian": ("--port", port, "--interface", "asgi", "--no-log", "--workers", "1"),
    }
    found: dict[str, Sequence[str]] = {
        name: (python, "-m", name, *options, "app:app") for name, options in own.items()
    }
    return found | {"uvicorn with our limits": (sys.executable, "-m", "client_api", "facade")}


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[psutil.Process]:
    """The server, with its child processes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(_APP)
        log = (Path(folder) / "log").open("wb")
        env = os.environ | {"MAPPER_PORT": str(port), "PYTHONPATH": f"{folder}:{ROOT}"}
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            eventually(lambda: _connects(port))
            yield psutil.Process(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its workers, too
            process.wait()
            log.close()


def _connects(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def _mb(process: psutil.Process) -> float:
    family = (process, *process.children(recursive=True))
    return float(sum(one.memory_info().rss for one in family)) / _MB


def endless_header(port: int) -> str:
    """The part of a header that the server accepts."""
    sent, part = 0, b"a" * 65_536
    with socket.create_connection(("127.0.0.1", port)) as one, contextlib.suppress(OSError):
        one.settimeout(5.0)
        one.sendall(_REQUEST + b"X-Long: ")
        while sent < _HEADER:
            sent += one.send(part)
    return f"{'all' if sent >= _HEADER else 'ended within'} {sent / _MB:.1f} MB"


def pipelined(port: int) -> str:
    """Whether the server continues if many requests are sent at once and no answer is read."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.settimeout(3.0)
        try:
            one.sendall((_REQUEST + b"\r\n") * _PIPELINED)
            time.sleep(1.0)
            one.send(b"G")
            time.sleep(0.2)
            one.send(b"E")
        except TimeoutError:
            return "held, no more is read"
        except OSError:
            return "ended"
    return "held"


def silent(port: int) -> str:
    """The number of connections that are accepted and still open after a while."""
    held = []
    for n in range(_CONNECTIONS):
        with contextlib.suppress(OSError):
            one = socket.create_connection(("127.0.0.1", port), timeout=2.0)
            one.sendall(_REQUEST if n % 2 else b"")
            held.append(one)
    time.sleep(_IDLE_S)
    still = sum(_is_open(one) for one in held)
    for one in held:
        one.close()
    return f"{still} of {_CONNECTIONS} open after {_IDLE_S:.0f} s"


def _is_open(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main(python: str) -> None:
    """Measure all, and write the page."""
    attacks: tuple[Callable[[int], str], ...] = (endless_header, pipelined, silent)
    rows = []
    for name in servers(python, "0"):
        cells = []
        for attack in attacks:
            [port] = free_ports(1)
            with running(servers(python, str(port))[name], port) as process:
                before = _mb(process)
                said = attack(port)
                cells.append(f"{said}, {_mb(process) - before:+.0f} MB")
        rows.append((name, *cells))
        print(*rows[-1], sep=" | ", flush=True)
    head = ("server", "a header of 64 MB", "pipelined, answers unread", "silent and half-sent")
    text = f"{markdown.table(head, rows)}"
    PAGE.write_text(markdown.render(PAGE.read_text("utf-8"), {"servers": text}), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
