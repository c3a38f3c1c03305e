"""Sorts the entries of an object by the role of their keys.

In: an entry and a record. Out: the record with what the entry says. Marks the leaves that it takes.
"""

from collections.abc import Sequence
from dataclasses import replace

from fallback.reading.generic import statements
from fallback.reading.generic.record import (
    GRADES,
    MAX_NAME,
    NON_NAMES,
    PLACES,
    QUOTED,
    Entry,
    Record,
    kind_of,
    number_of,
)
from fallback.reading.generic.roles import Key, Kind, Role, key_form, key_role
from fallback.reading.judge import (
    Scale,
    Scales,
    judge_word,
)
from fallback.reading.tree import Leaf, Node, Use, leaves, mark
from fallback.reading.words import load_words
from schemas.text import normalise

_GRADABLE = load_words().keys["gradable"]
_LIMITS = load_words().keys["threshold_words"]
_OUTCOMES = frozenset({"success", "successful", "succeeded"})


def sort_record(node: dict[str, Node], scales: Scales) -> Record:
    """The parts of an object; leaves that another reading took are left out."""
    record = Record()
    entries = []
    for key, inner in node.items():
        if isinstance(inner, Leaf) and inner.use is not Use.UNREAD:
            named = inner.use is Use.SIGNAL and isinstance(inner.value, str)
            record.taken = record.taken or named
            continue
        form = key_form(key)
        kind = kind_of(inner)
        if kind is Kind.NUMBER and isinstance(inner, Leaf) and isinstance(inner.value, str):
            kind = Kind.TEXT if form in QUOTED else kind
        entries.append(Entry(key, form, _role(form, kind, inner), inner))
    record.threshold = _threshold(entries)
    record.limits = _limits(entries)
    if any(e.role.role is Role.NAME for e in entries):
        entries = [_outcome(e) for e in entries]
    scale = scales.of("", record.threshold)
    for entry in entries:
        _SORT.get(entry.role.role, _keep)(record, entry, scale)
    return record


def _role(form: str, kind: Kind, node: Node) -> Key:
    """The role of a key, where the value tells more than its kind."""
    if isinstance(node, Leaf):
        value = node.value
        if form == "code" and kind is Kind.NUMBER and number_of(node) > 1:
            return Key(Role.BOOKKEEPING)
        graded = kind is Kind.NUMBER or (isinstance(value, str) and normalise(value[:40]) in GRADES)
        if form in _GRADABLE and graded:
            return Key(Role.CATEGORY, form)
    return key_role(form, kind)


def _outcome(entry: Entry) -> Entry:
    """`success: true` of a named check is its outcome, not that of a request."""
    if entry.form in _OUTCOMES and kind_of(entry.node) is Kind.BOOL:
        return replace(entry, role=Key(Role.CLEAR))
    return entry


def _limits(entries: Sequence[Entry]) -> dict[str, float]:
    """Thresholds of single categories: `thresholds: {hate: 0.3}`."""
    found: dict[str, float] = {}
    for entry in entries:
        node = entry.node
        if not isinstance(node, dict) or entry.role.role not in (Role.THRESHOLD, Role.PASSIVE):
            continue
        if _LIMITS.isdisjoint(entry.form.split(" ")):
            continue
        for key, inner in node.items():
            value = inner.value if isinstance(inner, Leaf) else None
            if isinstance(value, float) and 0 < value <= 1:
                found[key_form(key)] = value
    return found


def _threshold(entries: Sequence[Entry]) -> float | None:
    for entry in entries:
        if entry.role.role is Role.THRESHOLD and isinstance(entry.node, Leaf):
            value = entry.node.value
            if isinstance(value, float) and 0 < value <= 1:
                return value
    return None


def _keep(record: Record, entry: Entry, scale: Scale) -> None:
    record.entries.append(entry)


def _bookkeeping(record: Record, entry: Entry, scale: Scale) -> None:
    mark(entry.node, Use.BOOKKEEPING)


def _quoted(record: Record, entry: Entry, scale: Scale) -> None:
    node = entry.node
    if entry.form in PLACES and isinstance(node, list) and any(isinstance(n, dict) for n in node):
        record.entries.append(replace(entry, role=Key(Role.CONTAINER)))
    else:
        mark(node, Use.QUOTED)


def _error(record: Record, entry: Entry, scale: Scale) -> None:
    record.errors.append(entry)


def _name(record: Record, entry: Entry, scale: Scale) -> None:
    node = entry.node
    if not isinstance(node, Leaf):
        named = _nested(node)
        if named is None:
            record.entries.append(entry)
            return
        node = named
    value = node.value
    if isinstance(value, int | float):
        node.use = Use.BOOKKEEPING
        return
    text = (value or "").strip()
    form = normalise(text) if len(text) <= MAX_NAME else text
    if not text or form in NON_NAMES:
        node.use = Use.BOOKKEEPING
        return
    if entry.form in ("prediction", "classification") and judge_word(text) is not None:
        statements.decision(record, entry, scale)
        return
    places = {Role.BROAD: record.broad, Role.WEAK: record.weak}
    places.get(entry.role.role, record.names).append((entry.form, node))


def _nested(node: Node) -> Leaf | None:
    """The name in `{"infoType": {"name": ...}}`."""
    if not isinstance(node, dict):
        return None
    for key in ("name", "displayName", "label", "type", "id"):
        inner = node.get(key)
        if not isinstance(inner, Leaf) or not isinstance(inner.value, str):
            continue
        if not inner.value.strip() or not all(isinstance(n, Leaf) for n in node.values()):
            continue
        for other in leaves(node):
            if other is not inner:
                other.use = Use.BOOKKEEPING
        return inner
    return None


_SORT = {
    Role.FLAG: statements.flag,
    Role.CLEAR: statements.clear,
    Role.ACTED: statements.acted,
    Role.DECISION: statements.decision,
    Role.ACTION: statements.action,
    Role.FINISH: statements.finish,
    Role.SEVERITY: statements.severity,
    Role.LIKELIHOOD: statements.likelihood,
    Role.CONFIDENCE: statements.confidence,
    Role.SCORE: statements.number,
    Role.COUNT: statements.count,
    Role.NAME: _name,
    Role.BROAD: _name,
    Role.WEAK: _name,
    Role.THRESHOLD: _bookkeeping,
    Role.PASSIVE: _bookkeeping,
    Role.BOOKKEEPING: _bookkeeping,
    Role.QUOTED: _quoted,
    Role.ERROR: _error,
}
