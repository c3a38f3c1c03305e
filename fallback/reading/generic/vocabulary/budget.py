"""How much of one output is read: look-ups, pieces of text, entries of structures.

In: what a step costs. Out: whether there is something left. What is beyond is left as it is, and
the reading says so.
"""

from typing import Final

#: Look-ups of names, for one output: at most about 25 ms of work. Ordinary outputs take 40.
LOOKUPS: Final = 500
#: Pieces of text that are cut further, for one output: about 25 ms of work. Ordinary ones take 6.
PIECES: Final = 200
#: Objects and entries that are read, for one output, in units of about 10 microseconds. Ordinary
#: outputs take 70.
STEPS: Final = 3000


class Lookups:
    """What one output may still look up; equal ones once."""

    def __init__(self, left: int = LOOKUPS, pieces: int = PIECES, steps: int = STEPS) -> None:
        self.left = left
        self.pieces = pieces
        self.steps = steps

    def take(self, cost: int = 1) -> bool:
        """Whether there was something left."""
        self.left -= cost
        return self.left >= 0

    def take_steps(self, cost: int) -> bool:
        """Whether so much more of a structure may be read."""
        self.steps -= cost
        return self.steps >= 0

    @property
    def scarce(self) -> bool:
        """Whether half of the steps are gone."""
        return self.steps < STEPS // 2

    def take_piece(self, size: int) -> bool:
        """Whether a text of that many characters may still be cut into its parts."""
        self.pieces -= 1 + size // 200
        return self.pieces >= 0

    def too_long(self, rest: int) -> None:
        """Say that so many characters of a text stay unread, when there are any."""
        if rest > 0:
            self.pieces = -1

    @property
    def cut(self) -> bool:
        """Whether something was left as it is because there was too much of it."""
        return self.pieces < 0 or self.steps < 0
