"""What Triton's image runs, against a real Triton: the launcher, and the canary of the probes."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.processes import ROOT, eventually, free_ports
from client_api.triton.install import environment, find_installation, link_runtime
from tests.support.serving import publish_tiny

pytestmark = [pytest.mark.slow, pytest.mark.triton]

LAUNCHER = ROOT / "helm" / "images" / "triton" / "launch.py"
CANARY = ROOT / "client_api" / "upstream" / "probe.py"


@dataclass(frozen=True)
class Launched:
    """A Triton that the launcher became; http: its port, where the probes ask."""

    process: subprocess.Popen[bytes]
    http: int
    grpc: int

    def get(self, path: str, data: bytes | None = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.http}/v2/{path}"
        try:
            with urllib.request.urlopen(url, data, timeout=10) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self) -> bool:
        assert self.process.poll() is None, "Triton ended; its log is triton.log"
        with contextlib.suppress(OSError):
            return self.get("models/mapper/ready")[0] == 200
        return False


def canary(port: int, *options: str) -> subprocess.CompletedProcess[str]:
    """As the probes call it: no site-packages, no environment."""
    command = [sys.executable, "-I", "-S", str(CANARY), "--url", f"http://127.0.0.1:{port}"]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, timeout=60
    )


@contextlib.contextmanager
def launched(models: Path, into: Path, *options: str, **env: str) -> Iterator[Launched]:
    installation = find_installation()
    runtime = link_runtime(installation)
    http, grpc, metrics = free_ports(3)
    with (into / "triton.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, str(LAUNCHER), f"--models={models}", f"--into={into}", *options),
                *(f"--binary={installation.binary}", "--", "--http-address=127.0.0.1"),
                *(f"--http-port={http}", f"--grpc-port={grpc}", f"--metrics-port={metrics}"),
                *(f"--backend-directory={runtime / 'backends'}", "--allow-gpu-metrics=false"),
                *("--grpc-max-connection-age=60000", "--grpc-max-connection-age-grace=30000"),
                *("--grpc-http2-min-recv-ping-interval-without-data=2000",),
                "--exit-timeout-secs=5",
            ],
            env=environment(installation) | env,
            cwd=runtime,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    triton = Launched(process, http, grpc)
    try:
        eventually(triton.ready, 120)
        yield triton
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def two_versions(tiny_repository: Path) -> Path:
    publish_tiny(tiny_repository / "llama_mapper" / "2", seed=2)
    return tiny_repository


def test_a_version_that_is_chosen_is_the_only_one_served(
    two_versions: Path, tmp_path: Path
) -> None:
    with launched(two_versions, tmp_path, "--version=1") as triton:
        assert triton.get("models/llama_mapper")[1]["versions"] == ["1"]
        assert canary(triton.http).returncode == 0
        status, _ = triton.get("repository/index", b"{}")
        assert status in (401, 403), "a client could load models"


def test_without_a_choice_the_newest_of_the_store_serves(
    two_versions: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for version in ("1", "2"):
        (two_versions / "llama_mapper" / version).rename(store / version)
    with launched(two_versions, tmp_path, f"--store={store}") as triton:
        assert triton.get("models/llama_mapper")[1]["versions"] == ["1", "2"]


def refused(models: Path, into: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The launcher where it starts no Triton."""
    arguments = [f"--models={models}", f"--into={into}", "--binary=true", *options]
    return subprocess.run(
        [sys.executable, str(LAUNCHER), *arguments], capture_output=True, text=True, check=False
    )


def test_a_version_whose_manifest_is_another_is_not_served(
    two_versions: Path, tmp_path: Path
) -> None:
    manifest = two_versions / "llama_mapper" / "2" / "manifest.json"
    digest = f"--manifest=sha256:{hashlib.sha256(manifest.read_bytes()).hexdigest()}"
    assert refused(two_versions, tmp_path, "--version=2", digest).returncode == 0
    manifest.write_bytes(manifest.read_bytes() + b" ")
    ended = refused(two_versions, tmp_path, "--version=2", digest)
    assert ended.returncode == 1
    assert str(manifest) in ended.stderr.replace(str(manifest.resolve()), str(manifest))
    assert refused(two_versions, tmp_path, digest).returncode == 2


def test_a_version_that_is_a_link_out_of_the_store_is_none(
    two_versions: Path, tmp_path: Path
) -> None:
    version = two_versions / "llama_mapper" / "2"
    version.rename(tmp_path / "elsewhere")
    version.symlink_to(tmp_path / "elsewhere")
    assert "there: 1." in refused(two_versions, tmp_path, "--version=2").stderr


def test_a_version_that_is_not_there_is_named(two_versions: Path, tmp_path: Path) -> None:
    ended = refused(two_versions, tmp_path, "--version=7")
    assert ended.returncode == 1
    assert "version 7 of llama_mapper is not in" in ended.stderr
    assert "there: 1, 2" in ended.stderr


def test_the_canary_sees_a_dead_python_model(tiny_repository: Path, tmp_path: Path) -> None:
    with launched(tiny_repository, tmp_path) as triton:
        assert canary(triton.http, "--answer", "any").returncode == 0
        for stub in psutil.Process(triton.process.pid).children(recursive=True):
            stub.kill()
        seen = canary(triton.http, "--answer", "any", "--timeout", "10")
        assert seen.returncode == 1
        assert "Triton" in seen.stderr


def test_the_kill_switch_does_not_fail_the_canary(tiny_repository: Path, tmp_path: Path) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text("mode: rules_only\n")
    with launched(tiny_repository, tmp_path, MAPPER_POLICIES_FILE=str(policies)) as triton:
        assert canary(triton.http, "--answer", "model").returncode == 0


def test_the_canary_does_not_wait_for_ever() -> None:
    [port] = free_ports(1)
    assert canary(port).returncode == 1
