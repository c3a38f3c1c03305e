"""The facade for tests that run in another environment than the service's: a process of that one,
which answers by rules.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.processes import ROOT, eventually, free_ports

_START_TIMEOUT_S = 240.0


@contextmanager
def rules_facade(folder: Path) -> Iterator[str]:
    """Yields its URL. folder: for its state and its log."""
    (port,) = free_ports(1)
    own = {
        "MAPPER_PORT": str(port),
        "MAPPER_MODE": "rules_only",
        "MAPPER_MODE_STATE_FILE": str(folder / "mode.json"),
    }
    command = [ROOT / ".venv/bin/python", "-m", "client_api", "facade"]
    url, log = f"http://127.0.0.1:{port}", folder / "facade.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stdout=out, stderr=out
        ) as process,
    ):
        try:
            eventually(lambda: process.poll() is not None or _is_up(url), _START_TIMEOUT_S)
            assert process.poll() is None, log.read_text("utf-8")
            yield url
        finally:
            process.terminate()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").is_success
    except httpx.TransportError:
        return False
