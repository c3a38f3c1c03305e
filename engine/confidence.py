"""Maps the model's probability of its answer to the confidence that the answer is right.

In: a probability in 0..1. Out: a confidence in 0..1. The curve was fitted at export on answers
with known truth; this module only applies it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from engine.decoder import UNKNOWN
from schemas.candidate import Candidate

MAX_UNSURE = 0.5
"""The highest confidence in UNKNOWN, and in a word that needs a kind if none is known. UNKNOWN
means that the model knows no label, not that there is none: out of fold its sure answers of UNKNOWN
are wrong about as often as right (docs/evaluation.md, Confidence)."""

_CLEAR = {"OTHER.Safe", "OTHER.LowRisk"}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A non-decreasing piecewise linear curve through (x[i], y[i]), flat beyond its ends.

    No points: the identity.
    """

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __call__(self, probability: float) -> float:
        return float(np.interp(probability, self.x, self.y)) if self.x else probability


def cap_unknown(labels: Sequence[str], confidence: float) -> float:
    """The confidence in an answer, at most MAX_UNSURE in UNKNOWN."""
    return min(confidence, MAX_UNSURE) if tuple(labels) == UNKNOWN else confidence


def cap_partial(candidate: Candidate) -> Candidate:
    """The answer to a text with unread words. A clean answer gets at most MAX_UNSURE, since the
    unread words may name a finding."""
    if not _CLEAR & set(candidate.labels):
        return candidate
    return replace(candidate, confidence=min(candidate.confidence, MAX_UNSURE))


def parse_calibration(spec: dict[str, Any] | None) -> Calibration:
    """The manifest's `calibration`; None is the identity.

    Raises ValueError unless it is `{"kind": "isotonic", "x", "y"}` with x rising strictly, y not
    falling, both of one length and within 0..1.
    """
    if spec is None:
        return Calibration()
    if spec.get("kind") != "isotonic":
        raise ValueError(f"unknown kind {spec.get('kind')!r}; this engine applies 'isotonic'")
    x, y = (tuple(float(value) for value in spec[axis]) for axis in ("x", "y"))
    if not x or len(x) != len(y):
        raise ValueError(f"x has {len(x)} points and y has {len(y)}; give as many, at least one")
    if any(not 0 <= value <= 1 for value in x + y):
        raise ValueError("a point lies outside 0..1")
    if any(a >= b for a, b in pairwise(x)):
        raise ValueError("x must rise strictly")
    if any(a > b for a, b in pairwise(y)):
        raise ValueError("y must not fall")
    return Calibration(x, y)
