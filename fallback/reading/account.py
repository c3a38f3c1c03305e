"""The account of a reading: what stayed unread, and the signals that the findings become.

In: the nodes of an output and its findings. Out: signals, at least one, and paths of what could not
be read. `OTHER.Safe` is earned: a reading that leaves something unread says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.tree import Leaf, Node, Use, leaves
from fallback.signal import MAX_NAME, Signal, Verdict
from schemas.text import normalise

#: Signals of one item; the highest and flagged ones stay.
MAX_SIGNALS = 256
#: Paths that an answer names.
MAX_PATHS = 32
_MAX_REASON = 300
_MIN_REASON = 4
_HEX = frozenset("0123456789abcdefABCDEF-")
_DATED = frozenset("0123456789-:.TZ+ /,")


def unread(nodes: Iterable[Node]) -> list[str]:
    """Paths of the leaves that nothing has read and that may hold a finding."""
    return [
        leaf.path or "(text)"
        for node in nodes
        for leaf in leaves(node)
        if leaf.use is Use.UNREAD and may_hold(leaf)
    ]


def may_hold(leaf: Leaf) -> bool:
    """Whether a leaf of an unknown key may be a finding: no nothing, id, time, link or size."""
    value = leaf.value
    if value is None or value is False or value == 0 or value == "":
        return False
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return not value > 100
    text = value.strip()
    if not text or not any(map(str.isalnum, text)):
        return False
    if len(text) >= 8 and _HEX.issuperset(text) and any(map(str.isdigit, text)):
        return False
    if _DATED.issuperset(text):
        return any(map(str.isalpha, text)) and len(text) < 8
    if " " not in text:
        if text.startswith(("http://", "https://", "s3://", "gs://", "arn:", "urn:", "/", "./")):
            return False
        if _is_token(text) or _is_version(text):
            return False
    return True


def _is_token(text: str) -> bool:
    """A run of letters and digits mixed as in ids: `chatcmpl-84adf14a473c`, `modr-9f1c2e7ab4`."""
    tail = max(text.replace("_", "-").split("-"), key=len)
    digits = sum(map(str.isdigit, tail))
    return len(tail) >= 8 and digits >= 2 and digits * 5 >= len(tail)


def _is_version(text: str) -> bool:
    bare = text.removeprefix("v")
    return bare[:1].isdigit() and "." in bare and bare.replace(".", "").isdigit()


def reason(nodes: Iterable[Node], thoughts: Sequence[str]) -> str:
    """The first explanation of an output in its own words, without what it quotes; may be empty."""
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


def signals(
    findings: Sequence[Finding],
    scores: Mapping[str, float],
    *,
    prefer: Callable[[str], int],
    why: str,
    complete: bool,
) -> tuple[Signal, ...]:
    """The signals of an output.

    scores: name to score, 0..1, known from elsewhere; they stand in for the output's own.
    prefer: the lower, the more a decision's word says. why: what stands for a decision that names
    no category, when it is not empty. complete: whether nothing stayed unread.
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
