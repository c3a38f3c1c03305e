"""Exclusive classes: of several scores the top one counts.

In: findings of one list or map, and the names of clean classes. Out: the same findings, one of them
found.
"""

from collections.abc import Iterable
from dataclasses import replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.vocabulary.names import Names

#: The largest deviation of the sum of exclusive classes from one.
_ROUNDING = 0.02
_TOP = 0.5


def exclusive(findings: list[Finding], names: Names) -> list[Finding]:
    """Scores of classes of which one is clean, or that sum to one: the top one counts."""
    scored = [f for f in findings if f.basis is Basis.SCORE and f.score is not None]
    if not scored or len(scored) != len(findings):
        return findings
    clean = [f for f in scored if f.whole and names.clean(f.name)]
    total = sum(f.score or 0 for f in scored)
    top = max(scored, key=lambda f: f.score or 0)
    if len(scored) == 1:
        if clean and (top.score or 0) < _TOP:
            return [replace(top, hit=None)]
        return findings
    together = abs(total - 1) <= _ROUNDING
    if top in clean:
        return (
            [replace(f, hit=False) for f in findings]
            if together or not _hit(findings)
            else [replace(f, hit=None) if f in clean else f for f in findings]
        )
    if together and not _hit(findings):
        return [replace(f, hit=True, basis=Basis.SCORE) if f is top else f
                for f in findings if f not in clean]  # fmt: skip
    if clean:
        return [replace(f, hit=None) if f in clean else f for f in findings]
    return findings


def _hit(findings: Iterable[Finding]) -> bool:
    return any(f.category for f in findings)
