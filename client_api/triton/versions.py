"""`python -m client_api versions | promote [N] | rollback [N] | shadow N`: which version is served.

In: the model repository and the Triton that serves it. Out: a list; or another served version,
switched without a failed request and kept across restarts; or a candidate beside the served
version. The facade is not involved: answers name their version.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, NoReturn

from client_api.triton import shadow
from client_api.triton.control import TritonControl
from client_api.triton.install import LoadError, TritonError
from client_api.triton.smoke import SmokeError, smoke_test
from engine.manifest import Origin, manifest_hash, read_manifest
from engine.versions import (
    Choice,
    ControlAddress,
    Shadow,
    one_at_a_time,
    published_versions,
    read_choice,
    read_control_file,
    read_shadow,
    write_choice,
)
from schemas.config.errors import ConfigError

MODEL: Final = "llama_mapper"
_LOAD_TIMEOUT_S: Final = 120.0
_SMOKE_TIMEOUT_S: Final = 60.0
_NONE_RUNS: Final = "no Triton serves {}: start it with `make serve`"


class SwitchError(Exception):
    """The switch failed, and the served version is unchanged; the message has the reason."""


def main(command: str, repository: Path, wanted: str | None, share: float = 0.0) -> int:
    """Run `versions`, `promote`, `rollback` or `shadow`; returns the exit code. share: of the items
    that a candidate answers."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if command == "versions":
            print(describe(repository))
        elif command == "shadow":
            switch_shadow(repository, wanted, share)
        else:
            switch(repository, wanted, back=command == "rollback")
    except (SwitchError, TritonError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; the version before is served", file=sys.stderr)
        return 130
    return 0


def switch(repository: Path, wanted: str | None, *, back: bool) -> None:
    """Serve another version, and print the result.

    wanted: its number; None for the previously served one. back: without an earlier switch, None
    means the next lower version.

    Raises SwitchError, TritonError or ConfigError; the served version is then unchanged.
    """
    with _alone(repository):
        address, control = _connect(repository)
        _switch(repository, address, control, wanted, back)


def switch_shadow(repository: Path, wanted: str | None, share: float) -> None:
    """Let a candidate answer a share of the items as well, and print the result.

    wanted: its number, or `off` to end the shadow. Raises as `switch` does, and no candidate gets
    items then.
    """
    if wanted == "off":
        with _alone(repository):
            shadow.end(repository, read_control_file(repository), MODEL)
        print("no candidate gets items")
        return
    if not 0 < share <= 1:
        raise SwitchError(f"SHARE={share:g} is not a share: give a number above 0 and at most 1")
    with _alone(repository):
        address, control = _connect(repository)
        published = published_versions(repository / MODEL)
        if wanted is None:
            raise SwitchError(f"give VERSION=n or VERSION=off; {_there(published)}")
        version, loaded = _number(wanted, published), control.loaded(MODEL)
        if loaded[-1:] == (version,):
            raise SwitchError(f"version {version} is served; choose another one as candidate")
        try:
            shadow.begin(repository, address, MODEL, version, share)
        except (shadow.ShadowError, LoadError, OSError) as error:
            raise SwitchError(f"version {version} gets no items: {error}") from error
    print(f"version {version} answers {share:.3g} of the items too; callers do not get its answers")


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    try:
        with one_at_a_time(repository):
            yield
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
        # Under another name: the ensemble uses the highest version as soon as it is loaded.
        candidate = shadow.loaded_as(repository, control, MODEL, target)
        with (
            nullcontext(candidate)
            if candidate
            else control.on_trial(MODEL, target, timeout_s=_LOAD_TIMEOUT_S)
        ) as trial:
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
    if candidate:
        shadow.end(repository, address, MODEL)  # the candidate is now served


def _target(
    repository: Path, wanted: str | None, published: Sequence[int], served: int, back: bool
) -> int:
    """The version to serve; raises SwitchError when there is no such one."""
    if wanted is not None:
        return _number(wanted, published)
    choice = read_choice(repository)
    # If the chosen version failed to load, rollback does not treat it as current.
    if choice is not None and choice.version == served:
        previous = choice.previous
        if previous is not None and previous in published:
            return previous
    lower = [version for version in published if version < served]
    if back and lower:
        return lower[-1]
    raise SwitchError(f"there is no version before {served}: give VERSION=n; {_there(published)}")


def _number(wanted: str, published: Sequence[int]) -> int:
    if not (wanted.isascii() and wanted.isdecimal()) or int(wanted) not in published:
        raise SwitchError(f"VERSION={wanted} is not published; {_there(published)}")
    return int(wanted)


def _there(published: Sequence[int]) -> str:
    return f"published: {', '.join(map(str, published)) or 'none'}"


def _choose(repository: Path, version: int, previous: int | None) -> Choice:
    return Choice(version, previous, manifest_hash(repository / MODEL / str(version)))


def _note(repository: Path, served: int) -> None:
    """Record the served version as the choice, such as after a chosen version did not load."""
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
            raise SwitchError(f"the choice cannot be stored: {error}") from error


def describe(repository: Path) -> str:
    """One paragraph per published version: its state, its sources, and the results of its checks.

    Raises ConfigError for a damaged choice.
    """
    choice, candidate = read_choice(repository), read_shadow(repository)
    try:
        _, control = _connect(repository)
        loaded, problem = control.loaded(MODEL), ""
    except (SwitchError, TritonError) as error:
        loaded, problem = (), str(error)
    published = published_versions(repository / MODEL)
    parts = [
        "\n".join(
            [f"{n}  {_state(n, loaded, choice, candidate)}", *_facts(repository / MODEL / str(n))]
        )
        for n in reversed(published)
    ] or ["nothing is published: run `make export-model`"]
    if choice is not None and choice.version not in published:
        parts.append(f"version {choice.version} is chosen, but its folder is missing")
    elif choice is not None and not choice.holds(repository / MODEL / str(choice.version)):
        parts.append(f"version {choice.version} is not the one that was chosen: promote it again")
    return "\n".join([*parts, *([problem] if problem else [])])


def _state(
    version: int, loaded: Sequence[int], choice: Choice | None, candidate: Shadow | None
) -> str:
    states = []
    if version in loaded:
        states.append("served" if version == loaded[-1] else "loaded")
    if choice is not None and version == choice.version:
        states.append("chosen")
    if choice is not None and version == choice.previous:
        states.append("previous")
    if candidate is not None and version == candidate.version:
        states.append(f"candidate for {candidate.share:.3g} of the items")
    return ", ".join(states) or "published"


def _facts(folder: Path) -> Iterator[str]:
    """The contents of the manifest."""
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
