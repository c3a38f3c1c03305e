"""Runs the real Triton server that ships in the `nvidia-pytriton` wheel, on this machine.

In: a model repository, ports, the models to load. Out: a running Triton that answers, the proxy of
its HTTP, and the control socket. Independent of the facade and of the models' computation.
"""

import glob
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from client_api.triton.control import TritonControl, write_bytecode
from client_api.triton.install import (
    Installation,
    LoadError,
    TritonError,
    environment,
    find_installation,
    link_runtime,
)
from client_api.triton.processes import end, spawn
from engine.versions import ControlAddress

__all__ = ["LoadError", "LocalTriton", "Ports", "TritonError"]

# A caller of these can swap the model or read memory. gRPC disables them: they need a metadata key
# in upper case, which HTTP/2 forbids. For HTTP, the mode of the socket's folder limits the callers.
_NOT_BY_GRPC = "model-repository,shared-memory,trace,logging:OFF=OFF"
_SOCKET = "http.sock"
_TRIALS = "trials"  # models that are tried before they are served
# Shorter than what the facade's client keeps to.
_PING_INTERVAL_MS = 2000
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Ports:
    """The addresses on which Triton listens."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


class LocalTriton:
    """One Triton process with its child processes, shared memory and runtime files.

    Usable as a context manager; `start` and `stop` may be repeated.
    """

    def __init__(
        self,
        repository: Path,
        models: Sequence[str],
        *,
        ready_model: str,
        ports: Ports | None = None,
        host: str = "127.0.0.1",
        log_path: Path | None = None,
        log_verbose: int = 0,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        """repository: the model repository; models: to load, in order; ready_model: the model whose
        readiness means that Triton is ready; log_path: Triton's own output is appended to it.
        """
        self.repository = repository.resolve()
        self.models = tuple(models)
        self.ready_model = ready_model
        self.ports = ports or Ports()
        self.host = host
        self._log_path = log_path
        self._log_verbose = log_verbose
        self._extra_env = dict(extra_env or {})
        self.shm_prefix = f"mapper_{secrets.token_hex(6)}_"
        self._process: subprocess.Popen[bytes] | None = None
        self._front: subprocess.Popen[bytes] | None = None
        self._runtime: Path | None = None

    def __enter__(self) -> "LocalTriton":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def grpc_url(self) -> str:
        return f"{self.host}:{self.ports.grpc}"

    @property
    def http_url(self) -> str:
        return f"{self.host}:{self.ports.http}"

    @property
    def address(self) -> ControlAddress:
        """The address of the control socket; valid after `start`."""
        if self._runtime is None:
            return ControlAddress("", self.grpc_url)
        path, trials = self._runtime / _SOCKET, self._runtime / _TRIALS
        return ControlAddress(str(path), self.grpc_url, str(trials), self.pid or 0)

    @property
    def control(self) -> TritonControl:
        """The client of the control socket."""
        return TritonControl.at(self.address, self.repository)

    @property
    def pid(self) -> int | None:
        """Triton's process id while Triton and its proxy run; else None."""
        both = (self._process, self._front)
        running = all(process and process.poll() is None for process in both)
        return self._process.pid if self._process and running else None

    @property
    def log_path(self) -> Path:
        """Triton's output; valid after `start`."""
        if self._log_path is not None:
            return self._log_path
        if self._runtime is None:
            raise TritonError("no log yet: Triton was not started")
        return self._runtime / "triton.log"

    def start(
        self,
        timeout_s: float = 120.0,
        *,
        versions: Mapping[str, Sequence[int]] | None = None,
        abort: threading.Event | None = None,
    ) -> None:
        """Start Triton and wait until `ready_model` is ready.

        Call it from a thread that stays alive: the kernel ends Triton with the calling thread.

        versions: the versions of models that are not to follow their own version policy.
        abort: ends the wait when set.

        Raises LoadError with the end of Triton's log when it exits or does not load a model;
        TritonError when a port is taken, when `timeout_s` passes, or on `abort`.
        """
        if self.pid is not None:
            raise TritonError(f"Triton already runs as process {self.pid}")
        self._check_ports()
        installation = find_installation()
        pinned = dict(versions or {})
        # What comes after a pinned model may need it, and a pinned one loads on request only.
        by_itself = next(
            (i for i, model in enumerate(self.models) if model in pinned), len(self.models)
        )
        end_s = time.monotonic() + timeout_s
        try:
            self._runtime = link_runtime(installation)
            (self._runtime / _TRIALS).mkdir()
            write_bytecode(self.repository)
            self._launch(installation, self.models[:by_itself])
            if by_itself < len(self.models):
                self._wait_for("health/live", end_s, abort)
            for model in self.models[by_itself:]:
                left_s = max(1.0, end_s - time.monotonic())
                self.load(model, pinned.get(model), timeout_s=left_s)
            self._hold(pinned, end_s)
            self._wait_for(f"models/{self.ready_model}/ready", end_s, abort)
        except BaseException as failure:
            tail = self._tail_if_any()
            self.stop()
            if isinstance(failure, TritonError):
                raise type(failure)(f"{failure}\nThe end of Triton's log:\n{tail}") from None
            raise

    def load(
        self,
        model: str,
        versions: Sequence[int] | None = None,
        *,
        timeout_s: float,
        anew: bool = False,
    ) -> None:
        """As `TritonControl.load`; also raises LoadError as soon as Triton ends. The stubs keep the
        connections of a dead Triton open, so a client of it would wait until its timeout.
        """
        process = self._process
        assert process is not None
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(
                self.control.load, model, versions, timeout_s=timeout_s, anew=anew
            )
            while not wait([loading], _POLL_S).done:
                if (code := process.poll()) is not None:
                    end(process, 0.0)
                    raise LoadError(f"Triton exited with code {code} while loading {model}")
        loading.result()

    def _launch(self, installation: Installation, models: Sequence[str]) -> None:
        assert self._runtime is not None
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        front = (self._runtime / _SOCKET, self.host, self.ports.http)
        with self.log_path.open("ab") as log:
            self._process = spawn(
                self._command(installation, models),
                log,
                environment(installation) | self._extra_env,
                # The embedded Python searches its working directory first: keep it empty.
                self._runtime,
            )
            module = (sys.executable, "-m", "client_api.triton.front")
            self._front = spawn([*module, *map(str, front)], log, os.environ)

    def stop(self, grace_s: float = 10.0) -> None:
        """SIGTERM, then SIGKILL after `grace_s`; removes stubs, shared memory, runtime files."""
        front, self._front = self._front, None
        process, self._process = self._process, None
        if front is not None:
            end(front, 0.0)
        if process is not None:
            end(process, grace_s)
        for segment in glob.glob(f"/dev/shm/{self.shm_prefix}*"):
            Path(segment).unlink(missing_ok=True)
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of Triton's own output."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _tail_if_any(self) -> str:
        try:
            return self.log_tail()
        except (OSError, TritonError) as error:
            return f"(no log: {error})"

    def _command(self, installation: Installation, models: Sequence[str]) -> list[str]:
        assert self._runtime is not None
        return [
            str(installation.binary),
            f"--model-repository={self.repository}",
            f"--model-repository={self._runtime / _TRIALS}",
            f"--backend-directory={self._runtime / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={self.shm_prefix}",
            "--model-control-mode=explicit",
            *(f"--load-model={model}" for model in models),
            # Completion starts every stub twice; the configurations are complete anyway.
            "--disable-auto-complete-config",
            f"--http-address=unix:{self._runtime / _SOCKET}",
            f"--grpc-address={self.host}",
            f"--grpc-port={self.ports.grpc}",
            # Allow keepalive pings on idle connections; by default Triton closes them.
            f"--grpc-http2-min-recv-ping-interval-without-data={_PING_INTERVAL_MS}",
            f"--metrics-address={self.host}",
            f"--metrics-port={self.ports.metrics}",
            "--allow-gpu-metrics=false",
            f"--grpc-restricted-protocol={_NOT_BY_GRPC}",
            f"--log-verbose={self._log_verbose}",
            "--exit-timeout-secs=5",
        ]

    def _hold(self, pinned: Mapping[str, Sequence[int]], end_s: float) -> None:
        """Load the pinned versions again if others are loaded: when a folder changes, as while a
        version is published, loading an ensemble reloads its models by their own version policy.
        """
        for model, versions in pinned.items():
            if self.control.loaded(model) != tuple(sorted(versions)):
                left_s = max(1.0, end_s - time.monotonic())
                self.load(model, versions, timeout_s=left_s)

    def _check_ports(self) -> None:
        """Raises TritonError for a taken port, which would look like models that do not load."""
        for port in (self.ports.http, self.ports.grpc, self.ports.metrics):
            try:
                socket.create_server((self.host, port)).close()
            except OSError as error:
                raise TritonError(f"port {port} of {self.host} is taken") from error

    def _wait_for(self, path: str, end_s: float, abort: threading.Event | None) -> None:
        """Wait until Triton answers 200; end_s: `time.monotonic()` seconds."""
        process = self._process
        assert process is not None
        while time.monotonic() < end_s:
            if (code := process.poll()) is not None:
                raise LoadError(f"Triton exited with code {code} while starting")
            if self.pid is None:
                raise TritonError("the front of Triton's HTTP ended while starting")
            if abort is not None and abort.is_set():
                raise TritonError("stopped while Triton was starting")
            try:
                with urllib.request.urlopen(f"http://{self.http_url}/v2/{path}", timeout=2.0):
                    return
            except OSError:
                time.sleep(0.05)
        raise TritonError(f"Triton did not reach {path} in time")
