"""Keeps the local Triton alive: loads a model anew whose stub died, and restarts a Triton that
ended or only seems to live.

In: the launcher, the choice of version, and what the canary found. Out: a Triton that serves that
version. Knows no requests; those are answered by rules in the meantime.
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
# Triton never ends the instance of a stub that died: it waits for the stub. So not without end.
_MOST_RELOADS: Final = 3

_log = structlog.get_logger()


class Watchdog:
    """Owns a LocalTriton from start to stop, in a thread of its own: the kernel ends Triton with
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
        """model: whose version is chosen; health: by the canary, None before there is one;
        patience_s: how long canaries may fail before a Triton that runs is restarted; prepare: runs
        before Triton starts, until it is done or told to stop; False: Triton is not to start.
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
        """Stops Triton, too."""
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
            # Killed: it cannot end well with a dead or a stopped stub, and clients wait for it.
            self._triton.stop(grace_s=0.0)
            self._up_since = None
            self._bring_up()

    def _problem(self) -> str:
        """Why Triton has to be restarted; empty while it works."""
        if self._triton.pid is None:
            return "it ended"
        health = self._health()
        if health is None:
            return ""
        if health.ok:
            self._patience_s = self._usual_patience_s
        # A failure from before this start is not this Triton's.
        up_s = time.monotonic() - (self._up_since or 0.0)
        lost_s = min(health.lost_s or 0.0, up_s)
        if lost_s > self._patience_s:
            self._patience_s = min(_LONGEST_PATIENCE_S, self._patience_s * 2)
            return f"canaries have failed for {lost_s:.0f} s: {health.problem}"
        return ""

    def _stubless(self) -> frozenset[str]:
        """Models of which a version that Triton serves has no process any more, twice in a row. One
        process alone that ended says little: Triton ends the stubs of what it unloads, and may take
        long to collect them.
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
            # Asked afterwards: a version leaves the index before its stub ends.
            served = self._triton.control.ready()
        except TritonError:
            return frozenset()
        files = {
            (model, self._triton.repository / model / str(version) / "model.py")
            for model, version in served
        }
        return frozenset(m for m, file in files if file.exists() and str(file) not in alive)

    def _revives(self, models: frozenset[str]) -> bool:
        """Whether models whose stubs died were loaded anew, which takes a third of a restart."""
        pid = self._triton.pid
        if pid is None or self._reloads >= _MOST_RELOADS:
            return False
        begun = time.monotonic()
        self._reloads += 1
        ended = {stub.pid for stub in children(pid) if stub.ended}
        try:
            with one_at_a_time(self._triton.repository):
                for model in models:
                    _log.error("a stub died: its model is loaded anew", model=model)
                    self._reload(model)
        except (TritonError, OSError) as error:
            _log.error("the model was not loaded anew", problem=str(error))
            return False
        self._replaced |= ended
        self._suspects = frozenset()
        _log.info("Triton serves again", after_s=round(time.monotonic() - begun, 1))
        return True

    def _reload(self, model: str) -> None:
        """Raises TritonError, and OSError while versions are being switched."""
        triton = self._triton
        versions = triton.control.loaded(model) if model == self._model else None
        choice = self._choice() if versions else None
        if choice and not choice.holds(self._folder(choice.version)):
            raise TritonError(self._changed(choice))
        triton.load(model, versions, timeout_s=self._start_timeout_s, anew=True)

    def _bring_up(self) -> None:
        """Start Triton, however often it takes."""
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
        """What is chosen; the newest version when nothing is yet; None when nobody can say."""
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
        """Versions to load, best first: what is chosen, with the one before it and alone; then, as
        a broken version must not keep the others from serving, each from the newest on.
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
        """Whether Triton serves these; raises TritonError when that is not the versions' fault."""
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
        """Record the first choice, and tell the commands where Triton is."""
        triton = self._triton
        if choice is not None and choice.version != served:
            _log.error("another version than the chosen one", chosen=choice.version, served=served)
        try:
            if choice is not None and not has_choice(triton.repository):
                write_choice(triton.repository, self._as_chosen(served))
            # Last: a command that finds Triton finds the choice.
            write_control_file(triton.repository, triton.address)
            # Of its own: a load takes seconds, in which the served version is to be watched.
            resuming = (triton.repository, self._model)
            threading.Thread(target=resume, args=resuming, daemon=True).start()
        except OSError as error:
            _log.warning("the version cannot be switched while it runs", problem=str(error))
