"""How many items may be in the model at once: as many as it answers in time.

In: calls as they begin and end. Out: a permit, or none, at once. Knows nothing of what is called.
"""

import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from client_api.mapping.fair_share import FairShare

#: Seconds of work over which the pace is measured; what was before counts less and less.
_MEASURED_S: Final = 1.0
#: Before anything is measured: a slow model's pace.
_FIRST_PER_S: Final = 20.0
#: Of the time that an item has, the share that may be planned: a pass ends for all of its rows.
_PLANNED: Final = 0.85


class Pace:
    """Items a second that the model answers while it has any to answer."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._answered = _FIRST_PER_S * _MEASURED_S
        self._worked_s = _MEASURED_S

    @property
    def per_second(self) -> float:
        return self._answered / self._worked_s

    def passed(self, now: float, *, at_work: bool, answered: int = 0) -> None:
        """Time until `now`, in which the model was at work or not; answered: items at its end."""
        passed_s, self._since = now - self._since, now
        if at_work:
            faded = math.exp(-passed_s / _MEASURED_S)
            self._answered *= faded
            self._worked_s = self._worked_s * faded + passed_s
        self._answered += answered


class Permits:
    """Permits for calls of some items each; it fails fast, and knows that a call given up is still
    being worked on.

    Cancelling a call does not reach a running ensemble. So its permit stays taken for as long as
    the model needs for all that it was given, at most `hold_s`, or, where one model works in order,
    until a call that set out later is answered.
    """

    def __init__(
        self,
        hold_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        in_order: bool = True,
    ) -> None:
        """in_order: one model takes all calls; of several, another's answer says nothing."""
        self._in_order = in_order
        self._share = FairShare(0, clock)
        self._pace = Pace(clock())
        self._hold_s = hold_s
        self._clock = clock
        self._last = 0
        self._running: dict[int, tuple[str | None, int]] = {}  # permit -> whose, items
        self._held: dict[int, tuple[float, tuple[str | None, int]]] = {}  # until it is free of it

    def take(self, items: int, within_s: float, party: str | None = None) -> int | None:
        """A permit, by its number; None when the model would not answer the items within so many
        seconds, or when the party has its share of what it would.

        Items that come together leave half of the room to those that come alone. A model that has
        nothing to do takes any call.
        """
        now = self._free_held()
        self._pace.passed(now, at_work=self._share.taken > 0)
        room = self._pace.per_second * within_s * _PLANNED / (2 if items > 1 else 1)
        self._share.total = max(int(room), 0 if self._share.taken else items)
        if self._share.take(party, items) is not None:
            return None
        self._last += 1
        self._running[self._last] = (party, items)
        return self._last

    @property
    def busy(self) -> bool:
        """Whether the model has anything to do for these calls."""
        self._free_held()
        return self._share.taken > 0

    def answered(self, permit: int, items: int) -> None:
        """The call came back with an answer, of the model's to so many items: one model is past
        all that it was given before."""
        self._pace.passed(self._clock(), at_work=True, answered=items)
        self.failed(permit)
        if self._in_order:
            self._free(older for older in self._held if older < permit)

    def failed(self, permit: int) -> None:
        """The call came back without one."""
        self._share.give_back(*self._running.pop(permit))

    def given_up(self, permit: int) -> None:
        """Nobody waits for the call any more; the model does not know that."""
        now = self._clock()
        self._pace.passed(now, at_work=True)
        work_s = self._share.taken / self._pace.per_second
        self._held[permit] = (now + min(work_s, self._hold_s), self._running.pop(permit))

    def _free_held(self) -> float:
        """Give back what the model is past by now; returns the time."""
        now = self._clock()
        self._free(permit for permit, (until, _) in self._held.items() if until <= now)
        return now

    def _free(self, permits: Iterable[int]) -> None:
        for permit in tuple(permits):
            self._share.give_back(*self._held.pop(permit)[1])
