"""`python -m client_api versions | promote [N] | rollback [N]`: which model version is served.

In: the model repository and the Triton that serves it. Out: a list; or another version, served
without a request that fails, and kept across restarts. Knows no facade: answers name the version
that they came from.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from client_api.triton.control import TritonControl
from client_api.triton.install import LoadError, TritonError
from client_api.triton.smoke import SmokeError, smoke_test
from engine.manifest import Origin, manifest_hash, read_manifest
from engine.versions import (
    Choice,
    ControlAddress,
    one_at_a_time,
    published_versions,
    read_choice,
    read_control_file,
    write_choice,
)
from schemas.config.errors import ConfigError

MODEL: Final = "llama_mapper"
_LOAD_TIMEOUT_S: Final = 120.0
_SMOKE_TIMEOUT_S: Final = 60.0
_NONE_RUNS: Final = "no Triton serves {}: start it with `make serve`"


class SwitchError(Exception):
    """What is served is what was served before; the message says why."""


def main(command: str, repository: Path, wanted: str | None) -> int:
    """Run `versions`, `promote` or `rollback`; returns the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if command == "versions":
            print(describe(repository))
        else:
            switch(repository, wanted, back=command == "rollback")
    except (SwitchError, TritonError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; what was served before is served", file=sys.stderr)
        return 130
    return 0


def switch(repository: Path, wanted: str | None, *, back: bool) -> None:
    """Serve another version, and say so.

    wanted: its number; None: the one served before this. back: where nobody has switched yet, that
    is the next lower one.

    Raises SwitchError, TritonError or ConfigError, and the version served before goes on.
    """
    try:
        with one_at_a_time(repository):
            address, control = _connect(repository)
            _switch(repository, address, control, wanted, back)
    except BlockingIOError:
        raise SwitchError(f"another switch is under way in {repository}") from None


def _switch(
    repository: Path,
    address: ControlAddress,
    control: TritonControl,
    wanted: str | None,
    back: bool,
) -> None:
    loaded, published = control.loaded(MODEL), published_versions(repository / MODEL)
    if not loaded:
        raise SwitchError(f"no version of {MODEL} is loaded yet; try again when it answers")
    served = loaded[-1]
    target = _target(repository, wanted, published, served, back)
    if target == served:
        _note(repository, target)
        print(f"version {target} is served already")
        return
    try:
        # Under another name: the ensemble takes the highest version as soon as it is loaded.
        with control.on_trial(MODEL, target, timeout_s=_LOAD_TIMEOUT_S) as trial:
            right, rows = smoke_test(address.grpc, trial, target, timeout_s=_SMOKE_TIMEOUT_S)
        choice = _choose(repository, target, served)
        control.load(MODEL, choice.to_load(published), timeout_s=_LOAD_TIMEOUT_S)
        write_choice(repository, choice)
    except BaseException as error:
        control.load(MODEL, loaded, timeout_s=_LOAD_TIMEOUT_S)
        if isinstance(error, SmokeError | LoadError | OSError):
            raise SwitchError(f"version {served} stays, {target} is refused: {error}") from error
        raise
    print(f"version {target} is served (before: {served}); golden set: {right} of {rows} right")


def _target(
    repository: Path, wanted: str | None, published: Sequence[int], served: int, back: bool
) -> int:
    """The version to serve; raises SwitchError when there is no such one."""
    there = f"published: {', '.join(map(str, published)) or 'none'}"
    if wanted is not None:
        if not (wanted.isascii() and wanted.isdecimal()) or int(wanted) not in published:
            raise SwitchError(f"VERSION={wanted} is not published; {there}")
        return int(wanted)
    choice = read_choice(repository)
    # If the chosen version failed to load, rollback does not treat it as current.
    if choice is not None and choice.version == served:
        previous = choice.previous
        if previous is not None and previous in published:
            return previous
    lower = [version for version in published if version < served]
    if back and lower:
        return lower[-1]
    raise SwitchError(f"there is no version before {served}: say VERSION=n; {there}")


def _choose(repository: Path, version: int, previous: int | None) -> Choice:
    return Choice(version, previous, manifest_hash(repository / MODEL / str(version)))


def _note(repository: Path, served: int) -> None:
    """Choose what is served already, as when something else was chosen and did not load."""
    try:
        choice = read_choice(repository)
    except ConfigError:
        choice = None
    folder = repository / MODEL / str(served)
    if choice is None or choice.version != served or not choice.holds(folder):
        try:
            before = choice.version if choice else None
            write_choice(repository, _choose(repository, served, before))
        except OSError as error:
            raise SwitchError(f"the choice cannot be kept: {error}") from error


def describe(repository: Path) -> str:
    """A paragraph a published version: its state, what it was made from, what its checks said.

    Raises ConfigError for a damaged choice.
    """
    choice = read_choice(repository)
    try:
        _, control = _connect(repository)
        loaded, problem = control.loaded(MODEL), ""
    except (SwitchError, TritonError) as error:
        loaded, problem = (), str(error)
    published = published_versions(repository / MODEL)
    parts = [
        "\n".join([f"{n}  {_state(n, loaded, choice)}", *_facts(repository / MODEL / str(n))])
        for n in reversed(published)
    ] or ["nothing is published: run `make export-model`"]
    if choice is not None and choice.version not in published:
        parts.append(f"version {choice.version} is chosen and its folder is gone")
    elif choice is not None and not choice.holds(repository / MODEL / str(choice.version)):
        parts.append(f"version {choice.version} is not the one that was chosen: promote it anew")
    return "\n".join([*parts, *([problem] if problem else [])])


def _state(version: int, loaded: Sequence[int], choice: Choice | None) -> str:
    states = []
    if version in loaded:
        states.append("served" if version == loaded[-1] else "loaded")
    if choice is not None and version == choice.version:
        states.append("chosen")
    if choice is not None and version == choice.previous:
        states.append("previous")
    return ", ".join(states) or "published"


def _facts(folder: Path) -> Iterator[str]:
    """What the manifest says."""
    try:
        manifest = read_manifest(folder)
    except ConfigError as error:
        yield f"   {error}"
        return
    yield f"   {manifest.model_id}, created {manifest.created or '?'}"
    yield (
        f"   base {_origin(manifest.base)}, adapter {_origin(manifest.adapter)}, "
        f"quantization {manifest.quantization or '?'}"
    )
    for name, figures in manifest.checks.items():
        yield f"   {name}: {', '.join(_figures(figures))}"


def _origin(source: Origin | None) -> str:
    return "none" if source is None else f"{source.name} ({source.sha256[:8]})"


def _figures(figures: Any, name: str = "") -> Iterator[str]:
    """Nested figures as `a.b 0.5`."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from _figures(value, f"{name}.{key}" if name else str(key))
        return
    text = f"{figures:.4g}" if isinstance(figures, float) else str(figures)
    yield f"{name} {text}".strip()


def _connect(repository: Path) -> tuple[ControlAddress, TritonControl]:
    address = read_control_file(repository)
    if address is None:
        raise SwitchError(_NONE_RUNS.format(repository))
    control = TritonControl.at(address, repository)
    try:
        control.loaded(MODEL)
    except TritonError as error:
        raise SwitchError(f"{_NONE_RUNS.format(repository)} ({error})") from error
    return address, control


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
