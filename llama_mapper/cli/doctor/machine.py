"""This machine: CPU, memory, Python, disk.

In: `/proc`, `/sys/fs/cgroup` and a folder. Out: checks of the service's needs. A machine that only
calls a service elsewhere needs only Python.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from llama_mapper.cli.doctor.check import Check, ok, warn

_GB = 10**9
# To build the first version: measured peak memory, and disk with the environment.
_BUILD_MEMORY_GB, _BUILD_DISK_GB = 3.0, 2.0
# Triton with one version and the facade, under load (docs/deploy.md), and their logs.
_SERVE_MEMORY_GB, _SERVE_DISK_GB = 1.0, 0.1
_SPEED = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
# The version of Python for which the serving environment is locked.
_SERVING_PYTHON = (3, 11)


def cpu(proc: Path = Path("/proc"), machine: str = platform.machine()) -> Check:
    """Architecture, instructions and cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = f"{machine}, {cores} cores"
    if sys.platform != "linux" or machine != "x86_64":
        return warn(
            "cpu",
            f"{sys.platform} on {found}",
            "the service needs Linux on x86-64; use one on another machine",
        )
    flags = _cpu_flags(proc / "cpuinfo")
    found = ", ".join([found, *(flag for flag in _SPEED if flag in flags)])
    if "avx2" not in flags:
        return warn("cpu", found, "without AVX2 the model misses its budgets and the rules answer")
    return ok("cpu", found)


def memory(
    *,
    built: bool,
    proc: Path = Path("/proc"),
    cgroup: Path = Path("/sys/fs/cgroup"),
) -> Check | None:
    """Free memory for the service; None if unknown. built: whether the model is built."""
    free = _available_bytes(proc / "meminfo")
    if free is None:
        return None
    limit, used = (_number(cgroup / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        free = min(free, limit - used)
    return _room("memory", free, _SERVE_MEMORY_GB if built else _BUILD_MEMORY_GB)


def python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Whether this Python is the one of the serving environment."""
    found = ".".join(map(str, version))
    if version != _SERVING_PYTHON:
        wanted = ".".join(map(str, _SERVING_PYTHON))
        advice = f"enough for this client; start the service with make serve PYTHON=python{wanted}"
        return warn("python", found, advice)
    return ok("python", found)


def disk(folder: Path, *, built: bool) -> Check:
    """Free disk for an environment and a model version. built: whether the model is built."""
    free = shutil.disk_usage(folder).free
    return _room("disk", free, _SERVE_DISK_GB if built else _BUILD_DISK_GB)


def _room(name: str, free: int, needed_gb: float) -> Check:
    found = f"{free / _GB:.1f} GB free"
    if free < needed_gb * _GB:
        return warn(name, found, f"free some: the service needs {needed_gb:g} GB here")
    return ok(name, found)


def _cpu_flags(cpuinfo: Path) -> set[str]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def _available_bytes(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((int(words[1]) * 1024 for words in found), None)


def _number(file: Path) -> int | None:
    """A limit of the control group; None without one."""
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
