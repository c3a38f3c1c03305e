"""From path probability to confidence, measured on the version that will be served.

In: an engine on the files just built, and labelled rows. Out: the isotonic curve for the manifest
and the figures behind it. It does not know how the model was made or trained.

For versions whose adapter brings no calibration of its own. The rows are of families that were
never trained on, sent under a neutral detector name: the curve holds for detectors nobody curated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.mapper import MapperEngine, Query
from export.dataset import NEUTRAL, Row

_BATCH = 8
_BINS = 20  # equal masses; single rows would make the curve's ends certain of 0 and 1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """`curve` is the manifest's `calibration`; `accuracy` is the share of exact label sets."""

    curve: dict[str, Any]
    rows: int
    accuracy: float


def calibrate(engine: MapperEngine, rows: Sequence[Row]) -> Measured:
    """Answer the rows, and fit the probability of an exact answer to the path probability."""
    probability, exact = [], []
    with tqdm(total=len(rows), desc="      answering", unit="row") as bar:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            answers = engine.answer([Query(NEUTRAL, row.output) for row in batch])
            probability += [answer.probability for answer in answers]
            exact += [
                frozenset(answer.labels) == frozenset(row.gold)
                for answer, row in zip(answers, batch, strict=True)
            ]
            bar.update(len(batch))
    x, y = isotonic(np.array(probability), np.array(exact, np.float64))
    curve = {"kind": "isotonic", "x": x.round(6).tolist(), "y": y.round(6).tolist()}
    return Measured(curve, len(rows), round(float(np.mean(exact)), 4))


def isotonic(probability: Floats, exact: Floats) -> tuple[Floats, Floats]:
    """The non-decreasing curve closest to `exact`, through bins of equal mass.

    probability, exact [n], n ≥ 1. Returns x (rising strictly by at least 1e-6) and y, a point a
    pool: adjacent bins are pooled until each is above the one before.
    """
    order = np.argsort(probability, kind="stable")
    pools: list[tuple[float, float, int]] = []  # sums of probability and exact, rows
    for part in np.array_split(order, min(_BINS, len(order))):
        pools.append((probability[part].sum(), exact[part].sum(), len(part)))
        while len(pools) > 1 and not _above(pools[-1], pools[-2]):
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    x, y, count = np.array(pools).T
    return x / count, y / count


def _above(upper: tuple[float, float, int], lower: tuple[float, float, int]) -> bool:
    """Whether a pool lies above its predecessor, and is apart from it once x is rounded."""
    rises = upper[1] / upper[2] > lower[1] / lower[2]
    return rises and upper[0] / upper[2] - lower[0] / lower[2] > 2e-6
