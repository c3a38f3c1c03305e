"""Runs the real Triton server that ships in the `nvidia-pytriton` wheel, on this machine.

In: a model repository, ports, the models to load. Out: a running process that answers, and its
control token. Knows nothing of the facade, of HTTP handlers or of what the models compute.
"""

import contextlib
import glob
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client_api.triton.control import CONTROL_KEY, TritonControl
from client_api.triton.install import (
    Installation,
    LoadError,
    TritonError,
    environment,
    find_installation,
    link_runtime,
)
from engine.versions import ControlAddress

__all__ = ["LoadError", "LocalTriton", "Ports", "TritonError"]

# Whoever may call these can swap the model or read memory, so they need the launcher's token.
_RESTRICTED = "model-repository,shared-memory,trace,logging"
# Models that are tried before they are served.
_TRIALS = "trials"
# Shorter than what the facade's client keeps to.
_PING_INTERVAL_MS = 2000
# Its files, shared memory with callers' outputs among them, are for this user only. Becomes Triton
# after asking the kernel (PR_SET_PDEATHSIG = 1) to end it when this process ends,
# however it ends. Not a preexec_fn: that is a real fork, and gRPC's fork handlers abort the child.
_DIE_WITH_PARENT = """\
import ctypes, os, signal, sys
os.umask(0o077)
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where Triton listens."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


class LocalTriton:
    """One Triton process and everything it leaves behind.

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
        control_token: str | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        """repository: the model repository; models: what to load, in order; ready_model: the one
        whose readiness means ready; log_path: where Triton's own output goes (appended).
        """
        self.repository = repository.resolve()
        self.models = tuple(models)
        self.ready_model = ready_model
        self.ports = ports or Ports()
        self.host = host
        self.control_token = control_token or secrets.token_urlsafe(24)
        self._log_path = log_path
        self._log_verbose = log_verbose
        self._extra_env = dict(extra_env or {})
        self.shm_prefix = f"mapper_{secrets.token_hex(6)}_"
        self._process: subprocess.Popen[bytes] | None = None
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
    def grpc_control_headers(self) -> dict[str, str]:
        """What a gRPC caller adds to load or unload models."""
        return {f"triton-grpc-protocol-{CONTROL_KEY}": self.control_token}

    @property
    def address(self) -> ControlAddress:
        """Where it takes orders; valid after `start`."""
        trials = str(self._runtime / _TRIALS) if self._runtime else ""
        return ControlAddress(self.http_url, self.grpc_url, self.control_token, trials)

    @property
    def control(self) -> TritonControl:
        """Gives it orders."""
        return TritonControl.at(self.address, self.repository)

    @property
    def pid(self) -> int | None:
        """Triton's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

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

        Call it from a thread that lives on: the kernel ends Triton with the calling thread.

        versions: of models that are not to follow their own version policy.
        abort: ends the wait when set.

        Raises LoadError with the end of Triton's log when it exits or does not load what it
        should; TritonError when a port is taken, when `timeout_s` passes, or on `abort`.
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
        end = time.monotonic() + timeout_s
        try:
            self._runtime = link_runtime(installation)
            (self._runtime / _TRIALS).mkdir()
            self._launch(installation, self.models[:by_itself])
            if by_itself < len(self.models):
                self._wait_for("health/live", end, abort)
            for model in self.models[by_itself:]:
                left_s = max(1.0, end - time.monotonic())
                self.control.load(model, pinned.get(model), timeout_s=left_s)
            self._hold(pinned, end)
            self._wait_for(f"models/{self.ready_model}/ready", end, abort)
        except BaseException as failure:
            tail = self._tail_if_any()
            self.stop()
            if isinstance(failure, TritonError):
                raise type(failure)(f"{failure}\nThe end of Triton's log:\n{tail}") from None
            raise

    def _launch(self, installation: Installation, models: Sequence[str]) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())),
                    *self._command(installation, models),
                ],
                env=environment(installation) | self._extra_env,
                # The embedded Python searches its working directory first: keep it empty.
                cwd=self._runtime,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: Ctrl-C reaches the launcher first, which drains in order.
                start_new_session=True,
            )

    def stop(self, grace_s: float = 10.0) -> None:
        """SIGTERM, then SIGKILL after `grace_s`; removes stubs, shared memory, runtime files."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # A killed server leaves its stubs running; they share its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
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
        control = f"{_RESTRICTED}:{CONTROL_KEY}={self.control_token}"
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
            f"--http-address={self.host}",
            f"--http-port={self.ports.http}",
            f"--grpc-address={self.host}",
            f"--grpc-port={self.ports.grpc}",
            # Clients may try a silent connection; by default that gets them disconnected.
            f"--grpc-http2-min-recv-ping-interval-without-data={_PING_INTERVAL_MS}",
            f"--metrics-address={self.host}",
            f"--metrics-port={self.ports.metrics}",
            "--allow-gpu-metrics=false",
            f"--http-restricted-api={control}",
            f"--grpc-restricted-protocol={control}",
            f"--log-verbose={self._log_verbose}",
            "--exit-timeout-secs=5",
        ]

    def _hold(self, pinned: Mapping[str, Sequence[int]], end: float) -> None:
        """Loading an ensemble loads its models anew when their folders changed, as while a version
        is being published, and then by their own policy: insist.
        """
        for model, versions in pinned.items():
            if self.control.loaded(model) != tuple(sorted(versions)):
                left_s = max(1.0, end - time.monotonic())
                self.control.load(model, versions, timeout_s=left_s)

    def _check_ports(self) -> None:
        """So that a taken port is not mistaken for models that do not load."""
        for port in (self.ports.http, self.ports.grpc, self.ports.metrics):
            try:
                socket.create_server((self.host, port)).close()
            except OSError as error:
                raise TritonError(f"port {port} of {self.host} is taken") from error

    def _wait_for(self, path: str, end: float, abort: threading.Event | None) -> None:
        """Until Triton says 200; end: `time.monotonic()` seconds."""
        process = self._process
        assert process is not None
        while time.monotonic() < end:
            if (code := process.poll()) is not None:
                raise LoadError(f"Triton exited with code {code} while starting")
            if abort is not None and abort.is_set():
                raise TritonError("told to stop while Triton was starting")
            try:
                with urllib.request.urlopen(f"http://{self.http_url}/v2/{path}", timeout=2.0):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TritonError(f"Triton did not get to {path} in time")
