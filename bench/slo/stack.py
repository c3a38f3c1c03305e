"""Triton and the facade for one run, with API keys and rate limits on, each a process of its own.

In: a model repository, a folder, the limit of a key. Out: a running stack, its keys and ports, and
its faults. This Triton has no watchdog: after a stop it is not restarted.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.faults.fault_file import FaultFile
from bench.processes import ROOT, eventually, free_ports
from client_api.__main__ import MODELS
from client_api.access.keys import Scope, make_key, render_keys
from client_api.triton.server import LocalTriton, Ports

#: Tenants that share the load, so that a limit per key can be low enough for a storm to reach it.
TENANTS = 20


class Stack:
    """Usable as a context manager: ready when entered."""

    def __init__(
        self, folder: Path, repository: Path, key_limit: int, settings: Mapping[str, str]
    ) -> None:
        """key_limit: items per minute and key; settings: more `MAPPER_*`."""
        self._folder = folder
        fault = FaultFile(folder / "fault.json")
        self.tell = fault.tell
        self._records: dict[str, Any] = {}
        self.tenant_keys = [self._key(f"tenant-{n}", Scope.MAP_WRITE) for n in range(TENANTS)]
        self.storm_key = self._key("storm", Scope.MAP_WRITE)
        self.scrape_key = self._key("prometheus", Scope.METRICS_READ)
        self._admin_key = self._key("operator", Scope.ADMIN)
        keys_file = folder / "keys.json"
        keys_file.write_text(render_keys(self._records), encoding="utf-8")
        port, *triton_ports = free_ports(4)
        self.triton = LocalTriton(
            repository,
            MODELS,
            ready_model="mapper",
            ports=Ports(*triton_ports),
            log_path=folder / "triton.log",
            extra_env=fault.environment,
        )
        self._environment = os.environ | {
            "MAPPER_PORT": str(port),
            "MAPPER_TRITON_URL": self.triton.grpc_url,
            "MAPPER_KEYS_FILE": str(keys_file),
            "MAPPER_RATE_LIMIT_KEY": f"{key_limit}/minute",
            "MAPPER_MODE_STATE_FILE": str(folder / "mode.json"),
            **settings,
        }
        self.targets = {
            "llama-mapper-facade": f"127.0.0.1:{port}",
            "llama-mapper-triton": f"127.0.0.1:{triton_ports[-1]}",
        }
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.url, timeout=10.0)
        self._facade: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        self.tell()
        try:
            self.triton.start()
            with self._log().open("wb") as log:
                self._facade = subprocess.Popen(
                    [sys.executable, "-m", "client_api", "facade"],
                    env=self._environment,
                    cwd=ROOT,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                )
            eventually(self._model_answers, 120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._facade is not None:
            self._facade.terminate()
            self._facade.wait(60)
        self.triton.stop()

    def set_mode(self, mode: str) -> None:
        """Set the kill switch."""
        headers = {"X-API-Key": self._admin_key}
        self._http.put("/admin/mode", json={"mode": mode}, headers=headers).raise_for_status()

    def kill_facade(self) -> None:
        """End Triton without a restart."""
        assert self._facade is not None
        self._facade.kill()
        self._facade.wait()

    def pids(self) -> list[int]:
        """The processes of the facade and of Triton, without their children."""
        assert self._facade is not None
        own = psutil.Process().children()
        triton = [child.pid for child in own if "tritonserver" in child.name()]
        return [self._facade.pid, *triton]

    def _key(self, tenant: str, scope: Scope) -> str:
        key, record = make_key(tenant, frozenset({scope}), datetime.now(UTC))
        self._records[record.key_id] = record
        return key

    def _model_answers(self) -> bool:
        assert self._facade is not None
        assert self._facade.poll() is None, self._log().read_text(encoding="utf-8")[-5000:]
        try:
            return self._http.get("/health/model").status_code == 200
        except httpx.TransportError:
            return False

    def _log(self) -> Path:
        return self._folder / "facade.log"
