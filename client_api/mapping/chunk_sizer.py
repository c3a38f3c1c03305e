"""The number of a batch's items that go to the model in one call (a chunk).

In: durations and results of chunks. Out: the size of the next chunk.
"""

from typing import Final

#: Items of a batch's first chunks: few enough for a slow machine.
_FIRST: Final = 4


class ChunkSizer:
    """Additive increase, multiplicative decrease: large chunks are cheap, too large ones are late.

    A late chunk halves the size; one that took less than half of an item's budget adds an item.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = min(most, _FIRST)

    def ended(self, items: int, taken_s: float, budget_s: float, in_time: bool) -> None:
        """A chunk of `items` was answered; in_time: the model was not stopped by the budget."""
        if not in_time:
            self.size = max(1, items // 2)
        elif items == self.size and taken_s < budget_s / 2:
            self.size = min(self._most, self.size + 1)
