"""Loads a candidate beside the served version, to answer a share of the items as well.

In: a version, the share, and the running Triton. Out: the candidate under its own model name,
which no ensemble uses, and the file that the facade reads.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from client_api.triton.control import TritonControl
from client_api.triton.install import TritonError
from client_api.triton.processes import children
from engine.manifest import manifest_hash
from engine.versions import (
    ControlAddress,
    Shadow,
    one_at_a_time,
    read_control_file,
    read_shadow,
    remove_shadow,
    write_shadow,
)
from schemas.config.errors import ConfigError

#: Memory of a loaded version as a multiple of its files: 394 MB of them take 577 MB under load.
_OF_FILES: Final = 1.5
_TIMEOUT_S: Final = 120.0
_PAUSE_S: Final = 1.0

_log = structlog.get_logger()


class ShadowError(Exception):
    """No candidate is loaded; the message has the reason and the remedy."""


def begin(
    repository: Path, address: ControlAddress, model: str, version: int, share: float
) -> None:
    """Load a published version as the candidate, and write the file for the facade.

    share: of the items, above 0 and at most 1. Raises ShadowError for too little memory,
    TritonError if the version does not load, OSError if the file cannot be written.
    """
    folder = repository / model / str(version)
    needed, free = _needed_bytes(folder), _free_bytes()
    if free is not None and free < needed:
        raise ShadowError(
            f"version {version} needs about {needed / 1e9:.1f} GB besides the loaded versions, and"
            f" {free / 1e9:.1f} GB are free: make room, or try it on another machine"
        )
    control, name = TritonControl.at(address, repository), _name(model)
    remove_shadow(repository)
    control.unload(name, timeout_s=_TIMEOUT_S)
    try:
        control.load_beside(model, version, name, timeout_s=_TIMEOUT_S)
        _stand_back(address.pid, name)
        write_shadow(repository, Shadow(name, version, share, manifest_hash(folder)))
    except BaseException:
        control.unload(name, timeout_s=_TIMEOUT_S)
        raise


def end(repository: Path, address: ControlAddress | None, model: str) -> None:
    """Remove the file for the facade, and unload the candidate.

    address: None if no Triton runs. Raises OSError.
    """
    remove_shadow(repository)
    if address is not None:
        TritonControl.at(address, repository).unload(_name(model), timeout_s=_TIMEOUT_S)


def resume(repository: Path, model: str) -> None:
    """Load the candidate of a shadow again after a restart of Triton. If that fails, the shadow
    ends and the error is logged: the served version must not depend on it.
    """
    while True:
        try:
            with one_at_a_time(repository):
                _resume(repository, model)
            return
        except BlockingIOError:  # another command is running, which may change the shadow
            time.sleep(_PAUSE_S)


def loaded_as(repository: Path, control: TritonControl, model: str, version: int) -> str | None:
    """The model name of a version that is loaded as the candidate; None if it is not loaded. Raises
    TritonError."""
    try:
        shadow = read_shadow(repository)
    except ConfigError:
        return None
    if shadow is None or shadow.version != version or not _holds(repository, model, shadow):
        return None
    return shadow.model if control.loaded(shadow.model) == (version,) else None


def _resume(repository: Path, model: str) -> None:
    address = read_control_file(repository)
    try:
        shadow = read_shadow(repository)
        if shadow is None or address is None:
            return
        if not _holds(repository, model, shadow):
            raise ShadowError(f"version {shadow.version} has changed since the shadow began")
        begin(repository, address, model, shadow.version, shadow.share)
        _log.info("the candidate is loaded again", version=shadow.version)
    except (ShadowError, TritonError, ConfigError, OSError) as error:
        _log.error("the shadow ended", problem=str(error))
        with suppress(OSError):
            remove_shadow(repository)


def _holds(repository: Path, model: str, shadow: Shadow) -> bool:
    """Whether the version's manifest is unchanged since the shadow began."""
    return manifest_hash(repository / model / str(shadow.version)) == shadow.manifest


def _name(model: str) -> str:
    return f"{model}_shadow"


def _stand_back(triton: int, name: str) -> None:
    """Give the candidate the lowest scheduling priority, and make it the first process that the
    kernel ends when memory is short. The candidate is loaded also on systems that forbid this.
    """
    for pid in _stubs(triton, name):
        with suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")
        for thread in os.listdir(f"/proc/{pid}/task"):  # a scheduling policy belongs to a thread
            with suppress(OSError):
                os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))


def _stubs(triton: int, name: str) -> Iterator[int]:
    for child in children(triton):
        if any(f"/{name}/" in argument for argument in child.command):
            yield child.pid


def _needed_bytes(version: Path) -> int:
    """An estimate of the memory of a loaded version, in bytes."""
    return int(sum(f.stat().st_size for f in version.iterdir()) * _OF_FILES)


def _free_bytes() -> int | None:
    """Free memory in bytes of this machine or of this process's control group; None if unknown."""
    free = _field(Path("/proc/meminfo"), "MemAvailable:")
    if free is None:
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (
            int((group / f"memory.{what}").read_text(encoding="ascii"))
            for what in ("max", "current")
        )
    except (OSError, ValueError):  # no group, or no limit
        return free * 1024
    # The kernel gives these pages back first.
    return min(free * 1024, limit - used + (_field(group / "memory.stat", "inactive_file") or 0))


def _field(file: Path, name: str) -> int | None:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), None)
