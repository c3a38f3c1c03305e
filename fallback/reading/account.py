"""The account of a reading: its unread parts, and the signals of its findings.

In: the nodes of an output and its findings. Out: signals, at least one, and paths of unread parts.
A reading with an unread part is not complete, so it does not give `OTHER.Safe`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.gaps.remarks import is_unrun
from fallback.reading.generic.gaps.values import is_partial
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.tree import Leaf, Node, Use, leaves
from fallback.reading.values import may_hold
from fallback.reading.words import load_words
from fallback.signal import MAX_NAME, Signal, Verdict
from schemas.text import normalise

#: Signals of one item; the highest and flagged ones stay.
MAX_SIGNALS = 256
#: The most paths in an answer.
MAX_PATHS = 32
_KEY = re.compile(r'\["([^"]*+)"\]|([^.\[\]]++)')
#: Keys of a tool's remarks about itself.
REMARKS = frozenset(
    {"note", "notes", "comment", "remark", "remarks", "summary", "reason", "detail", "details"}
)
_WARNINGS = frozenset({"warning", "warnings", "errors"})
_TOLD = REMARKS | _WARNINGS | {"info", "advisory", "diagnostics", "logs"}
_STATES = frozenset({"status", "state", "scan status", "run status", "check status"})
_FAILURES = load_words().texts["failures"]
_UNJUDGED = load_words().values["unjudged"]
_MAX_REASON = 300
_MIN_REASON = 4


def unread(nodes: Iterable[Node]) -> list[str]:
    """Paths of the leaves that are unread and may hold a finding, and of the doubtful ones."""
    return [
        leaf.path or "(text)"
        for node in nodes
        for leaf in leaves(node)
        if leaf.use is Use.DOUBTFUL
        or (leaf.use is Use.UNREAD and may_hold(leaf.value))
        or ((leaf.use is not Use.SIGNAL or last_key(leaf.path) in _WARNINGS) and _is_unrun(leaf))
    ]


def unjudged(nodes: Iterable[Node], known: Callable[[str], bool]) -> list[str]:
    """Paths of the leaves that say that something was not judged.

    known: whether a text names a finding.
    """
    return [
        leaf.path
        for node in nodes
        for leaf in leaves(node)
        if is_partial(leaf, keys_of(leaf.path), known)
    ]


def _is_unrun(leaf: Leaf) -> bool:
    """Whether the tool says here that it did not check: that nothing was found clears nothing."""
    if not isinstance(leaf.value, str):
        return False
    key = last_key(leaf.path)
    if key in _TOLD or key_role(key, Kind.TEXT).role is Role.WHY:
        return is_unrun(leaf.value) or normalise(leaf.value.strip(" .!")) in _FAILURES
    return key in _STATES and len(keys_of(leaf.path)) == 1 and normalise(leaf.value) in _UNJUDGED


def reason(nodes: Iterable[Node], thoughts: Sequence[str]) -> str:
    """The first explanation in an output, without quoted text; may be empty."""
    for text in _explanations(nodes, thoughts):
        line = text.strip().split("\n", 1)[0]
        for mark in ('"', "“", "«", " 'The ", " '<"):
            line = line.partition(mark)[0]
        line = line.strip(" :-,(")[:_MAX_REASON]
        if len(line.split()) >= _MIN_REASON:
            return line
    return ""


def _explanations(nodes: Iterable[Node], thoughts: Sequence[str]) -> Iterator[str]:
    for node in nodes:
        for leaf in leaves(node):
            if leaf.use not in (Use.QUOTED, Use.UNREAD) or not isinstance(leaf.value, str):
                continue
            if key_role(last_key(leaf.path), Kind.TEXT).role is Role.WHY:
                yield leaf.value
    yield from thoughts


def last_key(path: str) -> str:
    """The key that a path ends with, in its normal form."""
    while path.endswith("]") and not path.endswith('"]'):
        path = path[: path.rfind("[")]
    if path.endswith('"]'):
        return normalise(path[:-2].rpartition('["')[2])
    return normalise(path.rpartition(".")[2])


def keys_of(path: str) -> list[str]:
    """The keys of a path in their normal form, without indices."""
    found = (quoted or bare for quoted, bare in _KEY.findall(path))
    return [normalise(key) for key in found if not key.isdecimal()]


def signals(
    findings: Sequence[Finding],
    scores: Mapping[str, float],
    *,
    prefer: Callable[[str], int],
    why: str,
    complete: bool,
) -> tuple[Signal, ...]:
    """The signals of an output.

    scores: name to score, 0..1, from another source; they replace the output's own.
    prefer: rank of a decision's word, the lowest is the most specific. why: if not empty, the name
    for a decision without a category. complete: whether nothing is unread.
    """
    if found := [f for f in findings if f.category]:
        return _unique(found, scores)
    if accused := [f for f in findings if f.accuses]:
        best = min(accused, key=lambda f: (-_weight(f), prefer(f.name)))
        name = why if why and prefer(best.name) > 0 else best.name
        return (Signal(name, best.score, True),)
    if failed := next((f for f in findings if f.failed), None):
        return (Signal(failed.name, verdict=Verdict.FAILURE),)
    if low := [f for f in findings if f.low]:
        names = [f.name if f.general else f"{f.name}: low" for f in low]
        return tuple(Signal(name) for name in dict.fromkeys(names))[:MAX_SIGNALS]
    if complete:
        return (Signal("safe", flagged=False, verdict=Verdict.NOTHING_FOUND),)
    return (Signal("unread", verdict=Verdict.UNREAD),)


def _weight(finding: Finding) -> int:
    return int(finding.basis) if finding.basis.general else int(Basis.PRESENCE)


def _unique(findings: Iterable[Finding], scores: Mapping[str, float]) -> tuple[Signal, ...]:
    known = {normalise(name): score for name, score in scores.items()}
    by_key: dict[str, Signal] = {}
    for finding in findings:
        name = finding.name.strip()[:MAX_NAME]
        if not name:
            continue
        key = normalise(name) or name
        flagged = True if finding.basis is not Basis.PRESENCE else None
        signal = Signal(name, known.get(key, finding.score), flagged)
        if (other := by_key.get(key)) is not None:
            better = [s for s in (signal.score, other.score) if s is not None]
            signal = Signal(other.name, max(better, default=None), signal.flagged or other.flagged)
        by_key[key] = signal
    ordered = sorted(
        by_key.values(),
        key=lambda s: (s.flagged is not True, -(s.score if s.score is not None else 0)),
    )
    return tuple(ordered[:MAX_SIGNALS]) or (Signal("unread", verdict=Verdict.UNREAD),)


def quoted(nodes: Sequence[Node]) -> int:
    """Characters of quoted content in an output."""
    return sum(
        len(leaf.value)
        for node in nodes
        for leaf in leaves(node)
        if leaf.use is Use.QUOTED and isinstance(leaf.value, str)
    )
