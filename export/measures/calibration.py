"""From path probability to confidence: the curve of an adapter, or of a version without one.

`make calibrate` (`export/evaluation/fit_calibration.py`) fits it to the committed out-of-fold
predictions and puts it into `export/artefacts/adapter/calibration.json`, from where every export
takes it. A version whose adapter brings no curve gets one from its own answers to the gate
families when it is exported (`export/publishing/calibrate.py`).

Independent of the training of a model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.confidence import parse_calibration

_BINS = 20  # equal masses; single rows would make the curve's ends certain of 0 and 1

_RIDGE = 1e-3  # avoids infinite weights for separable rows

Floats = npt.NDArray[np.float64]
Curve = Callable[[Floats], Floats]
"""From probabilities to confidences, each [n]."""


def fit(probability: Floats, exact: Floats) -> dict[str, Any]:
    """The manifest's `calibration`."""
    x, y = isotonic(probability, exact)
    return {"kind": "isotonic", "x": x.round(6).tolist(), "y": y.round(6).tolist()}


def isotonic_curve(probability: Floats, exact: Floats) -> Curve:
    """The curve for the engine; raises ValueError for no rows."""
    calibration = parse_calibration(fit(probability, exact))
    return lambda values: np.array([calibration(value) for value in values])


def scaled_odds(probability: Floats, exact: Floats) -> Curve:
    """Two parameters instead of a curve: sigmoid(a · logit(p) + b), by maximum likelihood.

    With b = 0 and two answers this is temperature scaling with T = 1/a (Guo et al. 2017, On
    Calibration of Modern Neural Networks); Platt 1999, Probabilistic Outputs for Support Vector
    Machines.
    """
    x = np.stack([_logit(probability), np.ones(len(probability))], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(50):  # Newton's method; some ten steps suffice
        sure = _sigmoid(x @ weights)
        slope = x.T @ (exact - sure) - _RIDGE * weights
        bend = (x * (sure * (1 - sure))[:, None]).T @ x + _RIDGE * np.eye(2)
        weights = weights + np.linalg.solve(bend, slope)
    return lambda values: _sigmoid(weights[0] * _logit(values) + weights[1])


def _logit(probability: Floats) -> Floats:
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(kept / (1 - kept))
    return odds


def _sigmoid(value: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-value))
    return found


def isotonic(probability: Floats, exact: Floats) -> tuple[Floats, Floats]:
    """The non-decreasing curve closest to `exact`, through bins of equal mass.

    probability, exact [n], n ≥ 1. Returns x (rising strictly by at least 1e-6) and y, one point
    per pool: adjacent bins are pooled until each is above the one before.
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
