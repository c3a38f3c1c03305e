"""The limit of the work for one text."""

from dataclasses import dataclass
from typing import Final

#: The most tokens of the literals in one text; the rest is text.
MAX_STEPS: Final = 20_000
_LEAST_STEPS: Final = 500
_STEPS_A_CHARACTER: Final = 2


@dataclass(slots=True)
class Steps:
    """The remaining tokens, common to all structures of one text."""

    left: int = MAX_STEPS

    @classmethod
    def of(cls, text: str) -> "Steps":
        """The steps of a text: in proportion to its length, up to `MAX_STEPS`."""
        return cls(min(MAX_STEPS, _LEAST_STEPS + _STEPS_A_CHARACTER * len(text)))
