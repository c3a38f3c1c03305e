"""Data files that may change while the service runs; an invalid change does not stop it.

In: a path and the function that reads it. Out: the last good value, and the error of the current
file. Independent of the content. There is no timer and no thread: each access costs one `stat`
(some microseconds), which follows the symbolic links of mounted secrets. For a folder, an access
costs one `stat` per YAML file directly in it.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from schemas.config.errors import ConfigError

T = TypeVar("T")
_Signature = tuple[tuple[str, int, int, int], ...]


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _say_nothing(problem: ConfigError | None) -> None:
    """The default listener."""


class WatchedFile(Generic[T]):
    """Reads `path` once now, and again whenever it has changed.

    read: raises ConfigError for a bad file.
    more: further paths, whose changes count as changes of `path`.
    on_change: called once per change: with None after a good load, with the error after a bad one.

    Raises ConfigError when the file is bad at the start, since there is no last good version.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], T],
        on_change: Callable[[ConfigError | None], None] = _say_nothing,
        more: Sequence[Path] = (),
    ) -> None:
        self.path = path
        self._watched = (path, *more)
        self._read = read
        self._on_change = on_change
        # Taken before reading, so that a write in between counts as a change.
        self._signature = self._look()
        self._value = read(path)
        self._problem: ConfigError | None = None

    def current(self) -> T:
        """The last good value, after a check of the file.

        An event loop gets the value of before, since reading a large file blocks: read a changed
        file in a thread.
        """
        if self.changed and not _in_event_loop():
            self._signature = self._look()
            problem = None
            try:
                self._value = self._read(self.path)
            except ConfigError as error:
                problem = error
            except Exception as error:  # a file of 100,000 brackets is bad, and no defect of ours
                text = f"cannot be read ({type(error).__name__})"
                problem = ConfigError(self.path, "(file)", text)
            self._problem = problem
            self._on_change(problem)
        return self._value

    @property
    def changed(self) -> bool:
        """Whether the next `current` reads the file, which may block for that time."""
        return self._look() != self._signature

    @property
    def problem(self) -> ConfigError | None:
        """The error of the last change; None when the current file is in use."""
        return self._problem

    def _look(self) -> _Signature | None:
        try:
            found = [(path.name, os.stat(path)) for path in self._files()]
        except OSError:
            return None
        return tuple((name, x.st_mtime_ns, x.st_size, x.st_ino) for name, x in found)

    def _files(self) -> Iterator[Path]:
        for path in self._watched:
            yield from sorted(path.glob("*.yaml")) if path.is_dir() else [path]
