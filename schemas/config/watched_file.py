"""A data file that may change while the service runs, and never takes it down by doing so.

In: a path and the function that reads it. Out: the last good value, and what is wrong with the
file now. Knows nothing of what is in the file. There is no timer and no thread: each look costs
one `stat` (some microseconds), and follows the symbolic links that a mounted secret is made of.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from schemas.config.errors import ConfigError

T = TypeVar("T")
_Signature = tuple[int, int, int]


def _say_nothing(problem: ConfigError | None) -> None:
    """The default listener."""


class WatchedFile(Generic[T]):
    """Reads `path` once now, and again whenever it has changed.

    read: raises ConfigError for a bad file.
    on_change: called once a change: with None after a good load, with the error after a bad one.

    Raises ConfigError when the file is bad at the start: there is no last good version then.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], T],
        on_change: Callable[[ConfigError | None], None] = _say_nothing,
    ) -> None:
        self.path = path
        self._read = read
        self._on_change = on_change
        # Taken before reading: a write that comes in between is then seen as a change.
        self._signature = self._look()
        self._value = read(path)
        self._problem: ConfigError | None = None

    def current(self) -> T:
        """The last good value, after a look at the file."""
        signature = self._look()
        if signature != self._signature:
            self._signature = signature
            try:
                self._value = self._read(self.path)
                self._problem = None
            except ConfigError as problem:
                self._problem = problem
            self._on_change(self._problem)
        return self._value

    @property
    def problem(self) -> ConfigError | None:
        """Why the last change was not taken over; None when the file is what is served."""
        return self._problem

    def _look(self) -> _Signature | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
