"""`python -m client_api serve` over the stand-in model, and what can be done to its processes."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.faults.fault_file import FaultFile
from bench.processes import ROOT, eventually, free_ports
from client_api.triton.watchdog import Child, children

#: Shorter than the defaults, so that the suite does not wait long: a canary may take 1 s, and a
#: Triton whose canaries fail for 3 s is restarted. Fewer permits, so that a small load takes all.
SETTINGS = {
    "MAPPER_CANARY_INTERVAL_S": "1",
    "MAPPER_CANARY_TIMEOUT_S": "1",
    "MAPPER_WATCHDOG_PATIENCE_S": "3",
    "MAPPER_STARTUP_GRACE_S": "5",
    "MAPPER_MODEL_PERMITS": "6",
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
    (version / "manifest.json").write_text('{"model_id": "stand-in-1"}', "utf-8")
    return repository


class Deployment:
    """One `serve` on ports of its own; it can be killed and started again."""

    def __init__(self, folder: Path, budget_ms: float = 240.0) -> None:
        """folder: for the repository, the fault file and the logs; budget_ms: of an item."""
        self._folder = folder
        self.budget_s = budget_ms / 1000
        self._fault = FaultFile(folder / "fault.json")
        self.tell = self._fault.tell
        repository = stand_in_repository(folder / "models")
        names = ("PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT")
        ports = dict(zip((f"MAPPER_{name}" for name in names), free_ports(4), strict=True))
        self._environment = (
            os.environ
            | {name: str(port) for name, port in ports.items()}
            | {
                "MAPPER_MODEL_REPOSITORY": str(repository),
                "MAPPER_TRITON_LOG": str(folder / "triton.log"),
                "MAPPER_MODE_STATE_FILE": str(folder / "mode.json"),
                "MAPPER_BUDGET_MS": str(budget_ms),
            }
            | self._fault.environment
            | SETTINGS
        )
        self.url = f"http://127.0.0.1:{ports['MAPPER_PORT']}"
        self._http = httpx.Client(base_url=self.url, timeout=10.0)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until the facade answers; the model may take longer."""
        self.tell()
        with (self._folder / "facade.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "client_api", "serve"],
                env=self._environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        eventually(lambda: self._get("/health/live") is not None)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def wait_for_model(self, within_s: float = 60.0) -> None:
        """Until the canary is answered and requests reach the model again."""
        eventually(self.model_answers, within_s)

    def model_answers(self) -> bool:
        health = self._get("/health/model")
        return (
            health is not None
            and health.status_code == 200
            and self.metric("mapper_circuit_state") == 0
        )

    def health(self) -> str:
        """What `/health/ready` says, with its code, and the code of `/health/model`."""
        ready, model = (self._http.get(f"/health/{what}") for what in ("ready", "model"))
        return f"{ready.status_code} {ready.json()['status']}, {model.status_code}"

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        text = self._http.get("/metrics").text
        families = text_string_to_metric_families(text)
        return sum(s.value for f in families for s in f.samples if s.name == name)

    def facade_log(self) -> str:
        """All that the facade has written."""
        return (self._folder / "facade.log").read_text()

    def send(self, sig: signal.Signals, *, to: str) -> None:
        """Send a signal to the `facade`, to `triton` or to the model's `stub`."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid(to), sig)

    def pid(self, of: str) -> int:
        assert self._process is not None
        if of == "facade":
            return self._process.pid
        triton = next(self._living(self._process.pid)).pid
        if of == "triton":
            return triton
        stubs = self._living(triton)
        return next(stub.pid for stub in stubs if "llama_mapper" in " ".join(stub.command))

    def wait(self) -> int:
        """Until the facade has ended; its exit code."""
        assert self._process is not None
        return self._process.wait(60)

    def _living(self, parent: int) -> Iterator[Child]:
        return (child for child in children(parent) if not child.ended)

    def _get(self, path: str) -> httpx.Response | None:
        try:
            return self._http.get(path)
        except httpx.TransportError:
            assert self._process is not None
            assert self._process.poll() is None, self.facade_log()[-5000:]
            return None
