"""`python -m tools.first_start`: the time from a clone to its first answers, step by step.

In: this checkout's last commit, cloned into an empty folder, and the default package index
(`PIP_CONFIG_FILE=/dev/null`, an empty cache). Out: one line per step. It starts `make serve` twice
on free ports, sends requests as a client, and removes everything. Needs only Python, make and git.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Without curated entries of this detector, no rule answers instead of the model.
_ASKED = {"detector": "a-guard-of-my-own", "output": "hate speech"}
_POLL_S = 0.25
_PORTS = ("PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT")
_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "REQUESTS_CA_BUNDLE")


class TooSlowError(RuntimeError):
    """The answer did not come in time, or `make serve` ended."""


def plain_environment(folder: Path) -> dict[str, str]:
    """An environment without configuration of pip or uv, except certificates."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(folder / "cache")}


def measure(folder: Path, timeout_s: float = 600.0) -> dict[str, float]:
    """Seconds by step. folder: an empty one; the clone stays in it as `clone`.

    Raises TooSlowError when an answer takes longer than `timeout_s`.
    """
    clone = folder / "clone"
    seconds: dict[str, float] = {}
    began = time.monotonic()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    seconds["clone"] = time.monotonic() - began
    environment = plain_environment(folder)
    make(clone, environment, ".venv/.built")
    seconds["install"] = time.monotonic() - began - seconds["clone"]
    for start in ("first", "second"):
        started = time.monotonic()
        with _serving(clone, environment) as url:
            for source in ("rules", "model"):
                _wait_for(url, source == "model", started + timeout_s)
                seconds[f"{start} start, {source}"] = time.monotonic() - started
        if start == "first":
            seconds["clone to the model's answer"] = time.monotonic() - began
    return seconds


def make(clone: Path, environment: Mapping[str, str], target: str) -> None:
    """Make one target in a clone. Raises CalledProcessError."""
    subprocess.run(["make", "-s", target], cwd=clone, env=dict(environment), check=True)


@contextlib.contextmanager
def _serving(clone: Path, environment: Mapping[str, str]) -> Iterator[str]:
    ports = [str(_free_port()) for _ in _PORTS]
    chosen = {f"MAPPER_{name}": port for name, port in zip(_PORTS, ports, strict=True)}
    with (clone.parent / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            ["make", "-s", "serve"],
            cwd=clone,
            env={**environment, **chosen},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{ports[0]}/map"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _wait_for(url: str, by_model: bool, end: float) -> None:
    request = urllib.request.Request(
        url, json.dumps(_ASKED).encode(), {"Content-Type": "application/json"}
    )
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5.0) as response:
            if json.load(response)["source"] == "model" or not by_model:
                return
        time.sleep(_POLL_S)
    raise TooSlowError("no answer in time")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def main() -> int:
    """Measure, print and clean up."""
    argparse.ArgumentParser(prog="tools.first_start", description=__doc__).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mapper-first-start-"))
    try:
        for step, took in measure(folder).items():
            print(f"{step:30}{took:8.1f} s")
    except (TooSlowError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
