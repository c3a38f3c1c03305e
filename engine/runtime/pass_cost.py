"""The duration of a pass, measured on this machine, which limits the size of batches.

In: a function that runs a pass of so many tokens. Out: the duration of a pass of so many tokens.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_PASS_S = 0.150
"""The most seconds of one pass: less than a request's budget, so that a request waits for at most
one pass."""

_FEW, _MANY = 16, 64
_RUNS = 3


@dataclass(frozen=True, slots=True)
class PassCost:
    """A straight line through two measured sizes."""

    start: float
    per_token: float

    @classmethod
    def measure(cls, run: Callable[[int], object]) -> "PassCost":
        """run: one pass of so many tokens."""
        few, many = (_quickest(run, tokens) for tokens in (_FEW, _MANY))
        per_token = max(0.0, many - few) / (_MANY - _FEW)
        return cls(start=max(0.0, few - per_token * _FEW), per_token=per_token)

    def seconds(self, tokens: int) -> float:
        """Seconds of a pass of so many tokens."""
        return self.start + self.per_token * tokens


def _quickest(run: Callable[[int], object], tokens: int) -> float:
    """The fastest of some runs: other load only makes a run slower."""
    took = []
    for _ in range(_RUNS + 1):  # the first allocates
        begun = time.perf_counter()
        run(tokens)
        took.append(time.perf_counter() - begun)
    return min(took[1:])
