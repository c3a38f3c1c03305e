"""What the reading of one text may cost."""

from dataclasses import dataclass
from typing import Final

#: Tokens that the literals of one text may cost; what comes after is text.
MAX_STEPS: Final = 20_000
_LEAST_STEPS: Final = 500
_STEPS_A_CHARACTER: Final = 2


@dataclass(slots=True)
class Steps:
    """How many tokens may still be read, shared by all that is read of one text."""

    left: int = MAX_STEPS

    @classmethod
    def of(cls, text: str) -> "Steps":
        """The steps of a text: in proportion to its length, up to `MAX_STEPS`."""
        return cls(min(MAX_STEPS, _LEAST_STEPS + _STEPS_A_CHARACTER * len(text)))
