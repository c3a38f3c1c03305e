"""Divides what the process has among those who ask for it at once.

In: who takes how much of it, and gives it back. Out: whether he may. Knows no requests. One caller
alone may take everything. With others about, one may take at most `_EAGER` times what is free, so
some is always left for who comes next: two may hold 44 % each, three 31 %.
"""

import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Final

_EAGER: Final = 4
#: Seconds for which one who took, or asked in vain, counts as being about.
_ABOUT_S: Final = 30.0
#: Parties remembered at most; beyond, those who asked first are forgotten.
_PARTIES: Final = 1024


class Refusal(Enum):
    """Why nothing was taken."""

    FULL = "full"
    SHARE = "share"


class FairShare:
    """`total` of something, for parties by name; None stands for who has no name. It may change."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._used: Counter[str | None] = Counter()
        self._about: dict[str | None, float] = {}
        self.taken = 0

    def take(self, party: str | None, amount: int = 1) -> Refusal | None:
        """Take it, or say why not; None when it was taken."""
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
        """End the use of what was taken."""
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
