"""Limits the processor time that the process uses for answers by rules.

In: the processor time used. Out: the wait. Answers by rules are fast, and a client that
gets one at once sends its next request at once. Without a limit, the rules take the cores from the
model.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

#: Seconds for which a share that was not used, or was overdrawn, is remembered.
_REMEMBERED_S: Final = 0.5


class CpuShare:
    """A share of one core."""

    def __init__(
        self,
        share: float,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        """share: cores; used: seconds of processor time so far."""
        self._share = share
        self._clock, self._used = clock, used
        self._at, self._used_then = clock(), used()
        self._left_s = 0.0
        self._turns = asyncio.Lock()

    async def turn(self, within_s: float) -> None:
        """Return when the process is within its share, at the latest after `within_s` seconds.

        Callers wait one after another: if each of them checked the share itself, the checks
        would use the time that the share saves.
        """
        if self.wait_s() <= 0 and not self._turns.locked():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, within_s)), self._turns:
                while (wait_s := self.wait_s()) > 0:
                    await asyncio.sleep(wait_s)

    def wait_s(self) -> float:
        """Seconds until the process is within its share, if it uses nothing meanwhile."""
        now, used = self._clock(), self._used()
        left_s = self._left_s + (now - self._at) * self._share - (used - self._used_then)
        most_s = self._share * _REMEMBERED_S
        self._left_s = min(max(left_s, -most_s), most_s)
        self._at, self._used_then = now, used
        return max(0.0, -self._left_s / self._share)
