"""Runs the real Triton server that ships in the `nvidia-pytriton` wheel, on this machine.

In: a model repository, ports, the models to load. Out: a running process that answers, and its
control token. Knows nothing of the facade, of HTTP handlers or of what the models compute.

Nothing is written below site-packages: the Python backend and the stub that fits this
interpreter are linked into a runtime directory of their own.
"""

import contextlib
import glob
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Whoever may call these can swap the model or read memory, so they need the launcher's token.
_RESTRICTED = "model-repository,shared-memory,trace,logging"
_CONTROL_KEY = "mapper-control"
# Becomes Triton after asking the kernel (PR_SET_PDEATHSIG = 1) to end it when this process ends,
# however it ends. Not a preexec_fn: that is a real fork, and gRPC's fork handlers abort the child.
_DIE_WITH_PARENT = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
_STUB_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class TritonError(RuntimeError):
    """Triton could not be found, did not start, or died while starting."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where Triton listens."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


@dataclass(frozen=True, slots=True)
class Installation:
    """The server inside the installed wheel."""

    binary: Path
    backends: Path
    stub: Path
    libraries: Path


def find_installation() -> Installation:
    """Locate binary, backends, libraries and the stub for this interpreter.

    Raises TritonError when the wheel or a part of it is missing.
    """
    # find_spec does not import the package: it would change logging and signal handling.
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise TritonError("no Triton server: install the nvidia-pytriton wheel into this Python")
    package = Path(spec.origin).parent
    server = package / "tritonserver"
    found = Installation(
        binary=server / "bin" / "tritonserver",
        backends=server / "backends",
        stub=server / "python_backend_stubs" / _STUB_PYTHON / "triton_python_backend_stub",
        libraries=package.parent / "nvidia_pytriton.libs",
    )
    for part in (found.binary, found.backends, found.stub, found.libraries):
        if not part.exists():
            raise TritonError(f"the nvidia-pytriton wheel has no {part}: Python 3.9 to 3.13 needed")
    return found


def _environment(installation: Installation) -> dict[str, str]:
    """The environment in which the stub embeds this very interpreter and its packages.

    The embedded Python finds its home through the first `python3` on PATH, so the virtual
    environment's bin comes first; an inherited PYTHONHOME would override that.
    """
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    env["PATH"] = f"{Path(sys.prefix) / 'bin'}:{env.get('PATH', os.defpath)}"
    # The wheel's libraries first (the stub's own search path is relative to site-packages),
    # then the libpython this interpreter was built with rather than the system's.
    libraries = [str(installation.libraries), str(sysconfig.get_config_var("LIBDIR"))]
    if inherited := env.get("LD_LIBRARY_PATH"):
        libraries.append(inherited)
    env["LD_LIBRARY_PATH"] = ":".join(libraries)
    return env


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
        self._shm_prefix = f"mapper_{secrets.token_hex(6)}_"
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
        return {f"triton-grpc-protocol-{_CONTROL_KEY}": self.control_token}

    @property
    def http_control_headers(self) -> dict[str, str]:
        """What an HTTP caller adds to load or unload models."""
        return {_CONTROL_KEY: self.control_token}

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

    def start(self, timeout_s: float = 120.0) -> None:
        """Start Triton and wait until `ready_model` is ready.

        Call it from a thread that lives on: the kernel ends Triton with the calling thread.

        Raises TritonError with the end of Triton's log when it exits or `timeout_s` passes.
        """
        if self.pid is not None:
            raise TritonError(f"Triton already runs as process {self.pid}")
        installation = find_installation()
        self._runtime = _link_runtime(installation)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())),
                    *self._command(installation),
                ],
                env=_environment(installation) | self._extra_env,
                # The embedded Python searches its working directory first: keep it empty.
                cwd=self._runtime,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: Ctrl-C reaches the launcher first, which drains in order.
                start_new_session=True,
            )
        try:
            self._wait_ready(self._process, timeout_s)
        except BaseException:
            tail = self.log_tail()
            self.stop()
            if isinstance(failure := sys.exception(), TritonError):
                raise TritonError(f"{failure}\nThe end of Triton's log:\n{tail}") from None
            raise

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
        for segment in glob.glob(f"/dev/shm/{self._shm_prefix}*"):
            Path(segment).unlink(missing_ok=True)
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of Triton's own output."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _command(self, installation: Installation) -> list[str]:
        assert self._runtime is not None
        control = f"{_RESTRICTED}:{_CONTROL_KEY}={self.control_token}"
        return [
            str(installation.binary),
            f"--model-repository={self.repository}",
            f"--backend-directory={self._runtime / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={self._shm_prefix}",
            "--model-control-mode=explicit",
            *(f"--load-model={model}" for model in self.models),
            # Completion starts every stub twice; the configurations are complete anyway.
            "--disable-auto-complete-config",
            f"--http-address={self.host}",
            f"--http-port={self.ports.http}",
            f"--grpc-address={self.host}",
            f"--grpc-port={self.ports.grpc}",
            f"--metrics-address={self.host}",
            f"--metrics-port={self.ports.metrics}",
            "--allow-gpu-metrics=false",
            f"--http-restricted-api={control}",
            f"--grpc-restricted-protocol={control}",
            f"--log-verbose={self._log_verbose}",
            "--exit-timeout-secs=5",
        ]

    def _wait_ready(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        url = f"http://{self.http_url}/v2/models/{self.ready_model}/ready"
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                raise TritonError(f"Triton exited with code {code} while starting")
            try:
                with urllib.request.urlopen(url, timeout=2.0):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TritonError(f"{self.ready_model} was not ready within {timeout_s:.0f} s")


def _link_runtime(installation: Installation) -> Path:
    """A backend directory with the stub beside the Python backend, made of links."""
    runtime = Path(tempfile.mkdtemp(prefix="mapper-triton-"))
    python = runtime / "backends" / "python"
    python.mkdir(parents=True)
    for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
        (python / name).symlink_to(installation.backends / "python" / name)
    (python / installation.stub.name).symlink_to(installation.stub)
    return runtime
