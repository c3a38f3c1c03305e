"""One object of an output, sorted: what names it, what judges it, what is inside.

In: a node of keys and values. Out: a `Record`, and what its judgements together say of a name.
Marks the leaves that it takes. Knows the roles of keys, no vocabularies of findings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.roles import Key, Kind, Role, key_form, key_role
from fallback.reading.judge import Judged, Outcome, Scale, Scales, as_number, judge, judge_number, judge_word
from fallback.reading.tree import Leaf, Node, Use, leaves, mark
from fallback.reading.words import load_words
from schemas.text import normalise

_VALUES = load_words().values
#: Words that are a yes or a no, of which the key says what they mean.
POLARITY = frozenset({"yes", "no", "true", "false", "y", "n"})
#: Words of scales; they outrank scores, and yield to yes and no.
GRADES = frozenset(
    {
        "low", "medium", "moderate", "high", "critical", "severe", "very high", "very low", "likely",
        "very likely", "possible", "probable", "unlikely", "very unlikely", "negligible", "minor",
        "minimal", "serious", "extreme", "major", "medium and above", "low and above", "none",
    }
)  # fmt: skip
#: Values of name keys that say how something was found, or what kind of thing the object is.
_NON_NAMES = _VALUES["silent"] | frozenset(
    {
        "probability", "score", "string", "text", "boolean", "regex", "number", "float", "model",
        "rule", "keyword", "prompt", "response", "input", "output", "classifier", "llm", "ml",
        "pattern", "custom", "none", "user", "assistant", "system", "message", "object", "list",
        "entity", "detection", "content", "o", "true false", "float scale", "commit", "commit range",
        "image", "audio", "video", "document", "guardrail", "evaluation", "result", "attempt", "eval",
        "function", "tool", "report", "span", "token", "word", "dict", "json", "int", "bool", "type",
    }
)  # fmt: skip
#: Quoted content that is a list of objects is a list of findings with their places.
_PLACES = frozenset({"evidence", "spans", "highlights", "words", "chunks", "matched keywords"})
_MAX_NAME = 400
#: What a check that did not pass is called: the bare word `failed` is said of broken tools too.
FAILED = "check failed"
_FAILED = frozenset({"fail", "fails", "failed", "failure", "not passed", "invalid"})
#: Words of a key that say that what it names was found.
HIT_WORDS = frozenset(
    {"violated", "violations", "triggered", "failed", "flagged", "detected", "blocked", "denied",
     "violation", "failures", "broken", "breached", "tripped", "infringed"}
)  # fmt: skip
#: Keys that name what checked; they yield to what was found inside.
CHECKERS = frozenset(
    {
        "guardrail", "guardrail name", "scanner", "scanner id", "scanner name", "validator", "policy",
        "validator name", "detector", "detector name", "policy name", "policy type", "check", "name",
        "check name", "rule", "rule name", "rule id", "filter", "filter name", "filter type", "rail",
        "plugin", "plugin id", "plugin name", "test", "test name", "test id", "evaluator", "metric",
        "metric name", "classifier", "probe", "probe classname", "sensor", "guardrail type",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One key and value: as written, in its normal form, and what the key is for."""

    key: str
    form: str
    role: Key
    node: Node


@dataclass(slots=True)
class Record:
    """The parts of an object.

    names: entries that name what it is about, in order; broad and weak ones apart.
    said: judgements on the whole object. entries: what is left.
    threshold: the object's own, None when it has none. graded: whether it has a grade of gravity,
        so that a low one is a finding too. taken: whether another reading took a name of it.
    """

    names: list[tuple[str, Leaf]] = field(default_factory=list)
    broad: list[tuple[str, Leaf]] = field(default_factory=list)
    weak: list[tuple[str, Leaf]] = field(default_factory=list)
    said: list[Finding] = field(default_factory=list)
    own: list[Finding] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    errors: list[Entry] = field(default_factory=list)
    threshold: float | None = None
    graded: bool = False
    taken: bool = False


def kind_of(node: Node) -> Kind:
    """The kind of a value."""
    if isinstance(node, dict):
        return Kind.DICT
    if isinstance(node, list):
        return Kind.LIST
    value = node.value
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int | float):
        return Kind.NUMBER
    if len(value) <= 40 and as_number(value) is not None:
        return Kind.NUMBER
    return Kind.TEXT


def number_of(leaf: Leaf) -> int | float:
    """The number of a leaf of kind NUMBER, NaN for one that is none."""
    value = leaf.value
    if isinstance(value, str):
        value = as_number(value)
    return value if isinstance(value, int | float) else float("nan")


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
        entries.append(Entry(key, form, key_role(form, kind_of(inner)), inner))
    record.threshold = _threshold(entries)
    scale = scales.of("", record.threshold)
    for entry in entries:
        _SORT.get(entry.role.role, _keep)(record, entry, scale)
    return record


def _threshold(entries: Sequence[Entry]) -> float | None:
    for entry in entries:
        if entry.role.role is Role.THRESHOLD and isinstance(entry.node, Leaf):
            value = entry.node.value
            if isinstance(value, float) and 0 < value <= 1:
                return value
    return None


# --- sorting, by role -------------------------------------------------------------------------


def _keep(record: Record, entry: Entry, scale: Scale) -> None:
    record.entries.append(entry)


def _bookkeeping(record: Record, entry: Entry, scale: Scale) -> None:
    mark(entry.node, Use.BOOKKEEPING)


def _quoted(record: Record, entry: Entry, scale: Scale) -> None:
    node = entry.node
    if entry.form in _PLACES and isinstance(node, list) and any(isinstance(n, dict) for n in node):
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
    form = normalise(text) if len(text) <= _MAX_NAME else text
    if not text or form in _NON_NAMES:
        node.use = Use.BOOKKEEPING
        return
    if entry.form in ("prediction", "classification") and judge_word(text) is not None:
        _judge(record, entry, scale, Basis.DECISION)
        return
    places = {Role.BROAD: record.broad, Role.WEAK: record.weak}
    places.get(entry.role.role, record.names).append((entry.form, node))


def _nested(node: Node) -> Leaf | None:
    """The name in `{"infoType": {"name": ...}}`."""
    if not isinstance(node, dict):
        return None
    for key in ("name", "displayName", "label", "type", "id"):
        inner = node.get(key)
        if isinstance(inner, Leaf) and isinstance(inner.value, str) and inner.value.strip():
            if all(isinstance(other, Leaf) for other in node.values()):
                for other in leaves(node):
                    if other is not inner:
                        other.use = Use.BOOKKEEPING
                return inner
    return None


def _flag(record: Record, entry: Entry, scale: Scale) -> None:
    _polar(record, entry, scale, positive=True)


def _clear(record: Record, entry: Entry, scale: Scale) -> None:
    _polar(record, entry, scale, positive=False)


def _polar(record: Record, entry: Entry, scale: Scale, *, positive: bool) -> None:
    """`flagged: true`, `valid: "no"`, `safe: 0`; a text of another kind names something."""
    leaf = entry.node
    if not isinstance(leaf, Leaf):
        record.entries.append(entry)
        return
    value = leaf.value
    if value is None:
        leaf.use = Use.BOOKKEEPING
        return
    if isinstance(value, str):
        judged = judge_word(value, scale, Basis.FLAG)
        if judged is None and as_number(value) is None:
            record.entries.append(replace(entry, role=Key(Role.NAMES)))
            return
        if judged is not None and normalise(value.strip()) not in POLARITY:
            _say(record, entry, judged, value)
            return
    judged = judge(value, scale, Basis.FLAG)
    if not positive and _is_count(value):
        leaf.use = Use.BOOKKEEPING
        return
    if _is_count(value):
        judged = judge_number(value, scale, Basis.SCORE)
    hit = judged.hit if positive or judged.hit is None else not judged.hit
    outcome = Outcome.NONE if hit is None else Outcome.FOUND if hit else Outcome.CLEAN
    word = entry.key if positive else "unsafe" if "safe" in entry.form else FAILED
    _say(record, entry, Judged(outcome, judged.score if positive else None, Basis.DECISION), word)


def _is_count(value: object) -> bool:
    """Whether a number is of votes or findings, and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1)


def _acted(record: Record, entry: Entry, scale: Scale) -> None:
    leaf = entry.node
    if not isinstance(leaf, Leaf):
        record.entries.append(entry)
        return
    judged = judge(leaf.value, scale, Basis.ACTION)
    if isinstance(leaf.value, str) and not judged.known:
        leaf.use = Use.QUOTED
        return
    if judged.hit:
        _say(record, entry, replace(judged, basis=Basis.ACTION), entry.key)
    else:
        leaf.use = Use.BOOKKEEPING


def _decision(record: Record, entry: Entry, scale: Scale) -> None:
    _judge(record, entry, scale, Basis.DECISION)


def _action(record: Record, entry: Entry, scale: Scale) -> None:
    _judge(record, entry, scale, Basis.ACTION)


def _finish(record: Record, entry: Entry, scale: Scale) -> None:
    """Why a model stopped. Words that are neither a filter's nor a refusal's say nothing."""
    leaf = entry.node
    assert isinstance(leaf, Leaf)
    text = str(leaf.value)
    judged = judge_word(text, scale, Basis.ACTION)
    if judged is not None and judged.hit:
        _say(record, entry, judged, text)
    elif normalise(text) in ("refusal", "safety", "recitation", "blocklist", "prohibited content"):
        record.weak.append((entry.form, leaf))
    else:
        leaf.use = Use.BOOKKEEPING


def _judge(record: Record, entry: Entry, scale: Scale, basis: Basis) -> None:
    """A word for the whole; a flag here says neither yes nor no, another text is a name."""
    leaf = entry.node
    if not isinstance(leaf, Leaf) or isinstance(leaf.value, bool) and entry.form != "prediction":
        record.entries.append(entry)
        return
    if leaf.value is None:
        leaf.use = Use.BOOKKEEPING
        return
    judged = judge(leaf.value, scale, basis)
    if not judged.known:
        record.entries.append(entry)
        return
    _say(record, entry, judged, decision_word(entry.key, str(leaf.value)))


def decision_word(key: str, value: str) -> str:
    """The word that stands for a decision: `unsafe`; the key for a mere yes."""
    form = normalise(value.strip(" ,."))
    return key if form in POLARITY else FAILED if form in _FAILED else value


def _severity(record: Record, entry: Entry, scale: Scale) -> None:
    _grade(record, entry, scale)


def _likelihood(record: Record, entry: Entry, scale: Scale) -> None:
    _grade(record, entry, replace(scale, likelihood=True))


def _grade(record: Record, entry: Entry, scale: Scale) -> None:
    leaf = entry.node
    if not isinstance(leaf, Leaf):
        record.entries.append(entry)
        return
    basis = Basis.SCORE if entry.role.role is Role.LIKELIHOOD else Basis.GRADE
    judged = judge(number_of(leaf), scale, basis) if kind_of(leaf) is Kind.NUMBER else None
    if judged is None:
        judged = judge(leaf.value, scale, Basis.GRADE)
    if not judged.known:
        record.entries.append(entry)
        return
    low = judged.outcome is Outcome.LOW and isinstance(leaf.value, str)
    _say(record, entry, judged, f"{leaf.value} {entry.key}" if low else entry.key)


def _confidence(record: Record, entry: Entry, scale: Scale) -> None:
    """How sure the tool is: a word confirms or clears a name, and says nothing of the whole."""
    leaf = entry.node
    if not isinstance(leaf, Leaf):
        record.entries.append(entry)
        return
    if kind_of(leaf) is Kind.NUMBER:
        _say(record, entry, judge_number(number_of(leaf), scale), entry.key)
        return
    judged = judge(leaf.value, scale, Basis.SCORE)
    if judged.outcome is Outcome.LOW:
        judged = Judged(Outcome.NONE, None, Basis.SCORE)
    if not judged.known:
        record.entries.append(entry)
        return
    _say(record, entry, replace(judged, basis=Basis.SCORE), "")


def _number(record: Record, entry: Entry, scale: Scale) -> None:
    leaf = entry.node
    if not isinstance(leaf, Leaf):
        record.entries.append(entry)
        return
    if isinstance(leaf.value, str) and normalise(leaf.value) in POLARITY:
        _polar(record, entry, scale, positive=True)
        return
    judged = judge(leaf.value, scale, Basis.SCORE)
    if not judged.known:
        record.entries.append(entry)
        return
    _say(record, entry, judged, entry.key)


def _count(record: Record, entry: Entry, scale: Scale) -> None:
    """How often: zero clears a name; above zero it confirms one."""
    leaf = entry.node
    if not isinstance(leaf, Leaf) or kind_of(leaf) is not Kind.NUMBER:
        record.entries.append(entry)
        return
    found = number_of(leaf) > 0
    outcome = Outcome.FOUND if found else Outcome.CLEAN
    _say(record, entry, Judged(outcome, None, Basis.SCORE), "")


def _say(record: Record, entry: Entry, judged: Judged, word: str) -> None:
    leaf = entry.node
    assert isinstance(leaf, Leaf)
    leaf.use = Use.SIGNAL if judged.hit is not None else Use.BOOKKEEPING
    low = judged.outcome is Outcome.LOW
    if judged.basis is Basis.GRADE and "severity" in entry.form:
        record.graded = True
    if judged.outcome is Outcome.NONE and judged.score is None:
        return
    record.said.append(
        Finding(
            word, judged.hit, judged.score, judged.basis, leaf.path,
            failed=judged.outcome is Outcome.FAILED, low=low,
        )  # fmt: skip
    )


_SORT = {
    Role.FLAG: _flag,
    Role.CLEAR: _clear,
    Role.ACTED: _acted,
    Role.DECISION: _decision,
    Role.ACTION: _action,
    Role.FINISH: _finish,
    Role.SEVERITY: _severity,
    Role.LIKELIHOOD: _likelihood,
    Role.CONFIDENCE: _confidence,
    Role.SCORE: _number,
    Role.COUNT: _count,
    Role.NAME: _name,
    Role.BROAD: _name,
    Role.WEAK: _name,
    Role.THRESHOLD: _bookkeeping,
    Role.PASSIVE: _bookkeeping,
    Role.BOOKKEEPING: _bookkeeping,
    Role.QUOTED: _quoted,
    Role.ERROR: _error,
}
