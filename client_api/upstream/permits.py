"""Limits the items in the model to as many as it answers in time.

In: begin and end of calls. Out: a permit or None, without waiting. Independent of the callee.
"""

import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from client_api.mapping.fair_share import FairShare

#: Seconds of work over which the rate is measured; the weight of older work decays.
_MEASURED_S: Final = 1.0
#: The rate before the first measurement: that of a slow model.
_FIRST_PER_S: Final = 20.0
#: The share of an item's time that may be planned, since all rows of a pass end together.
_PLANNED: Final = 0.85


class Pace:
    """Items per second that the model answers while it is busy."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._answered = _FIRST_PER_S * _MEASURED_S
        self._worked_s = _MEASURED_S

    @property
    def per_second(self) -> float:
        return self._answered / self._worked_s

    def passed(self, now: float, *, at_work: bool, answered: int = 0) -> None:
        """Account for the time until `now`. at_work: whether the model was busy in it; answered:
        the items that it answered at its end."""
        passed_s, self._since = now - self._since, now
        if at_work:
            faded = math.exp(-passed_s / _MEASURED_S)
            self._answered *= faded
            self._worked_s = self._worked_s * faded + passed_s
        self._answered += answered


class Permits:
    """Permits for calls of one or more items; a call that cannot be answered in time gets none.

    Cancelling a call does not stop a running ensemble. So the permit of a cancelled call stays
    taken for the time that the model needs for its current work, at most `hold_s` seconds. If one
    model answers in order, the permit is free once a later call is answered.
    """

    def __init__(
        self,
        hold_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        in_order: bool = True,
    ) -> None:
        """in_order: one model takes all calls in order; False for several models."""
        self._in_order = in_order
        self._share = FairShare(0, clock)
        self._pace = Pace(clock())
        self._hold_s = hold_s
        self._clock = clock
        self._last = 0
        self._running: dict[int, tuple[str | None, int]] = {}  # permit -> whose, items
        self._held: dict[int, tuple[float, tuple[str | None, int]]] = {}  # until it is free of it

    def take(self, items: int, within_s: float, party: str | None = None) -> int | None:
        """The number of a permit; None if the model would not answer the items within `within_s`
        seconds, or if the party exceeds its fair share.

        Calls of several items leave half of the capacity to calls of one item. An idle model takes
        any call.
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
        """Whether the model works on any of these calls."""
        self._free_held()
        return self._share.taken > 0

    def answered(self, permit: int, items: int) -> None:
        """The call returned with the model's answers to `items` items. A model that works in order
        has finished all earlier calls."""
        self._pace.passed(self._clock(), at_work=True, answered=items)
        self.failed(permit)
        if self._in_order:
            self._free(older for older in self._held if older < permit)

    def failed(self, permit: int) -> None:
        """The call returned without an answer."""
        self._share.give_back(*self._running.pop(permit))

    def given_up(self, permit: int) -> None:
        """The call was cancelled; the model still works on it."""
        now = self._clock()
        self._pace.passed(now, at_work=True)
        work_s = self._share.taken / self._pace.per_second
        self._held[permit] = (now + min(work_s, self._hold_s), self._running.pop(permit))

    def _free_held(self) -> float:
        """Free the permits whose hold time has passed; returns the time."""
        now = self._clock()
        self._free(permit for permit, (until, _) in self._held.items() if until <= now)
        return now

    def _free(self, permits: Iterable[int]) -> None:
        for permit in tuple(permits):
            self._share.give_back(*self._held.pop(permit)[1])
