"""Progress lines for the user: the current step, and its duration.

Writes to standard error only; independent of the steps.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Numbered steps; `seconds` keeps the elapsed time of every finished one by name."""

    def __init__(self, total: int) -> None:
        self._total, self._number = total, 0
        self._started = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str, doing: str) -> Iterator[None]:
        """One step: announced at once, closed with its own and the whole time so far."""
        self._number += 1
        print(f"[{self._number}/{self._total}] {doing} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        yield
        now = time.monotonic()
        self.seconds[name] = round(now - began, 1)
        took, whole = self.seconds[name], now - self._started
        print(f"      done in {took:.1f} s ({whole:.0f} s so far)", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """A line of detail within a step."""
        print(f"      {text}", file=sys.stderr, flush=True)
