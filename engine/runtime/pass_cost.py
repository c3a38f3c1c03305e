"""How long a pass takes, measured on this machine, and so where a batch is cut.

In: a way to run a pass of so many tokens. Out: whether a pass of so many would last too long.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_PASS_S = 0.150
"""Seconds that one pass may take: less than a request's budget, so that a request waits for one
pass at most."""

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
        """What a pass of so many tokens takes."""
        return self.start + self.per_token * tokens


def _quickest(run: Callable[[int], object], tokens: int) -> float:
    """The quickest of some runs: others' load slows a run down, nothing makes it quicker."""
    took = []
    for _ in range(_RUNS + 1):  # the first allocates
        begun = time.perf_counter()
        run(tokens)
        took.append(time.perf_counter() - begun)
    return min(took[1:])
