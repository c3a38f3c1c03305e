"""`python -m client_api serve` with the stand-in model or the published one, and faults of its
processes, files, disk, clock and Redis.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.faults.fault_file import FaultFile
from bench.faults.redis_server import RedisServer
from bench.faults.small_disk import SmallDisk
from bench.processes import ROOT, eventually, free_ports
from engine.manifest import LlamaShape, Manifest, Origin, WritesText, write_manifest

#: Shorter than the defaults, so that the suite does not wait long: a canary may take 1 s, and a
#: Triton whose canaries fail for 3 s is restarted.
SETTINGS = {
    "MAPPER_CANARY_INTERVAL_S": "1",
    "MAPPER_CANARY_TIMEOUT_S": "1",
    "MAPPER_WATCHDOG_PATIENCE_S": "3",
    "MAPPER_STARTUP_GRACE_S": "5",
    # So that each request reaches the model.
    "MAPPER_ITEM_CACHE_BYTES": "0",
    # So that each request uses Redis; the limit refuses none.
    "MAPPER_RATE_LIMIT_ADDRESS": "1000000/minute",
}
_SETTLED_S = 1.0
_POLICIES = "defaults: {threshold: 0.6}\n"
_NAMES = {
    "triton": "/bin/tritonserver",
    "front": "client_api.triton.front",
    "stub": "/llama_mapper/",
    "reader": "/signal_reader/",
    "guard": "/mapping_guard/",
}


def stand_in_repository(repository: Path) -> Path:
    """The project's models with the stand-in for the Llama."""
    source = ROOT / "model_repository"
    shutil.copytree(source, repository, ignore=shutil.ignore_patterns("llama_mapper", ".*.json"))
    version = repository / "llama_mapper" / "1"
    version.mkdir(parents=True)
    shutil.copy(source / "llama_mapper" / "config.pbtxt", version.parent)
    shutil.copy(Path(__file__).parent / "stand_in_model.py", version / "model.py")
    # A published version has a manifest; without one the first start would build the default.
    write_manifest(version, stand_in_manifest(1))
    return repository


def stand_in_manifest(number: int) -> Manifest:
    """The manifest of the stand-in, which has no graph: the sizes have no meaning."""
    return Manifest(
        model_id=f"stand-in-{number}",
        created="2026-01-01T00:00:00+00:00",
        base=Origin(name="some-llama", sha256="0123456789abcdef"),
        quantization="int8",
        writes=WritesText(),
        config=LlamaShape(1, 1, 1, 1, 1, 1, eos=1, bos=None),
        files={},
        checks={"gate": {"exact": 0.87654, "families": {"count": 12}}},
    )


class Deployment:
    """One `serve` on ports of its own; it can be killed and started again."""

    def __init__(
        self, folder: Path, budget_ms: float = 240.0, repository: Path | None = None
    ) -> None:
        """folder: for the repository, the fault file and a small disk; budget_ms: per item;
        repository: of the models; None for the stand-in.
        """
        self.budget_s = budget_ms / 1000
        self._fault = FaultFile(folder / "fault.json")
        self.tell = self._fault.tell
        self.disk = SmallDisk(folder / "disk")
        self.redis = RedisServer()
        self._repository = repository or stand_in_repository(folder / "models")
        self._policies = folder / "policies.yaml"
        self._originals: dict[Path, bytes] = {}
        names = ("PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT")
        ports = dict(zip((f"MAPPER_{name}" for name in names), free_ports(4), strict=True))
        self._environment = (
            os.environ
            | {name: str(port) for name, port in ports.items()}
            | {
                "MAPPER_MODEL_REPOSITORY": str(self._repository),
                "MAPPER_TRITON_LOG": str(self.disk.folder / "triton.log"),
                "MAPPER_MODE_STATE_FILE": str(self.disk.folder / "mode.json"),
                "MAPPER_POLICIES_FILE": str(self._policies),
                "MAPPER_REDIS_URL": self.redis.url,
                "MAPPER_BUDGET_MS": str(budget_ms),
            }
            | self._fault.environment
            | SETTINGS
        )
        self.url = f"http://127.0.0.1:{ports['MAPPER_PORT']}"
        self._http = httpx.Client(base_url=self.url, timeout=10.0)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the facade answers; the model may take longer."""
        self.tell()
        self.redis.start()
        self._policies.write_text(_POLICIES, encoding="utf-8")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.faults.shifted_clock", "serve"],
                env=self._environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        eventually(lambda: self._get("/health/live") is not None)

    def stop(self) -> None:
        """End everything, after any fault."""
        self.restore()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        self.redis.kill()
        self.disk.close()

    def restore(self) -> None:
        """Remove every fault."""
        self.tell()
        self.disk.free()
        self.redis.start()
        for path, content in self._originals.items():
            path.write_bytes(content)
        self._originals.clear()
        for stopped in self._living():
            stopped.send_signal(signal.SIGCONT)

    def replace_version(self) -> None:
        """Replace each file of the served version by nonsense."""
        for file in (self._repository / "llama_mapper" / "1").glob("*.*"):
            self._replace(file)

    def damage_policies(self) -> None:
        """Replace the policies by nonsense."""
        self._replace(self._policies)

    def _replace(self, file: Path) -> None:
        self._originals[file] = file.read_bytes()
        file.write_bytes(b"{nonsense")

    def wait_for_model(self, within_s: float = 60.0) -> None:
        """Wait until the canary is answered and requests reach the model again."""
        eventually(self.model_answers, within_s)

    def settle(self) -> None:
        """Wait until the model has answered for a second.

        The watchdog may have read a failed canary just before the last fault ended. It then
        restarts Triton at its next check.
        """
        since = time.monotonic()

        def settled() -> bool:
            nonlocal since
            if not self.model_answers():
                since = time.monotonic()
            return time.monotonic() - since >= _SETTLED_S

        eventually(settled)

    def model_answers(self) -> bool:
        health = self._get("/health/model")
        return (
            health is not None
            and health.status_code == 200
            and self.metric("mapper_circuit_state") == 0
        )

    def health(self) -> str:
        """Code and status of `/health/ready`, and the code of `/health/model`."""
        ready, model = (self._http.get(f"/health/{what}") for what in ("ready", "model"))
        return f"{ready.status_code} {ready.json()['status']}, {model.status_code}"

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        text = self._http.get("/metrics").text
        families = text_string_to_metric_families(text)
        return sum(s.value for f in families for s in f.samples if s.name == name)

    def facade_log(self) -> str:
        """The output of the facade so far."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.disk.folder / "facade.log"

    def send(self, sig: signal.Signals, *, to: str) -> None:
        """Send a signal to the `facade`, to `triton`, to its `front`, or to the process of a step:
        `reader`, `stub` (the model's) or `guard`.
        """
        assert self._process is not None
        if to == "facade":
            self._process.send_signal(sig)
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            self._child(to).send_signal(sig)

    def _child(self, name: str) -> psutil.Process:
        return next(p for p in self._living() if _NAMES[name] in " ".join(p.cmdline()[:3]))

    def _living(self) -> Iterator[psutil.Process]:
        """The processes that the facade started, and their children."""
        if self._process is None or self._process.poll() is not None:
            return
        for child in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    yield child

    def wait(self) -> int:
        """Wait for the end of the facade; returns its exit code."""
        assert self._process is not None
        return self._process.wait(60)

    def _get(self, path: str) -> httpx.Response | None:
        try:
            return self._http.get(path)
        except httpx.TransportError:
            assert self._process is not None
            assert self._process.poll() is None, self.facade_log()[-5000:]
            return None
