"""Keeps the local Triton alive: restarts it when it ended, lost a stub, or only seems to live.

In: the launcher, the choice of version, and what the canary found. Out: a Triton that serves that
version. Knows no requests; those are answered by rules in the meantime.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from client_api.telemetry.logs import exception_facts
from client_api.triton.install import LoadError, TritonError
from client_api.triton.server import LocalTriton
from client_api.upstream.canary import ModelHealth
from engine.versions import (
    Choice,
    announce,
    has_choice,
    manifest_hash,
    read_choice,
    withdraw,
    write_choice,
)
from schemas.config.errors import ConfigError

_POLL_S: Final = 0.25
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_PATIENCE_S: Final = 300.0

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
        self._maimed = False
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
            if not self._prepare(self._stop):
                return
            while not self._stop.is_set():
                try:
                    self._look()
                except Exception as error:  # a dead watchdog would watch nothing
                    _log.error("the watchdog failed", **exception_facts(error))
                    self._stop.wait(_PAUSE_S)
                self._stop.wait(_POLL_S)
        finally:
            self._triton.stop()
            withdraw(self._triton.repository)

    def _look(self) -> None:
        if self._up_since is None:
            self._bring_up()
        elif problem := self._problem():
            _log.error("restarting Triton", problem=problem)
            withdraw(self._triton.repository)
            # Killed: it cannot end well with a dead or a stopped stub, and clients wait for it.
            self._triton.stop(grace_s=0.0)
            self._up_since = None
            self._bring_up()

    def _problem(self) -> str:
        """Why Triton has to be restarted; empty while it works."""
        pid = self._triton.pid
        if pid is None:
            return "it ended"
        # A stub is a zombie for a moment when its model is unloaded: look twice.
        maimed, self._maimed = self._maimed, any(child.ended for child in children(pid))
        if maimed and self._maimed:
            return "a stub died"
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
        published = self._triton.control.published(self._model)
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
            _log.error("another version has the chosen number", chosen=choice.version)
        return choice

    def _folder(self, version: int) -> Path:
        return self._triton.repository / self._model / str(version)

    def _as_chosen(self, version: int) -> Choice:
        return Choice(version, manifest=manifest_hash(self._folder(version)))

    def _to_try(self, choice: Choice | None) -> Iterator[tuple[int, ...]]:
        """Versions to load, best first: what is chosen, with the one before it and alone; then, as
        a broken version must not keep the others from serving, each from the newest on.
        """
        published = self._triton.control.published(self._model)
        if not published:
            raise TritonError(f"no version of {self._model} is published: run `make export-model`")
        newest_first = [(version,) for version in reversed(published)]
        if choice is None:
            first: tuple[tuple[int, ...], ...] = ()
        elif choice.holds(self._folder(choice.version)):
            first = (choice.to_load(published), (choice.version,))
        else:
            # Nobody has promoted it: only where there is no other.
            first = ((choice.previous,),) if choice.previous in published else ()
            newest_first.sort(key=lambda versions: versions == (choice.version,))
        yield from dict.fromkeys((*first, *newest_first))

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
        self._maimed = False
        self._up_since = now = time.monotonic()
        _log.info("Triton serves", versions=versions, after_s=round(now - begun, 1))
        return True

    def _settle(self, choice: Choice | None, served: int) -> None:
        """Record the first choice, and tell the commands where Triton is."""
        triton = self._triton
        if choice is not None and choice.version != served:
            _log.error("another version than the chosen one", chosen=choice.version, served=served)
        try:
            announce(
                triton.repository,
                triton.address,
            )
            if choice is not None and not has_choice(triton.repository):
                write_choice(triton.repository, self._as_chosen(served))
        except OSError as error:
            _log.warning("the version cannot be switched while it runs", problem=str(error))


@dataclass(frozen=True, slots=True)
class Child:
    """ended: it died and its parent did not notice; command: empty then."""

    pid: int
    ended: bool
    command: tuple[str, ...]


def children(parent: int) -> Iterator[Child]:
    """The children of a process, as far as they do not vanish while one looks."""
    try:
        # Every thread has its own: Triton starts a stub from the thread that loads its model.
        lists = [f.read_text() for f in Path(f"/proc/{parent}/task").glob("*/children")]
    except OSError:
        return
    for pid in (pid for text in lists for pid in text.split()):
        folder = Path("/proc", pid)
        try:
            # The name, in brackets, may hold spaces and brackets itself.
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            command = (folder / "cmdline").read_text().split("\0")[:-1]
            yield Child(int(pid), state == "Z", tuple(command))
        except OSError:
            continue
