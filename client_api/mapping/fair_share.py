"""Divides a limited resource of the process among the parties that use it at the same time.

In: the amounts that parties take and give back. Out: whether a party may take an amount. A single
active party may take everything. With several active parties, each may hold at most `_EAGER` times
what is then free, so some is always left for the next one: two may hold 44 % each, three 31 %.
"""

import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Final

_EAGER: Final = 4
#: Seconds for which a party counts as active after it took, or was refused, an amount.
_ABOUT_S: Final = 30.0
#: The most active parties in memory; beyond it, those with the oldest calls are removed.
_PARTIES: Final = 1024


class Refusal(Enum):
    """The reason for a refusal."""

    FULL = "full"
    SHARE = "share"


class FairShare:
    """`total` units for parties by name; None is a party of its own. `total` may change."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._used: Counter[str | None] = Counter()
        self._about: dict[str | None, float] = {}
        self.taken = 0

    def take(self, party: str | None, amount: int = 1) -> Refusal | None:
        """Take an amount; None on success, else the reason why not."""
        free = self.total - self.taken
        self._note(party)
        if amount > free:
            return Refusal.FULL
        own = self._used[party]
        if len(self._about) > 1 and own + amount > _EAGER * (free - amount) and own:
            return Refusal.SHARE
        self._used[party] += amount
        self.taken += amount
        return None

    def give_back(self, party: str | None, amount: int = 1) -> None:
        """Return an amount that was taken."""
        self.taken -= amount
        self._used[party] -= amount
        if not self._used[party]:
            del self._used[party]

    def _note(self, party: str | None) -> None:
        now = self._clock()
        self._about.pop(party, None)
        self._about[party] = now
        while len(self._about) > 1:
            first = next(iter(self._about))
            if self._about[first] > now - _ABOUT_S and len(self._about) <= _PARTIES:
                break
            del self._about[first]
