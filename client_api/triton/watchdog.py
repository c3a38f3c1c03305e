"""Keeps the local Triton running: reloads a model whose stub died, and restarts a Triton that ended
or does not answer.

In: the launcher, the choice of version, and the canary's results. Out: a Triton that serves that
version. The rules answer requests in the meantime.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import structlog

from client_api.telemetry.logs import exception_facts
from client_api.triton.install import LoadError, TritonError
from client_api.triton.processes import children
from client_api.triton.server import LocalTriton
from client_api.triton.shadow import resume
from client_api.upstream.canary import ModelHealth
from engine.manifest import manifest_hash
from engine.versions import (
    Choice,
    has_choice,
    one_at_a_time,
    published_versions,
    read_choice,
    remove_control_file,
    write_choice,
    write_control_file,
)
from schemas.config.errors import ConfigError

_POLL_S: Final = 0.25
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_PATIENCE_S: Final = 300.0
# Triton never frees the instance of a dead stub: it waits for the stub. So reloads are limited.
_MOST_RELOADS: Final = 3

_log = structlog.get_logger()


class Watchdog:
    """Runs a LocalTriton from start to stop in its own thread, since the kernel ends Triton with
    the thread that started it. Usable as a context manager.
    """

    def __init__(
        self,
        triton: LocalTriton,
        model: str,
        health: Callable[[], ModelHealth | None],
        *,
        patience_s: float,
        start_timeout_s: float,
        prepare: Callable[[threading.Event], bool] = lambda stop: True,
    ) -> None:
        """model: the model with a chosen version; health: the canary's, None before the first;
        patience_s: seconds of failing canaries before a running Triton is restarted; prepare: runs
        before Triton starts, until it is done or stopped; if it returns False, Triton does not
        start.
        """
        self._prepare = prepare
        self._triton = triton
        self._model = model
        self._health = health
        self._usual_patience_s = self._patience_s = patience_s
        self._start_timeout_s = start_timeout_s
        self._prepared = False
        self._suspects: frozenset[str] = frozenset()
        self._replaced: set[int] = set()
        self._reloads = 0
        self._up_since: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread and Triton."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._prepared = self._prepared or self._prepare(self._stop)
                    if not self._prepared:
                        return
                    self._look()
                except Exception as error:  # a dead watchdog would watch nothing
                    _log.error("the watchdog failed", **exception_facts(error))
                    self._stop.wait(_PAUSE_S)
                self._stop.wait(_POLL_S)
        finally:
            try:
                self._triton.stop()
            finally:
                remove_control_file(self._triton.repository)

    def _look(self) -> None:
        if self._up_since is None:
            self._bring_up()
            return
        stubless = self._stubless()
        if stubless and self._revives(stubless):
            return
        if problem := "a stub died" if stubless else self._problem():
            _log.error("restarting Triton", problem=problem)
            remove_control_file(self._triton.repository)
            # Kill it: with a dead stub it cannot end in order, and clients wait for it.
            self._triton.stop(grace_s=0.0)
            self._up_since = None
            self._bring_up()

    def _problem(self) -> str:
        """The reason to restart Triton; empty while it works."""
        if self._triton.pid is None:
            return "it ended"
        health = self._health()
        if health is None:
            return ""
        if health.ok:
            self._patience_s = self._usual_patience_s
        # Failures before this start do not count.
        up_s = time.monotonic() - (self._up_since or 0.0)
        lost_s = min(health.lost_s or 0.0, up_s)
        if lost_s > self._patience_s:
            self._patience_s = min(_LONGEST_PATIENCE_S, self._patience_s * 2)
            return f"canaries have failed for {lost_s:.0f} s: {health.problem}"
        return ""

    def _stubless(self) -> frozenset[str]:
        """Models with a served version that had no process in two consecutive checks. A single
        ended process is not enough: Triton also ends the stubs of unloaded models, and may collect
        them late.
        """
        pid = self._triton.pid
        before, self._suspects = self._suspects, self._lacking(pid) if pid else frozenset()
        return before & self._suspects

    def _lacking(self, pid: int) -> frozenset[str]:
        stubs = list(children(pid))
        if not any(stub.ended and stub.pid not in self._replaced for stub in stubs):
            return frozenset()
        alive = {argument for stub in stubs for argument in stub.command}
        try:
            # After the list of processes: a version leaves the index before its stub ends.
            served = self._triton.control.ready()
        except TritonError:
            return frozenset()
        files = {
            (model, self._triton.repository / model / str(version) / "model.py")
            for model, version in served
        }
        return frozenset(m for m, file in files if file.exists() and str(file) not in alive)

    def _revives(self, models: frozenset[str]) -> bool:
        """Reload models whose stubs died, in a third of a restart's time; returns the success."""
        pid = self._triton.pid
        if pid is None or self._reloads >= _MOST_RELOADS:
            return False
        begun = time.monotonic()
        self._reloads += 1
        ended = {stub.pid for stub in children(pid) if stub.ended}
        try:
            with one_at_a_time(self._triton.repository):
                for model in models:
                    _log.error("a stub died: its model is reloaded", model=model)
                    self._reload(model)
        except (TritonError, OSError) as error:
            _log.error("the model was not reloaded", problem=str(error))
            return False
        self._replaced |= ended
        self._suspects = frozenset()
        _log.info("Triton serves again", after_s=round(time.monotonic() - begun, 1))
        return True

    def _reload(self, model: str) -> None:
        """Reload a model. Raises TritonError, and OSError while versions are being switched."""
        triton = self._triton
        versions = triton.control.loaded(model) if model == self._model else None
        choice = self._choice() if versions else None
        if choice and not choice.holds(self._folder(choice.version)):
            raise TritonError(self._changed(choice))
        triton.load(model, versions, timeout_s=self._start_timeout_s, anew=True)

    def _bring_up(self) -> None:
        """Start Triton; retries until it succeeds or the watchdog stops."""
        pause_s = _PAUSE_S
        while not self._stop.is_set():
            try:
                choice = self._choice()
                for versions in self._to_try(choice):
                    if self._loads(versions):
                        self._settle(choice, versions[-1])
                        return
            except (TritonError, OSError) as error:
                if not self._stop.is_set():
                    _log.error("Triton did not start", problem=str(error))
            self._stop.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def _choice(self) -> Choice | None:
        """The chosen version, or the newest without a choice; None if there is no usable one."""
        published = published_versions(self._triton.repository / self._model)
        try:
            choice = read_choice(self._triton.repository)
        except ConfigError as error:
            _log.error("the choice of version is damaged", problem=str(error))
            return None
        if choice is None:
            return self._as_chosen(published[-1]) if published else None
        if choice.version not in published:
            _log.warning(
                "the chosen version is gone: the newest is served instead",
                chosen=choice.version,
                published=published,
            )
            return None
        if not choice.holds(self._folder(choice.version)):
            _log.error("the chosen version was changed", problem=self._changed(choice))
        return choice

    def _folder(self, version: int) -> Path:
        return self._triton.repository / self._model / str(version)

    def _as_chosen(self, version: int) -> Choice:
        return Choice(version, manifest=manifest_hash(self._folder(version)))

    def _to_try(self, choice: Choice | None) -> Iterator[tuple[int, ...]]:
        """Versions to load, best first: the chosen one with the one before it, then alone; then
        each version from the newest on, so that one broken version does not prevent serving.
        """
        published = published_versions(self._triton.repository / self._model)
        if not published:
            raise TritonError(f"no version of {self._model} is published: run `make export-model`")
        newest_first = [(version,) for version in reversed(published)]
        if choice is None:
            first: tuple[tuple[int, ...], ...] = ()
        elif choice.holds(self._folder(choice.version)):
            first = (choice.to_load(published), (choice.version,))
        else:
            first = ((choice.previous,),) if choice.previous in published else ()
            newest_first.remove((choice.version,))
            if not newest_first:
                raise TritonError(
                    f"{self._changed(choice)}: publish another with `make export-model`"
                )
        yield from dict.fromkeys((*first, *newest_first))

    def _changed(self, choice: Choice) -> str:
        folder = self._folder(choice.version)
        return (
            f"{folder / 'manifest.json'}: its hash {manifest_hash(folder)} is not"
            f" {choice.manifest}, which was chosen"
        )

    def _loads(self, versions: Sequence[int]) -> bool:
        """Whether Triton serves these; raises TritonError if another cause than the versions
        prevents it."""
        begun = time.monotonic()
        try:
            self._triton.start(
                self._start_timeout_s, versions={self._model: versions}, abort=self._stop
            )
        except LoadError as error:
            _log.error("Triton did not load", versions=versions, problem=str(error))
            return False
        self._suspects, self._replaced, self._reloads = frozenset(), set(), 0
        self._up_since = now = time.monotonic()
        _log.info("Triton serves", versions=versions, after_s=round(now - begun, 1))
        return True

    def _settle(self, choice: Choice | None, served: int) -> None:
        """Record the first choice, and write Triton's address for the commands."""
        triton = self._triton
        if choice is not None and choice.version != served:
            _log.error("another version than the chosen one", chosen=choice.version, served=served)
        try:
            if choice is not None and not has_choice(triton.repository):
                write_choice(triton.repository, self._as_chosen(served))
            # Last, so that a command that finds Triton also finds the choice.
            write_control_file(triton.repository, triton.address)
            # In its own thread: a load takes seconds, and the watchdog must go on meanwhile.
            resuming = (triton.repository, self._model)
            threading.Thread(target=resume, args=resuming, daemon=True).start()
        except OSError as error:
            _log.warning("the version cannot be switched while it runs", problem=str(error))
