"""`python -m client_api serve` in its own processes, as started by `make serve`.

In: settings. Out: its address and its processes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.harness import assets
from bench.processes import ROOT, eventually, free_ports
from pipeline.model_counts import PREFIX

_READY_WITHIN_S = 180.0

MODEL, TRITON, FACADE = "model process", "Triton and the other steps", "facade"


@dataclass(frozen=True, slots=True)
class Running:
    """pid: of the facade, the parent of Triton."""

    url: str
    grpc: str
    metrics: str
    pid: int

    def resident_mb(self) -> dict[str, float]:
        """The memory of the model's process, of Triton with its other stubs, and of the facade."""
        return self._of_each(_mb)

    def cpu_s(self) -> dict[str, float]:
        """The CPU seconds of the same processes so far."""
        return self._of_each(_cpu_s)

    def _of_each(self, measure: Callable[[psutil.Process], float]) -> dict[str, float]:
        facade = psutil.Process(self.pid)
        found = {MODEL: 0.0, TRITON: 0.0, FACADE: measure(facade)}
        for child in facade.children(recursive=True):
            model = "llama_mapper" in " ".join(child.cmdline())
            found[MODEL if model else TRITON] += measure(child)
        return found

    def cache_hits(self) -> float:
        """The share of signals answered from the cache so far; NaN before the first."""
        families = text_string_to_metric_families(httpx.get(self.metrics).text)
        counts = {"hit": 0.0, "miss": 0.0, "shared": 0.0}
        for sample in (one for family in families for one in family.samples):
            if sample.name == f"{PREFIX}cache_total":
                counts[sample.labels["result"]] += sample.value
        total = sum(counts.values())
        return counts["hit"] / total if total else float("nan")


@contextmanager
def serving(
    folder: Path, python: Path = Path(sys.executable), **settings: str
) -> Iterator[Running]:
    """Start it and wait until it is ready. python: of an environment with the service's packages;
    settings: more environment.

    Raises AssertionError when it does not become ready.
    """
    names = ("MAPPER_PORT", "MAPPER_TRITON_HTTP_PORT", "MAPPER_TRITON_GRPC_PORT",
             "MAPPER_TRITON_METRICS_PORT")  # fmt: skip
    ports = dict(zip(names, map(str, free_ports(4)), strict=True))
    own = {
        "MAPPER_MODEL_REPOSITORY": str(served_alone(folder / "models")),
        "MAPPER_TRITON_LOG": str(folder / "triton.log"),
        "MAPPER_MODE_STATE_FILE": str(folder / "mode.json"),
    }
    environment: Mapping[str, str] = os.environ | ports | own | settings
    with (folder / "facade.log").open("ab") as log:
        process = subprocess.Popen(
            [python, "-m", "client_api", "serve"],
            env=environment,
            cwd=ROOT if python == Path(sys.executable) else folder,
            stdout=log,
            stderr=log,
        )
    facade, _, grpc, metrics = ports.values()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{facade}", timeout=10.0) as http:
            eventually(lambda: _answers(http, process), within_s=_READY_WITHIN_S)
        yield Running(
            f"http://127.0.0.1:{facade}",
            f"127.0.0.1:{grpc}",
            f"http://127.0.0.1:{metrics}/metrics",
            process.pid,
        )
    finally:
        process.terminate()
        process.wait(60)


def served_alone(folder: Path) -> Path:
    """A repository with only the served version: an earlier one that stays loaded for a rollback
    is another process, which must not be measured."""
    if folder.exists():
        return folder
    version = assets.served_version()
    others = shutil.ignore_patterns(version.parent.name, ".*.json")
    shutil.copytree(assets.REPOSITORY, folder, ignore=others)
    model = folder / version.parent.name
    shutil.copytree(version, model / version.name, copy_function=_link)
    shutil.copy(version.with_name("config.pbtxt"), model)
    return folder


def _link(source: str, target: str) -> None:
    """Hard-link a file if possible, else copy it; Triton does not serve a symbolic link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _answers(http: httpx.Client, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, f"the service ended with code {process.returncode}"
    try:
        return http.get("/health/model").status_code == 200
    except httpx.TransportError:
        return False


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1e6)
