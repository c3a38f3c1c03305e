"""A copy of this checkout in which the commands of a page run, beside what `make serve` started.

The pages say `127.0.0.1:8080` and Triton's own ports; commands run with free ones instead.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.processes import eventually, free_ports, published_models
from tools.doc_blocks import ROOT

START_TIMEOUT_S = 240.0
COMMAND_TIMEOUT_S = 600.0
_PORTS = {
    8080: "MAPPER_PORT",
    8000: "MAPPER_TRITON_HTTP_PORT",
    8001: "MAPPER_TRITON_GRPC_PORT",
    8002: "MAPPER_TRITON_METRICS_PORT",
}
_ENVIRONMENTS = (".venv", ".venv-uv", ".venv-export")


@dataclass(frozen=True)
class Checkout:
    """The copy's folder, and the port that is used for each port that the pages name."""

    folder: Path
    ports: dict[int, int]

    @property
    def environment(self) -> dict[str, str]:
        """That of a shell in which `.venv` is active; `mapper` asks the copy's service."""
        own = {name: str(self.ports[port]) for port, name in _PORTS.items()}
        # What docs/review.md says to start the service with.
        own |= {"MAPPER_REVIEW_DIR": "build/review", "MAPPER_REVIEW_NAMES": "true"}
        own["MAPPER_DETECTORS_DIR"] = str(self.folder / "own-detectors")
        own["MAPPER_URL"] = f"http://127.0.0.1:{self.ports[8080]}"
        path = f"{self.folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        dropped = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAPPER_MODE_STATE_FILE")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**kept, "PATH": path, "VIRTUAL_ENV": str(self.folder / ".venv"), **own}

    def with_free_ports(self, text: str) -> str:
        """A command of a page as it is run."""
        return _replace(text, self.ports)

    def with_usual_ports(self, text: str) -> str:
        """An answer as a page shows it."""
        return _replace(text, {used: usual for usual, used in self.ports.items()})


class Shell:
    """One shell per page: variables that are exported, and the folder, outlast a block."""

    def __init__(self, checkout: Checkout, state: Path) -> None:
        self._checkout, self._state = checkout, state
        state.write_text(f"cd {checkout.folder}\n", encoding="utf-8")

    def run(self, language: str, text: str) -> str:
        """What the block printed. Raises AssertionError when it fails."""
        asked = self._checkout.with_free_ports(text)
        if language == "python":
            asked = f"python - <<'END_OF_BLOCK'\n{asked}\nEND_OF_BLOCK"
        state = self._state
        script = (
            f"set -eo pipefail\n. {state}\n{asked}\n{{ export -p; echo cd '\"'$PWD'\"'; }} >{state}"
        )
        ran = subprocess.run(
            ["bash", "-c", script],
            env=self._checkout.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, f"exit {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return self._checkout.with_usual_ports(ran.stdout)


@contextmanager
def served(folder: Path) -> Iterator[Checkout]:
    """A copy in `folder` with `make serve` running, when the model answers."""
    _copy(folder)
    checkout = Checkout(folder, dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True)))
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            ["make", "-s", "serve"],
            cwd=folder,
            env=checkout.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        health = f"http://127.0.0.1:{checkout.ports[8080]}/health/model"
        eventually(lambda: process.poll() is not None or _is_up(health), START_TIMEOUT_S)
        assert process.poll() is None, (folder / "serve.log").read_text("utf-8")[-3000:]
        yield checkout
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0).status_code == 200
    except httpx.TransportError:
        return False


def _copy(folder: Path) -> None:
    (folder / "own-detectors").mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Two versions, as after `make export-model`: some pages switch between them.
    newest = max(published_models().glob("llama_mapper/[0-9]*"), key=lambda path: int(path.name))
    for number in "12":
        shutil.copytree(newest, folder / "model_repository/llama_mapper" / number)
    # Older than the environments, or `make` would install the copy into the checkout's own.
    for file in (folder / "pyproject.toml", *(folder / "requirements").glob("*")):
        os.utime(file, (0, 0))
    for name in _ENVIRONMENTS:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)


def _replace(text: str, ports: dict[int, int]) -> str:
    known = "|".join(map(str, ports))
    return re.sub(
        rf"\b(localhost|127\.0\.0\.1):({known})\b",
        lambda found: f"{found[1]}:{ports[int(found[2])]}",
        text,
    )
