"""Takes times of several callables over the same inputs, interleaved.

Other load of the machine affects all of them equally: the inputs are cut into blocks, and all
callables answer every block, in a shuffled order, each after one call that is not counted.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

_In = TypeVar("_In")

_BLOCK = 5


def interleave(
    callables: Mapping[str, Callable[[_In], float]], inputs: Sequence[_In], warm_up: _In
) -> dict[str, list[float]]:
    """Seconds by name, one per input, in the inputs' order; a callable returns its own seconds."""
    rng = random.Random(1)
    took: dict[str, list[float]] = {name: [] for name in callables}
    for start in range(0, len(inputs), _BLOCK):
        for name in rng.sample(list(callables), len(callables)):
            callables[name](warm_up)
            took[name] += [callables[name](one) for one in inputs[start : start + _BLOCK]]
    return took
