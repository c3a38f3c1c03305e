"""Statistics of a set of times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds over `count` calls; `count` 0: nothing was measured, and both are NaN."""

    count: int
    median: float
    p95: float


def timing(seconds: Sequence[float]) -> Timing:
    """The statistics of calls with these durations."""
    if not seconds:
        return Timing(0, float("nan"), float("nan"))
    median, p95 = (1000 * float(np.percentile(seconds, q)) for q in (50, 95))
    return Timing(len(seconds), median, p95)


def median_difference_ms(more: Sequence[float], less: Sequence[float]) -> float:
    """The median of the differences `more` - `less`, over the same inputs in the same order."""
    return 1000 * float(np.median(np.subtract(more, less)))
