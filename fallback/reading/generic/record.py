"""One object of an output, sorted into names, judgements and contents.

In: a node of keys and values. Out: a `Record`, and the joint judgement of a name. Marks the leaves
that it uses. Uses the roles of keys, no vocabularies of findings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fallback.reading.account import last_key
from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.roles import Key, Kind, Role, key_form
from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.judge import Scale, as_number, judge_number
from fallback.reading.tree import Leaf, Node, Use
from fallback.reading.words import load_words
from schemas.text import normalise

_VALUES = load_words().values
_KEYS = load_words().keys
POLARITY = _VALUES["polarity"]
GRADES = _VALUES["grades"]
NON_NAMES = _VALUES["non_names"] | _VALUES["silent"]
HIT_WORDS = _KEYS["hits"]
CHECKERS = _KEYS["rules"]
PLACES = _KEYS["places"]
_LIMITS = _KEYS["threshold_words"]
QUOTED = _KEYS["quoted"] | _KEYS["why"]
#: The name of a check that did not pass; the bare word `failed` may also mean a failed tool.
FAILED = "check failed"
MAX_NAME = 400
_MOST_REASON_WORDS = 3
#: Numbers that belong to the one category beside them.
_OWN = frozenset({"score", "probability", "prob", "p", "value"})
#: Keys and words of a finished run.
_RUNS = frozenset({"status", "state", "result", "outcome"})
_OK = frozenset({"ok", "okay"})
#: Flags that belong to the class beside them.
_OF_CLASS = frozenset(
    {"detected", "is detected", "matched", "match", "is match", "hit", "is hit", "found", "present",
     "positive", "is positive", "triggered", "is triggered", "fired"}
)  # fmt: skip
_TYPES = frozenset({"type", "label", "category"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One key and value: the key as written, in its normal form, and its role."""

    key: str
    form: str
    role: Key
    node: Node


@dataclass(slots=True)
class Record:
    """The parts of an object.

    names: entries with its name, in order; broad and weak ones are separate. hints: texts of
        bookkeeping that may be its name if it has no other.
    said: judgements on the whole object. entries: all others.
    threshold: the object's own, or None. limits: those of its categories.
    nones: `category: none`, which clears if there is no other name.
    idle: `blocked: false`, which clears if there is no other statement.
    graded: whether it has a grade of severity, so that a low one is a finding too.
    open: flags without yes or no: `flagged: null`.
    asked: whether it contains the judged text, so that a reply beside it was judged too.
    unjudged: whether it states that its names were not checked.
    taken: whether another reading used a name of it.
    scores: amounts of its names.
    """

    names: list[tuple[str, Leaf]] = field(default_factory=list)
    broad: list[tuple[str, Leaf]] = field(default_factory=list)
    weak: list[tuple[str, Leaf]] = field(default_factory=list)
    nones: list[tuple[str, Leaf]] = field(default_factory=list)
    hints: list[Leaf] = field(default_factory=list)
    said: list[Finding] = field(default_factory=list)
    own: list[Finding] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    errors: list[Entry] = field(default_factory=list)
    threshold: float | None = None
    limits: dict[str, float] = field(default_factory=dict)
    graded: bool = False
    taken: bool = False
    idle: list[Finding] = field(default_factory=list)
    unjudged: bool = False
    open: list[Leaf] = field(default_factory=list)
    asked: bool = False
    scores: list[Leaf] = field(default_factory=list)

    @property
    def typed(self) -> bool:
        """Whether a type, label or category names it: `threat_type` beside `entry_type`."""
        return any(form.rpartition(" ")[2] in _TYPES for form, _ in self.names)

    @property
    def checked(self) -> bool:
        """Whether it has only the name of the checker."""
        return bool(self.names) and all(form in CHECKERS for form, _ in self.names)

    @property
    def agrees(self) -> bool:
        """Whether a clean judgement is about everything, and not about the class beside it.

        `{label: safe, flagged: false}`, but not `{label: safe, detected: false}`.
        """
        clean = [f for f in self.said if f.hit is False]
        return bool(clean) and all(
            f.basis is not Basis.SCORE and normalise(f.name) not in _OF_CLASS for f in clean
        )

    def little(self, scale: Scale) -> list[Finding]:
        """Its judgements if a low score is the finding.

        A threshold in the object says that its scores end at 1.
        """
        leaves = {leaf.path: leaf for leaf in self.scores}
        found = []
        for finding in self.said:
            if finding.basis is Basis.SCORE and (leaf := leaves.get(finding.path)) is not None:
                number = number_of(leaf)
                told = judge_number(float(number) if self.threshold else number, scale)
                finding = replace(finding, hit=told.hit, score=told.score)
            elif finding.basis is Basis.SCORE and finding.score is not None:
                hit, score = finding.score < scale.threshold, 1 - finding.score
                finding = replace(finding, hit=None if scale.opposed else hit, score=score)
            found.append(finding)
        return found

    def leave_open(self, found: Sequence[Finding]) -> None:
        """Doubt flags without a value where nothing else was judged: an empty list clears none."""
        if not any(f.hit is not None and f.basis is not Basis.PRESENCE for f in found):
            for leaf in self.open:
                leaf.use = Use.DOUBTFUL

    def doubt(self) -> None:
        """Leave the scores unread: their scale or direction is unknown."""
        for leaf in self.scores:
            leaf.use = Use.DOUBTFUL

    def quote_reasons(self, known: Callable[[str], bool]) -> None:
        """Ignore explanations and replies: they belong to a judgement that was read.

        known: whether a text is a name, which is not an explanation.
        """
        for entry in self.entries:
            leaf, role = entry.node, entry.role.role
            told = role is Role.WHY or (self.asked and _is_reply(entry))
            if told and isinstance(leaf, Leaf) and not known(str(leaf.value)):
                leaf.use = Use.QUOTED

    def grade_levels(self) -> None:
        """Read the `level: error` of a finding of a rule as its severity: no tool failed."""
        if self.names and not self.errors:
            self.said = [
                replace(f, hit=True, failed=False, basis=Basis.GRADE)
                if f.failed and last_key(f.path) == "level"
                else f
                for f in self.said
            ]

    def set_runs_aside(self) -> None:
        """Ignore `status: ok` and the like: they may be the status of the run.

        Such a status clears a named check. Otherwise it clears only an output without findings.
        """
        if any(form in CHECKERS for form, _ in self.names):
            return
        runs = [f for f in self.said if f.clears and is_run(f)]
        self.said = [f for f in self.said if f not in runs]
        self.idle += [replace(f, basis=Basis.ACTION) for f in runs]

    def short_reasons(self) -> list[Leaf]:
        """Reasons of a few words, which may be names: `reason: hate speech`."""
        return [
            entry.node
            for entry in self.entries
            if entry.role.role is Role.WHY
            and isinstance(entry.node, Leaf)
            and isinstance(entry.node.value, str)
            and len(entry.node.value.split()) <= _MOST_REASON_WORDS
        ]


def _is_reply(entry: Entry) -> bool:
    """Whether a text may be a model's reply: a single word may be the verdict."""
    text = entry.node.value if isinstance(entry.node, Leaf) else None
    return entry.role.role is Role.SAID and isinstance(text, str) and " " in text.strip()


def is_run(finding: Finding) -> bool:
    """Whether a statement may be the program's own status: `ok: true`, `result: OK`."""
    key = normalise(finding.path.rpartition(".")[2])
    ran = key.rpartition(" ")[2] in _RUNS and normalise(finding.name) in _OK
    return ran or key in _OK


def broke(finding: Finding) -> Finding:
    """`status: failed` beside an error: the tool failed, no check did."""
    if finding.name == FAILED and last_key(finding.path).rpartition(" ")[2] in ("status", "state"):
        return replace(finding, hit=None, failed=True)
    return finding


def told_found(form: str) -> bool:
    """Whether the key of a name means that it was found: `violated rule`."""
    return not HIT_WORDS.isdisjoint(form.split(" "))


def numbers(said: list[Finding], inside: Sequence[Finding]) -> list[Finding]:
    """Scores and grades of the whole; a tool's confidence only if there is no other judgement."""
    found = [f for f in said if f.name and not f.general and not f.failed
             and f.basis in (Basis.SCORE, Basis.GRADE)]  # fmt: skip
    if len(inside) == 1 and inside[0].hit is False and _is_told(inside[0]):
        found = [f for f in found if normalise(f.name) not in _OWN]  # `{hate: false, p: 0.9}`
    telling = [f for f in found if normalise(f.name) not in _KEYS["confidence"]]
    return telling if telling or any(f.hit is not None for f in inside) else found


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
    """The number of a leaf of kind NUMBER, NaN if it is not a number."""
    value = leaf.value
    if isinstance(value, str):
        value = as_number(value)
    return value if isinstance(value, int | float) else float("nan")


def threshold_of(entries: Sequence[Entry]) -> float | None:
    """The threshold of an object, 0..1, or None."""
    for entry in entries:
        if entry.role.role is Role.THRESHOLD and isinstance(entry.node, Leaf):
            value = entry.node.value
            if isinstance(value, float) and 0 < value <= 1:
                return value
    return None


def limits_of(entries: Sequence[Entry]) -> dict[str, float]:
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


def _is_told(finding: Finding) -> bool:
    """Whether a flag belongs to a known category, or to something good."""
    return finding.basis is Basis.FLAG or lack(finding.name) is not None


# --- sorting, by role -------------------------------------------------------------------------


def decision_word(key: str, value: str) -> str:
    """The name of a decision: its word, `unsafe`; the key for a mere yes."""
    form = normalise(value.strip(" ,."))
    return key if form in POLARITY else FAILED if form in _VALUES["not_passed"] else value
