"""The statements of an output as findings, and the precedence of several statements.

In: findings of one scope, or of several. Out: fewer findings, one per name. Declared and generic
readings both end here. Independent of formats and vocabularies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType

from schemas.text import normalise


class Basis(IntEnum):
    """The basis of a finding; of two findings with the same name the stronger basis decides."""

    PRESENCE = 0
    SCORE = 1
    GRADE = 2
    FLAG = 3
    #: The action (`allow`, `block`); a clean one overrides no explicit detection.
    ACTION = 4
    #: The tool's own verdict on the whole (`flagged`, `violation`, `pass`).
    DECISION = 5

    @property
    def general(self) -> bool:
        """Whether it is about the whole and not about one category."""
        return self >= Basis.ACTION


#: The order of precedence: the findings of a scope that a clean statement overrides. A true flag is
#: never overridden: a contradiction stays a finding, since a wrong Safe is the worst error.
SILENCED: Mapping[Basis, frozenset[Basis]] = MappingProxyType(
    {
        Basis.DECISION: frozenset({Basis.PRESENCE, Basis.SCORE, Basis.GRADE}),
        Basis.ACTION: frozenset({Basis.SCORE}),
        Basis.FLAG: frozenset({Basis.PRESENCE, Basis.SCORE, Basis.GRADE}),
        Basis.GRADE: frozenset({Basis.PRESENCE, Basis.SCORE}),
        Basis.SCORE: frozenset({Basis.PRESENCE}),
        Basis.PRESENCE: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One name of an output, or the tool's own decision.

    name: as the output writes it; for a decision its word (`flagged`).
    hit: True found, False clean, None neither.
    score: 0..1, or None.
    path: its place in the output.
    failed: the tool could not judge; the name is its message.
    low: clean, but of a low risk.
    whole: a grade or a score of everything that was judged, not of a category.
    """

    name: str
    hit: bool | None
    score: float | None = None
    basis: Basis = Basis.PRESENCE
    path: str = ""
    failed: bool = False
    low: bool = False
    whole: bool = False

    @property
    def general(self) -> bool:
        """Whether it is about the whole and not about one category."""
        return self.whole or self.basis.general

    @property
    def category(self) -> bool:
        """Whether a category was found."""
        return self.hit is True and not self.general and not self.failed

    @property
    def accuses(self) -> bool:
        """Whether the whole was found to be bad."""
        return self.hit is True and self.general and not self.failed

    @property
    def clears(self) -> bool:
        """Whether the whole was found to be clean."""
        return self.hit is False and self.general and not self.failed


def settle(decisions: Sequence[Finding], inside: Iterable[Finding]) -> list[Finding]:
    """The findings of one scope under its own decisions.

    decisions: findings with a general basis about this scope alone. inside: the other findings in
    it, clean ones included.

    A decision that accuses confirms the names whose basis is presence. One that clears overrides
    the findings of `SILENCED`, unless another decision accuses.
    """
    found = merge(inside)
    if any(d.accuses for d in decisions):
        confirmed = [
            replace(f, basis=Basis.FLAG) if f.category and f.basis is Basis.PRESENCE else f
            for f in found
        ]
        return [*decisions, *confirmed]
    clean = [d for d in decisions if d.clears and d.basis.general]
    if clean:
        silenced = frozenset[Basis]().union(*(SILENCED[d.basis] for d in clean))
        found = [
            replace(f, hit=False, low=False) if f.category and f.basis in silenced else f
            for f in found
            if not (f.hit is False and f.low)
        ]
    return [*decisions, *found]


def settle_under(verdict: Finding, inside: Sequence[Finding]) -> list[Finding]:
    """What is inside an object under what the object says of its name.

    A clean score of the name clears what is only there, and no score that stands inside.
    """
    if verdict.hit is None:
        return settle([], inside)
    if verdict.hit is False and verdict.basis is Basis.SCORE:
        scored = [f for f in inside if f.basis is not Basis.PRESENCE]
        present = [f for f in inside if f.basis is Basis.PRESENCE]
        decision = replace(verdict, basis=Basis.DECISION)
        return [*merge(scored), *(f for f in settle([decision], present) if f is not decision)]
    decision = replace(verdict, basis=Basis.DECISION)
    return [f for f in settle([decision], inside) if f is not decision]


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per name within one scope: the strongest basis decides; found overrides clean.

    General and failed findings are not merged with categories. The order is that of the first
    finding of each name.
    """
    kept: dict[tuple[str, bool, bool], Finding] = {}
    for finding in findings:
        key = _key(finding)
        other = kept.get(key)
        kept[key] = finding if other is None else _stronger(other, finding)
    return list(kept.values())


def across(scopes: Iterable[Iterable[Finding]]) -> list[Finding]:
    """One finding per name over several scopes: found in one of them is found."""
    kept: dict[tuple[str, bool, bool], Finding] = {}
    for scope in scopes:
        for finding in scope:
            key = _key(finding)
            other = kept.get(key)
            if other is None or _rank(finding) > _rank(other):
                kept[key] = finding if other is None else _scored(finding, other)
            elif _rank(finding) == _rank(other):
                kept[key] = _scored(other, finding)
    return list(kept.values())


def _key(finding: Finding) -> tuple[str, bool, bool]:
    return _form(finding.name), finding.general, finding.failed


@lru_cache(maxsize=8192)
def _form(name: str) -> str:
    return normalise(name) or name


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    return finding.hit is True, finding.hit is not None, finding.basis


def _stronger(one: Finding, two: Finding) -> Finding:
    if one.hit is None or two.hit is None:
        first, second = (two, one) if one.hit is None else (one, two)
    elif one.basis != two.basis:
        first, second = (two, one) if two.basis > one.basis else (one, two)
    else:
        first, second = (two, one) if two.hit and not one.hit else (one, two)
    return _scored(first, second)


def _scored(first: Finding, second: Finding) -> Finding:
    """The first finding with the better of both scores if both agree."""
    if second.score is None or (first.score is not None and first.hit is not second.hit):
        return first
    if first.score is None or second.score > first.score:
        return replace(first, score=second.score)
    return first
