"""Sorts the entries of an object by the role of their keys.

In: an entry and a record. Out: the record with the statement of the entry. Marks the used leaves.
"""

from dataclasses import replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic import statements
from fallback.reading.generic.inside import (
    are_links,
    ballots,
    holds_judgements,
    holds_names,
    is_code,
    is_event,
    is_judged,
    is_logged,
    is_map,
    tells,
)
from fallback.reading.generic.record import (
    GRADES,
    MAX_NAME,
    NON_NAMES,
    PLACES,
    POLARITY,
    QUOTED,
    Entry,
    Record,
    kind_of,
    limits_of,
    number_of,
    threshold_of,
)
from fallback.reading.generic.roles import JUDGING, Key, Kind, Role, key_form, key_role
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.judge import Scale, judge_word, ticked
from fallback.reading.tree import Leaf, Node, Use, leaves, mark
from fallback.reading.words import load_words
from schemas.text import normalise

_GRADABLE = load_words().keys["gradable"]
_REPLIES = frozenset({"msg", "message"})
_VERDICTS = frozenset({Role.FLAG, Role.DECISION})
_SAID = _VERDICTS | {Role.SCORE, Role.SEVERITY, Role.LIKELIHOOD}
_IDENTIFIED = load_words().keys["identified"]
_PARTS = load_words().keys["parts"]
_COUNTED = load_words().keys["counted"]
_FLAGS = load_words().keys["flag"] - QUOTED
_HINTS = load_words().keys["hints"]
_FAILED = load_words().values["failed"]
#: Keys of a class, and the words for no class in them.
_CLASSES = frozenset({"label", "category", "class", "prediction", "topic", "labels", "hazard"})
_NONE = frozenset({"none", "nothing", "no category", "no label"})
_SURE = frozenset({"", "score", "confidence", "probability", "prob", "p", "confidence score"})
_NAMES = ("name", "displayName", "label", "type", "id")
_REQUESTS = frozenset({"request", "request body", "request data", "original request", "req"})
_TEXTS = frozenset({Role.QUOTED, Role.SAID})
_PARAMETERS = frozenset({Role.BOOKKEEPING, Role.THRESHOLD, Role.PASSIVE})
_OUTCOMES = frozenset({"success", "successful", "succeeded"})
_ATTACKS = frozenset({"attack", "attack type", "attack name", "probe", "exploit", "jailbreak"})
#: What is said of an answer, in which its scores may stand as well: `metadata: {scores: {...}}`.
_ASIDE = frozenset({"metadata", "meta", "response metadata", "extra", "extras", "info"})
#: What several judges said, each under its name.
_VOTES = frozenset({"votes", "judges", "judgements", "judgments", "voters", "raters", "by model"})
_JUDGED_MAPS = frozenset({"scores", "categories", "flags", "probabilities", "probs"})
_VALUES = frozenset({"value", "val", "answer"})
#: Objects of an event; judgements in them are not bookkeeping.
_OBJECTS = frozenset({"object", "event"})


def sort_record(node: dict[str, Node], scales: Scales) -> Record:
    """The parts of an object, without leaves that another reading used."""
    record, linked = Record(), False
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
        linked = linked or (kind is Kind.LIST and are_links(inner))
        role = Key(Role.QUOTED) if _is_echo(form, inner, node) else _role(form, kind, inner)
        role = Key(Role.BOOKKEEPING) if is_logged(form, inner, node) else role
        entries.append(Entry(key, form, role, inner))
    record.threshold = threshold_of(entries)
    record.limits = limits_of(entries)
    if linked and not {e.role.role for e in entries}.isdisjoint(_SAID):
        entries = [replace(e, role=Key(Role.QUOTED)) if are_links(e.node) else e for e in entries]
    if any(e.role.role is Role.NAME for e in entries):
        entries = [_outcome(e, node) for e in entries]
    scale = scales.of("", record.threshold)
    for entry in entries:
        _SORT.get(entry.role.role, _keep)(record, entry, scale)
    record.grade_levels()
    if record.nones and not (record.names or record.broad or record.weak) and _sure(record):
        record.names += record.nones[:1]
    return record


def _sure(record: Record) -> bool:
    """Whether an object's only statement about its class is a confidence."""
    if any(f.hit is False and f.basis >= Basis.GRADE for f in record.said):
        return False
    return all(
        f.hit is not True or (f.basis is Basis.SCORE and normalise(f.name) in _SURE)
        for f in record.said
    )


def _is_echo(form: str, inner: Node, beside: dict[str, Node]) -> bool:
    """Whether a value repeats the request: a judged text with parameters and no judgement.

    If a neighbour has the same keys, both are sides of a judged conversation.
    """
    if form not in _REQUESTS or not isinstance(inner, dict) or len(beside) < 2:
        return False
    if any(isinstance(o, dict) and o is not inner and o.keys() == inner.keys()
           for o in beside.values()):  # fmt: skip
        return False
    roles = {key_role(key_form(key), kind_of(value)).role for key, value in inner.items()}
    asked = not roles.isdisjoint(_PARAMETERS)
    return asked and not roles.isdisjoint(_TEXTS) and roles.isdisjoint(JUDGING - {Role.NAME})


def _role(form: str, kind: Kind, node: Node) -> Key:
    """The role of a key, with the value itself and not only its kind."""
    if isinstance(node, Leaf):
        value = node.value
        if form in _REPLIES and isinstance(value, str) and normalise(value[:40]) in _OUTCOMES:
            return Key(Role.BOOKKEEPING)
        if kind is Kind.NUMBER and form in _COUNTED:
            return Key(Role.BOOKKEEPING)
        if form in _IDENTIFIED and is_code(value):
            return Key(Role.BOOKKEEPING)
        if form == "code" and kind is Kind.NUMBER and number_of(node) > 1:
            return Key(Role.BOOKKEEPING)
        graded = kind is Kind.NUMBER or (isinstance(value, str) and normalise(value[:40]) in GRADES)
        if (
            form in _FLAGS
            and isinstance(value, str)
            and (
                normalise(value[:40]) in POLARITY
                or ticked(value) is not None
                or value.casefold() in statements.CUT
            )
        ):
            return Key(Role.FLAG)
        if (
            form.endswith((" name", " number"))
            and isinstance(value, str)
            and normalise(value[:40]) in POLARITY
        ):
            return Key(Role.CATEGORY, form)  # `Full name: yes`
        if form in _GRADABLE and graded:
            return Key(Role.CATEGORY, form)
    role = key_role(form, kind)
    if form in _PARTS and isinstance(node, list) and any(map(tells, node)):
        return Key(Role.CONTAINER)
    if role.role is Role.PASSIVE and isinstance(node, list) and any(map(is_judged, node)):
        return Key(Role.CONTAINER)
    if not isinstance(node, dict) or role.role is not Role.BOOKKEEPING:
        return role
    if " " not in form and form not in _OBJECTS:
        return role
    # `malicious_url: {verdict: ...}`: a judged value is not bookkeeping.
    if not is_judged(node):
        return role
    return Key(Role.CONTAINER) if form in _OBJECTS else Key(Role.CATEGORY, form)


def _outcome(entry: Entry, beside: dict[str, Node]) -> Entry:
    """`success: true` of a named check is its outcome, of an attack a finding; so `value: true`."""
    if entry.form in _OUTCOMES and kind_of(entry.node) is Kind.BOOL:
        attacked = any(key_form(key) in _ATTACKS for key in beside)
        return replace(entry, role=Key(Role.FLAG if attacked else Role.CLEAR))
    if entry.form in _VALUES and kind_of(entry.node) is Kind.BOOL:
        return replace(entry, role=Key(Role.FLAG))
    return entry


def _keep(record: Record, entry: Entry, scale: Scale) -> None:
    if entry.form in _VOTES and (votes := ballots(entry.node)):
        record.said += votes
    else:
        record.entries.append(entry)


def _bookkeeping(record: Record, entry: Entry, scale: Scale) -> None:
    if entry.form in _ASIDE and isinstance(entry.node, dict):
        for key, inner in entry.node.items():
            form = key_form(key)
            if form.rpartition(" ")[2] in _JUDGED_MAPS and is_map(inner):
                record.entries.append(Entry(key, form, _role(form, Kind.DICT, inner), inner))
            else:
                mark(inner, Use.BOOKKEEPING)
        return
    if entry.form in _HINTS and isinstance(entry.node, Leaf) and isinstance(entry.node.value, str):
        record.hints.append(entry.node)
    mark(entry.node, Use.BOOKKEEPING)


def _quoted(record: Record, entry: Entry, scale: Scale) -> None:
    node = entry.node
    if entry.form in PLACES and isinstance(node, list) and any(map(holds_names, node)):
        record.entries.append(replace(entry, role=Key(Role.CONTAINER)))
    elif holds_judgements(node):
        record.entries.append(entry)
    else:
        record.asked = record.asked or isinstance(node, Leaf)
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
    numbered = isinstance(value, str) and value.isdecimal() and entry.form.endswith(" id")
    if numbered or isinstance(value, int | float):
        node.use = Use.BOOKKEEPING
        return
    text = (value or "").strip()
    form = normalise(text) if len(text) <= MAX_NAME else text
    if form in _NONE and entry.form.rpartition(" ")[2] in _CLASSES:
        record.nones.append((entry.form, node))
    if text.endswith(".") and text[:-1].isdecimal():  # a number that was cut off
        node.use = Use.SIGNAL
        record.said.append(Finding(text, None, None, Basis.DECISION, node.path, failed=True))
        return
    if not any(map(str.isalnum, text)) or form in NON_NAMES or is_event(text):
        node.use = Use.BOOKKEEPING
        return
    if form in _FAILED and (entry.role.role is Role.BROAD or entry.form == "type"):
        node.use = Use.SIGNAL
        record.said.append(Finding(text, None, None, Basis.DECISION, node.path, failed=True))
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
    for key in (*_NAMES, *(k for k in node if len(k) == 2 and len(node) == 1)):  # `{"en": ...}`
        inner = node.get(key)
        if not isinstance(inner, Leaf) or not isinstance(inner.value, str):
            continue
        if not inner.value.strip() or not all(isinstance(n, Leaf) for n in node.values()):
            continue
        if any(_role(key_form(k), kind_of(n), n).role in JUDGING for k, n in node.items()
               if n is not inner and k not in _NAMES):  # fmt: skip
            return None
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
    Role.WHY: statements.why,
}
