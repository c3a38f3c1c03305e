"""How many calls may be under way in the model at once.

In: calls as they begin and end. Out: a permit, or none, at once. Knows nothing of what is called.
"""

import time
from collections.abc import Callable


class Permits:
    """A semaphore that fails fast, and knows that a call given up is still being worked on.

    Cancelling a call does not reach a running ensemble. So its permit stays taken until `hold_s`
    have passed, or, where one model works in order, a call that set out later is answered.
    """

    def __init__(
        self,
        count: int,
        hold_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        in_order: bool = True,
    ) -> None:
        """in_order: one model takes all calls; of several, another's answer says nothing."""
        self._in_order = in_order
        self._count = count
        self._hold_s = hold_s
        self._clock = clock
        self._last = 0
        self._running: set[int] = set()
        self._held: dict[int, float] = {}  # permit -> when the model can be assumed free of it

    def take(self) -> int | None:
        """A permit, by its number; None when all are taken."""
        now = self._clock()
        self._held = {permit: until for permit, until in self._held.items() if until > now}
        if len(self._running) + len(self._held) >= self._count:
            return None
        self._last += 1
        self._running.add(self._last)
        return self._last

    def answered(self, permit: int) -> None:
        """The call came back with an answer: one model is past all that it was given before."""
        self._running.remove(permit)
        if self._in_order:
            self._held = {older: until for older, until in self._held.items() if older > permit}

    def failed(self, permit: int) -> None:
        """The call came back without one."""
        self._running.remove(permit)

    def given_up(self, permit: int) -> None:
        """Nobody waits for the call any more; the model does not know that."""
        self._running.remove(permit)
        self._held[permit] = self._clock() + self._hold_s
