"""Judges a value of a measure whose scale and direction are not stated.

In: a name, its entry in the detector's file, and values. Out: a finding, a clean value, or no
judgement: a high value on an unknown scale may be the best or the worst.
"""

from dataclasses import dataclass, replace

from fallback.reading.finding import Basis
from fallback.reading.generic.vocabulary.goods import LACKS, WHOLE, is_praise, lack
from fallback.reading.judge import (
    AMOUNTS,
    Judged,
    Outcome,
    Scale,
    as_number,
    judge,
    judge_number,
    ticked,
    word_key,
)
from fallback.reading.tree import Scalar

#: Prefixes that deny a word of something good: `not_relevant`, `incorrect`.
_DENIALS = ("not ", "non ", "no ", "un", "in", "im", "ir", "dis")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of an output.

    scale: of its name. own: whether the detector's file has the name, and so the direction of the
    scores. lack: the name of the finding if the name is of something good, for which yes and high
    values are clean; None for any other name.
    """

    scale: Scale
    own: bool
    lack: str | None

    @property
    def good(self) -> bool:
        """Whether the name is of something good."""
        return self.lack is not None

    @property
    def _direct(self) -> bool:
        """Whether the meaning of yes and of high values is known."""
        return self.good or (self.own and not self.scale.lower_is_worse)

    def judge(self, value: Scalar, basis: Basis) -> Judged:
        """The judgement of a value. Only a share of an own name may be a clean number.

        It is not clean if the file and the name disagree on the direction.
        """
        number = as_number(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            lower = self.good or self.scale.lower_is_worse
            scale = replace(self.scale, good=lower, lower_is_worse=lower)
            judged = judge_number(number, scale, Basis.SCORE)
            return (
                judged if self.own and self._direct and 0 <= number < 1 else _unless_clean(judged)
            )
        judged = judge(value, replace(self.scale, good=self.good), basis)
        if isinstance(value, str):
            return self._word(judged, value)
        return judged if self._direct else _unless_clean(judged)

    def _word(self, judged: Judged, text: str) -> Judged:
        """`pass` and `safe` are clean under every name, `relevant` under its own."""
        key = word_key(text)
        if not judged.known and (outcome := self._quality(key)) is not None:
            return replace(judged, outcome=outcome, known=True)
        amount = self._direct and (key in AMOUNTS or not self.good)
        if amount or ticked(text) is not None or lack(key) in WHOLE:
            return judged
        return _unless_clean(judged)

    def _quality(self, key: str) -> Outcome | None:
        """Judges `relevant`, `not relevant`, `irrelevant`, `incorrect`; None for other words."""
        if is_praise(key) and lack(key) in (*WHOLE, self.lack):
            return Outcome.CLEAN
        denied = any(key.startswith(d) and is_praise(key.removeprefix(d).strip()) for d in _DENIALS)
        return Outcome.FOUND if denied or key in LACKS else None


def _unless_clean(judged: Judged) -> Judged:
    return judged if judged.hit is not False else Judged(Outcome.NONE, None, judged.basis, False)
