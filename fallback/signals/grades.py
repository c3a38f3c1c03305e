"""Grades, decisions and numbers: whether a value says that something was found, and how strongly.

In: one value and the role of its key. Out: a `Grade`. Knows no names of findings beyond a
detector's own thresholds and scales.
"""

import math
import re
from dataclasses import dataclass

from fallback.rules.catalog import Detector
from fallback.signals.finding import Basis, Hint
from fallback.signals.lexicon import CLEAN, FOUND, LOW
from fallback.signals.names import Names
from schemas.text import normalise

DEFAULT_THRESHOLD = 0.5
#: Entity recognisers list what they take for an entity even where they are not sure.
SPAN_THRESHOLD = 0.3
_NUMBER = re.compile(r"[-+]?(?:\d{1,12}(?:\.\d{0,16})?|\.\d{1,16})(?:[eE][-+]?\d{1,2})?")
_FRACTION = re.compile(rf"({_NUMBER.pattern})\s*/\s*({_NUMBER.pattern})")
_GRADED = re.compile(
    rf"([A-Za-z][A-Za-z _-]{{1,24}}?)\s*[(\[,]?\s*({_NUMBER.pattern})\s*(%?)\s*[)\]]?"
)


@dataclass(frozen=True, slots=True)
class Grade:
    """What a value says: found, low or clean, 0..1 where it is a number, and on what basis."""

    hint: Hint
    score: float | None = None
    basis: Basis = Basis.GRADE


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one object are read.

    threshold: the object's own, overriding the detector's; None when it has none.
    severity: the numbers are grades of gravity (0, 2, 4, 6), of which any above zero counts.
    span: the object is an entity with a place in the text.
    """

    threshold: float | None = None
    severity: bool = False
    span: bool = False


class Grades:
    """Reads values the way one detector means them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._detector: Detector | None = names.detector
        detector = names.detector
        self._worse = {normalise(n) for n in detector.lower_is_worse} if detector else set()
        self._thresholds = (
            {normalise(n): t for n, t in detector.thresholds.items()} if detector else {}
        )

    def word(self, text: str, *, likelihood: bool = False) -> Grade | None:
        """What a grade or decision in words says; None when the text is no such word.

        likelihood: the word says how likely something is, so `low` is no finding.
        """
        if len(text) > 80:
            return None
        bare = text.strip().strip("<>\"'`*[](){}.!")
        words = normalise(bare.rpartition(".")[2] if "." in bare and " " not in bare else bare)
        if found := _FRACTION.fullmatch(text.strip("() ")):
            part, whole = float(found[1]), float(found[2])
            return Grade(Hint.FOUND if part > 0 else Hint.CLEAN, part / whole) if whole else None
        if found := _GRADED.fullmatch(words):
            graded = self.word(found[1], likelihood=likelihood)
            if graded is None:
                return None
            number = self.number(
                float(found[2]) / (100 if found[3] else 1), "", Scale(severity=True)
            )
            return Grade(graded.hint, number.score)
        if words in LOW or words in CLEAN or words in FOUND:
            own = self._names.labels(bare) if self._names.own(bare) else ()
            if own == ("OTHER.LowRisk",):
                return Grade(Hint.LOW)
            if words in CLEAN or own == ("OTHER.Safe",):
                return Grade(Hint.CLEAN)
            if words in LOW and likelihood:
                return Grade(Hint.LOW)
            return Grade(Hint.FOUND)
        return None

    def number(self, value: float, name: str, scale: Scale) -> Grade:
        """What a number says of a name."""
        if not math.isfinite(value):
            return Grade(Hint.CLEAN, None, Basis.SCORE)
        key = normalise(name)
        severity = self._detector.severity if self._detector else None
        if scale.severity or value > 1 or (value == 1 and severity is not None):
            return self._severe(value, key, scale, severity.max if severity else None)
        threshold = self._threshold(key, scale)
        if key in self._worse:
            return Grade(Hint.FOUND if value < threshold else Hint.CLEAN, 1 - value, Basis.SCORE)
        return Grade(Hint.FOUND if value >= threshold else Hint.CLEAN, value, Basis.SCORE)

    def _severe(self, value: float, key: str, scale: Scale, worst: float | None) -> Grade:
        severity = self._detector.severity if self._detector else None
        whole = value == int(value)
        if severity is not None and value <= severity.max:
            hint = Hint.FOUND if value >= severity.flagged_from else Hint.CLEAN
            return Grade(hint, value / severity.max, Basis.SCORE)
        if value > 100:
            return Grade(Hint.FOUND, None, Basis.SCORE)
        if not whole and value <= 1 and not scale.severity:
            return self.number(value, key, Scale(scale.threshold))
        if whole and value <= 10:
            top = worst or (7 if value <= 7 else 10)
            score = value / top if scale.severity else None
            return Grade(Hint.FOUND if value > 0 else Hint.CLEAN, score, Basis.SCORE)
        share = value / 100 if value > 1 else value
        threshold = self._threshold(key, scale)
        if scale.severity and value <= 1:
            return Grade(Hint.FOUND if value > 0 else Hint.CLEAN, value, Basis.SCORE)
        found = share < threshold if key in self._worse else share >= threshold
        return Grade(Hint.FOUND if found else Hint.CLEAN, share, Basis.SCORE)

    def _threshold(self, key: str, scale: Scale) -> float:
        if scale.threshold is not None:
            return scale.threshold
        default = self._detector.threshold if self._detector else DEFAULT_THRESHOLD
        threshold = self._thresholds.get(key, default)
        return min(threshold, SPAN_THRESHOLD) if scale.span else threshold


def as_number(text: str) -> float | None:
    """`0.93`, `87%`, `0.93,` as a number; None for other text. A percentage is a share."""
    text = text.strip().rstrip(",;")
    if len(text) > 40:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
        return float(text[:-1]) / 100
    return None
