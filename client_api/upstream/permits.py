"""How many calls may be under way in the model at once.

In: calls as they begin and end. Out: a permit, or none, at once. Knows nothing of what is called.
"""

import time
from collections.abc import Callable, Iterable

from client_api.mapping.fair_share import FairShare


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
        self._share = FairShare(count, clock)
        self._hold_s = hold_s
        self._clock = clock
        self._last = 0
        self._running: dict[int, str | None] = {}  # permit -> whose
        self._held: dict[int, tuple[float, str | None]] = {}  # until the model can be free of it

    def take(self, party: str | None = None) -> int | None:
        """A permit, by its number; None when all are taken, or all that the party may have."""
        now = self._clock()
        self._free(permit for permit, (until, _) in self._held.items() if until <= now)
        if self._share.take(party) is not None:
            return None
        self._last += 1
        self._running[self._last] = party
        return self._last

    def answered(self, permit: int) -> None:
        """The call came back with an answer: one model is past all that it was given before."""
        self.failed(permit)
        if self._in_order:
            self._free(older for older in self._held if older < permit)

    def failed(self, permit: int) -> None:
        """The call came back without one."""
        self._share.give_back(self._running.pop(permit))

    def given_up(self, permit: int) -> None:
        """Nobody waits for the call any more; the model does not know that."""
        self._held[permit] = (self._clock() + self._hold_s, self._running.pop(permit))

    def _free(self, permits: Iterable[int]) -> None:
        for permit in tuple(permits):
            self._share.give_back(self._held.pop(permit)[1])
