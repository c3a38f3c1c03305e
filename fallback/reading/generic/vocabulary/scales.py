"""The scales of one detector: thresholds, grades, and names of something good.

In: the detector's file. Out: the scale of a number or a word, by its name.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.judge import Outcome, Scale
from fallback.rules.catalog import Detector
from schemas.text import normalise


class Scales:
    """The scales of one detector, by the name of a number."""

    def __init__(
        self, detector: Detector | None, words: Mapping[str, Outcome], *, goods: bool = True
    ) -> None:
        """goods: whether the closed lists of good things apply too."""
        self._goods = goods
        self._thresholds: dict[str, float] = {}
        self._worse: frozenset[str] = frozenset()
        self._own: frozenset[str] = frozenset()
        self._base = Scale(words=words)
        if detector is not None:
            self._thresholds = {normalise(n): t for n, t in detector.thresholds.items()}
            self._worse = frozenset(map(normalise, detector.lower_is_worse))
            self._own = frozenset(map(normalise, detector.maps))
            severity = detector.severity
            self._base = Scale(
                detector.threshold,
                severity_max=severity.max if severity else None,
                flagged_from=severity.flagged_from if severity else None,
                words=words,
            )

    def with_words(self, words: Mapping[str, Outcome]) -> "Scales":
        """These scales with other words; the names, which may be thousands, are shared."""
        other = copy(self)
        other._base = replace(self._base, words=words)
        return other

    def own(self, name: str) -> bool:
        """Whether the detector's file gives the direction of the name."""
        return normalise(name) in self._own

    def of(self, name: str = "", threshold: float | None = None) -> Scale:
        """threshold: the output's own, which overrides the detector's.

        The detector's file decides whether an own name is one of something good.
        """
        key = normalise(name) if name else ""
        if threshold is None:
            threshold = self._thresholds.get(key)
        praised = self._goods and bool(key) and lack(key) is not None
        good = praised and key not in self._own
        if threshold is None and key not in self._worse and not good:
            return self._base
        return replace(
            self._base,
            threshold=self._base.threshold if threshold is None else threshold,
            lower_is_worse=good or key in self._worse,
            good=good,
            opposed=self._goods and key in self._worse and not praised,
        )
