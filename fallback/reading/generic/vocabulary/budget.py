"""The limits of the work for one output: look-ups, pieces of text, entries of structures.

In: the cost of a step. Out: whether something is left. Parts beyond a limit stay unread, and the
reading reports it.
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
    """The remaining work of one output; equal look-ups count once."""

    def __init__(self, left: int = LOOKUPS, pieces: int = PIECES, steps: int = STEPS) -> None:
        self.left = left
        self.pieces = pieces
        self.steps = steps

    def take(self, cost: int = 1) -> bool:
        """Whether the limit allows the cost."""
        self.left -= cost
        return self.left >= 0

    def take_steps(self, cost: int) -> bool:
        """Whether so much more of a structure may be read."""
        self.steps -= cost
        return self.steps >= 0

    @property
    def scarce(self) -> bool:
        """Whether half of the steps are used."""
        return self.steps < STEPS // 2

    def take_piece(self, size: int) -> bool:
        """Whether a text of that many characters may still be split into its parts."""
        self.pieces -= 1 + size // 200
        return self.pieces >= 0

    def too_long(self, rest: int) -> None:
        """Record that so many characters of a text stay unread, if there are any."""
        if rest > 0:
            self.pieces = -1

    @property
    def cut(self) -> bool:
        """Whether something stays unread because of a limit."""
        return self.pieces < 0 or self.steps < 0
