"""Versions that are switched while a Triton and a facade serve them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.faults.deployment import stand_in_manifest
from bench.processes import ROOT, eventually, free_ports
from client_api.settings import Settings
from client_api.triton.server import LocalTriton
from client_api.triton.versions import MODEL
from client_api.triton.watchdog import Watchdog
from engine.manifest import write_manifest
from engine.versions import read_choice
from tests.support.serving import local_triton, publish_tiny, running_facade

BODY = {"detector": "openai-moderation", "output": "hate"}


def command(
    repository: Path, *arguments: str, folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """What `make versions`, `make promote` and `make rollback` run."""
    return subprocess.run(
        [sys.executable, "-m", "client_api", *arguments],
        env=os.environ | {"MAPPER_MODEL_REPOSITORY": str(repository)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def succeeds(repository: Path, *arguments: str) -> str:
    done = command(repository, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(repository: Path, *arguments: str) -> str:
    done = command(repository, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def chosen(repository: Path) -> tuple[int, int | None]:
    choice = read_choice(repository)
    assert choice is not None
    return choice.version, choice.previous


def publish_stand_in(repository: Path, number: int) -> None:
    """A version that knows the golden set; its answers say `stand-in-<number>`."""
    version = repository / MODEL / str(number)
    version.mkdir(exist_ok=True)
    shutil.copy(ROOT / "bench/faults/stand_in_model.py", version / "model.py")
    write_manifest(version, stand_in_manifest(number))


def publish_ignorant(repository: Path, number: int) -> None:
    """A version that loads and answers, and knows nothing: a random Llama."""
    shutil.copy(ROOT / "model_repository" / MODEL / "model.py", repository / MODEL)
    publish_tiny(repository / MODEL / str(number), seed=number)


@contextmanager
def serving(repository: Path) -> Iterator[LocalTriton]:
    """Triton under its watchdog, once it serves."""
    triton = local_triton(repository)
    with Watchdog(triton, MODEL, lambda: None, patience_s=60.0, start_timeout_s=60.0):
        eventually(lambda: (repository / ".control.json").exists())
        yield triton


@contextmanager
def facade(triton: LocalTriton, tmp_path: Path) -> Iterator[str]:
    policies = tmp_path / "policies.yaml"
    policies.write_text("defaults: {budget_cap_ms: 60000}\n")
    settings = Settings(
        port=free_ports(1)[0],
        model_repository=triton.repository,
        triton_url=triton.grpc_url,
        policies_file=policies,
        item_cache_bytes=0,  # an answer names the version that made it now
    )
    with running_facade(settings) as url, httpx.Client(base_url=url, timeout=60.0) as http:
        eventually(lambda: http.get("/health/model").status_code == 200)
        yield url
