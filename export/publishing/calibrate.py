"""Fits the calibration curve of a version whose adapter has none, to its own answers at export.

In: an engine on the files just built, rows of families that training has not seen. Out: the
manifest's `calibration`. The rows are sent under a neutral detector name, so the curve applies to
detectors without curation. They are the gate's rows, so the gate's calibration figure is too good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.mapper import MapperEngine
from export.data.rows import NEUTRAL, Row
from export.measures.calibration import fit
from schemas.candidate import Query

_BATCH = 8


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
    curve = fit(np.array(probability), np.array(exact, np.float64))
    return Measured(curve, len(rows), round(float(np.mean(exact)), 4))
