"""What one place of an output says, and how all of them together become signals.

In: findings, in the order of the output. Out: `Signal`s, flagged and highest first, without
duplicates. Knows no formats and no vocabularies.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from fallback.signal import Signal, Verdict
from schemas.text import normalise

MAX_SIGNALS = 256
MAX_NAME = 512


class Hint(StrEnum):
    """What an output says of a name."""

    FOUND = "found"
    LOW = "low"
    CLEAN = "clean"


class Basis(IntEnum):
    """What a hint rests on; the stronger one wins where two speak of the same name."""

    BARE = 0
    SCORE = 1
    GRADE = 2
    FLAG = 3


class Rank(IntEnum):
    """How much a finding says; a less telling one yields to a more telling one."""

    CATEGORY = 0
    GENERAL = 1
    ACTION = 2
    REMARK = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One name of an output.

    hint: whether the output says that it was found; None when it only names it.
    score: 0..1, or None.
    harmless: the name itself is of something good (`BENIGN`, `LEGIT`).
    """

    name: str
    hint: Hint | None = None
    score: float | None = None
    basis: Basis = Basis.BARE
    rank: Rank = Rank.CATEGORY
    harmless: bool = False

    @property
    def found(self) -> bool:
        return self.hint is None or self.hint is Hint.FOUND

    @property
    def telling(self) -> bool:
        """Found, and of something bad."""
        return self.found and not self.harmless


def signals(findings: Sequence[Finding], scores: Mapping[str, float]) -> tuple[Signal, ...]:
    """The signals of an output, at least one.

    scores: name to score, 0..1, known from elsewhere; they stand in for the output's own.
    """
    found = [f for f in findings if f.found]
    telling = [f for f in found if f.telling]
    if telling:
        best = min(f.rank for f in telling)
        return _unique((f for f in telling if f.rank == best), scores)
    if low := [f for f in findings if f.hint is Hint.LOW]:
        return _unique((replace(f, hint=None) for f in low), scores)
    if found:
        return _unique((replace(f, hint=None) for f in found), scores)
    return (Signal("safe", flagged=False, verdict=Verdict.NOTHING_FOUND),)


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a name: the strongest basis decides, and found beats clean on equal ones."""
    by_name: dict[str, Finding] = {}
    for finding in findings:
        key = normalise(finding.name)
        other = by_name.get(key)
        by_name[key] = finding if other is None else _stronger(other, finding)
    return list(by_name.values())


def overruled(findings: list[Finding], *, named_too: bool) -> list[Finding]:
    """What an object's own `flagged: false` clears: findings that rest on scores alone.

    named_too: names without any judgement as well; `valid: true` leaves them, since an output can
        be valid once its personal data is masked.
    """
    weakest = Basis.BARE if named_too else Basis.SCORE
    return [
        replace(f, hint=Hint.CLEAN) if weakest <= f.basis <= Basis.SCORE else f for f in findings
    ]


def top_of_distribution(findings: list[Finding]) -> list[Finding]:
    """Scores that sum to one are of classes that exclude each other: the top one counts."""
    if len(findings) < 2 or any(f.found or f.basis is not Basis.SCORE for f in findings):
        return findings
    scores = [f.score or 0.0 for f in findings]
    if abs(sum(scores) - 1) > 0.02:
        return findings
    top = scores.index(max(scores))
    return [replace(f, hint=None) if i == top else f for i, f in enumerate(findings)]


def _stronger(one: Finding, two: Finding) -> Finding:
    first, second = (two, one) if two.basis > one.basis else (one, two)
    if first.basis == second.basis and second.found and not first.found:
        first, second = second, first
    if first.score is None:
        return replace(first, score=second.score)
    if second.score is not None and second.basis == first.basis and second.found:
        return replace(first, score=max(first.score, second.score))
    return first


def _unique(findings: Iterable[Finding], scores: Mapping[str, float]) -> tuple[Signal, ...]:
    known = {normalise(name): score for name, score in scores.items()}
    by_key: dict[str, Signal] = {}
    for finding in findings:
        name = _storable(finding.name).strip()[:MAX_NAME]
        if not name:
            continue
        key = normalise(name) or name
        score = known.get(key, finding.score)
        flagged = True if finding.hint is Hint.FOUND and not finding.harmless else None
        signal = Signal(name, _share(score), flagged)
        if (other := by_key.get(key)) is None:
            by_key[key] = signal
        else:
            better = [s for s in (signal.score, other.score) if s is not None]
            by_key[key] = Signal(
                other.name, max(better, default=None), signal.flagged or other.flagged
            )
    ordered = sorted(
        by_key.values(),
        key=lambda s: (s.flagged is not True, -(s.score if s.score is not None else 0)),
    )
    if not ordered:
        return (Signal("safe", flagged=False, verdict=Verdict.NOTHING_FOUND),)
    return tuple(ordered[:MAX_SIGNALS])


def _storable(name: str) -> str:
    """The name as it can be written as UTF-8: lone surrogates become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _share(score: float | None) -> float | None:
    if score is None or not math.isfinite(score):
        return None
    return min(max(score, 0.0), 1.0)
