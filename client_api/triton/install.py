"""The Triton server inside the installed `nvidia-pytriton` wheel, made to run this interpreter.

In: the installed wheel. Out: the paths of its parts, an environment and a backend directory for
them. Nothing is written below site-packages: the Python backend and the stub for this interpreter
are linked into a separate runtime directory.
"""

import importlib.util
import os
import shutil
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

_STUB_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class TritonError(RuntimeError):
    """Triton could not be found, did not start, or died while starting."""


class LoadError(TritonError):
    """Triton does not start with these models, or does not load one; a retry cannot help."""


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


def environment(installation: Installation) -> dict[str, str]:
    """The environment variables with which the stub embeds this interpreter and its packages.

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


def link_runtime(installation: Installation) -> Path:
    """A backend directory with links to the Python backend and the stub."""
    runtime = Path(tempfile.mkdtemp(prefix="mapper-triton-"))
    try:
        python = runtime / "backends" / "python"
        python.mkdir(parents=True)
        for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
            (python / name).symlink_to(installation.backends / "python" / name)
        (python / installation.stub.name).symlink_to(installation.stub)
    except BaseException:
        shutil.rmtree(runtime, ignore_errors=True)
        raise
    return runtime
