"""Judges single categories of an output, and exclusive classes.

In: keys and values of categories, or an object with its names; the detector's names and scales.
Out: findings.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.gaps.remarks import UNDONE
from fallback.reading.generic.record import FAILED, GRADES, POLARITY, Entry, kind_of, number_of
from fallback.reading.generic.roles import Kind, Role
from fallback.reading.generic.scaling import highest
from fallback.reading.generic.vocabulary.goals import forbidden, forbids
from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.judge import Judged, Outcome, judge, judge_number, judge_word
from fallback.reading.tree import Leaf, Node, Use
from schemas.text import normalise

MAX_ENTRY = 80
_ENTRY = 3
#: Counted things in a key whose other words may name the checker: `behavioral_findings`.
_FINDINGS = frozenset({"findings", "detections"})
_RUNGS = frozenset({"level", "tier", "grade", "stage", "step"})
_BULLETS = "*-•·# \t"


class Categories:
    """Findings of one detector's categories."""

    def __init__(self, names: Names, scales: Scales) -> None:
        self._names = names
        self._scales = scales

    def finding(
        self,
        name: str,
        hit: bool | None,
        score: float | None = None,
        path: str = "",
        basis: Basis = Basis.FLAG,
    ) -> Finding:
        """A finding of a category; for a clean class the opposite finding about the whole."""
        if self._names.clean(name):
            return Finding(name, False if hit else None, score, basis, path, whole=True)
        if hit and basis is not Basis.PRESENCE and not self._names.known(name):
            name = lack(name) or name
        return Finding(name, hit, score, basis, path)

    def judged(self, name: str, leaf: Leaf, threshold: float | None = None) -> list[Finding]:
        """The judgement of a category by a scalar."""
        judged = self._value(name, leaf, threshold, None)
        if judged is None or not judged.known:
            return []
        leaf.use = Use.SIGNAL
        return [self._from(name, judged, leaf)]

    def _value(
        self, name: str, leaf: Leaf, threshold: float | None, role: Role | None
    ) -> Judged | None:
        scale = self._scales.of(name, threshold)
        kind = kind_of(leaf)
        if kind is Kind.NULL:
            return Judged(Outcome.NONE)
        if kind is Kind.BOOL:
            return judge(leaf.value, scale, Basis.FLAG)
        if kind is Kind.NUMBER:
            number = number_of(leaf)
            if role is Role.COUNT:
                return Judged(Outcome.FOUND if number > 0 else Outcome.CLEAN, None, Basis.SCORE)
            if role is Role.FLAG and number in (0, 1):
                return judge(bool(number), scale, Basis.FLAG)
            severe = role is Role.SEVERITY or (
                role is not Role.SCORE and scale.severity_max is not None and number == number // 1
            )
            return judge_number(number, scale, Basis.GRADE if severe else Basis.SCORE)
        text = str(leaf.value)
        grade = normalise(text.strip(" ()")) in GRADES or role is Role.SEVERITY
        return judge_word(text, scale, Basis.GRADE if grade else Basis.FLAG)

    def _from(self, name: str, judged: Judged, leaf: Leaf) -> Finding:
        if judged.basis is Basis.FLAG and judged.hit is not None and self._ruled(name):
            return self._goal(name, judged, leaf)
        if judged.basis is Basis.SCORE and judged.score is not None and self._free_of(name):
            goal = self._names.resolve(forbidden(name))
            return self.finding(goal, not judged.hit, 1 - judged.score, leaf.path, judged.basis)
        if judged.outcome is Outcome.FAILED:
            return Finding(name, None, None, judged.basis, leaf.path, failed=True)
        if judged.outcome is Outcome.NONE and kind_of(leaf) is Kind.NUMBER:
            if isfinite(number_of(leaf)):  # on an unknown scale
                leaf.use = Use.DOUBTFUL
                return Finding(name, None, None, Basis.SCORE, leaf.path)
            # NaN and infinite scores: a label without a score.
            return Finding(name, True, None, Basis.PRESENCE, leaf.path)
        found = self.finding(name, judged.hit, judged.score, leaf.path, judged.basis)
        return replace(found, low=True) if judged.outcome is Outcome.LOW else found

    def _ruled(self, name: str) -> bool:
        return forbids(name) and not self._names.own(name)

    def _free_of(self, name: str) -> bool:
        """Whether a name means the absence of something known: `toxicity_free`, `no_violence`."""
        if not self._ruled(name) or self._names.clean(name) or self._names.known(name):
            return False
        goal = self._names.resolve(forbidden(name))
        return self._names.known(goal) and not self._names.clean(goal)

    def _goal(self, name: str, judged: Judged, leaf: Leaf) -> Finding:
        """`no toxicity: FAIL` and `no_toxicity: false` are findings of toxicity."""
        hit = judged.hit
        if isinstance(leaf.value, bool) or normalise(str(leaf.value)) in POLARITY:
            hit = not hit
        goal = forbidden(name)
        name = lack(goal) or self._names.resolve(goal)
        return Finding(name, hit, judged.score, judged.basis, leaf.path)

    def passing(self, name: str, leaf: Leaf) -> list[Finding]:
        """The judgement of a check for which yes and high values are good."""
        scale = replace(self._scales.of(name), good=True, lower_is_worse=True)
        judged = judge(leaf.value, scale, Basis.FLAG)
        leaf.use = Use.SIGNAL
        if self._names.general(name) or judged.hit is None:
            return [Finding(FAILED, judged.hit, None, Basis.DECISION, leaf.path)]
        found = self._names.resolve(forbidden(name) if self._ruled(name) else name)
        return [Finding(found, judged.hit, None, Basis.FLAG, leaf.path)]

    def highest(self, name: str, nodes: Sequence[Leaf]) -> list[Finding]:
        """A list of scores or flags of one category: its maximum counts."""
        judged = highest((n.value for n in nodes), self._scales.of(name), Basis.SCORE)
        for leaf in nodes:
            leaf.use = Use.SIGNAL
        return [self.finding(name, judged.hit, judged.score, nodes[0].path if nodes else "",
                             judged.basis)]  # fmt: skip

    # --- entries of an object ---------------------------------------------------------------

    def gradable(self, node: Node) -> bool:
        """Whether a value judges: a flag, a number, a word, or an object of such."""
        if isinstance(node, Leaf):
            return self._gradable_leaf(node)
        inner = node.values() if isinstance(node, dict) else node
        return all(isinstance(n, Leaf) and self._gradable_leaf(n) for n in inner)

    def judges(self, leaf: Leaf) -> bool:
        """Whether a scalar is a flag, a number or a word that judges."""
        return kind_of(leaf) is not Kind.NULL and self._gradable_leaf(leaf)

    def _gradable_leaf(self, leaf: Leaf) -> bool:
        kind = kind_of(leaf)
        return kind is not Kind.TEXT or judge_word(str(leaf.value)) is not None

    def heading(self, entry: Entry, outer: str) -> str:
        """The category that a key names, under a heading: `pii` and `email` may be `pii/email`."""
        if outer and _is_rung(entry.form) and not self._names.own(entry.key):
            return outer
        if outer and self._names.own(joined := f"{outer}/{entry.key}"):
            return joined
        if outer and (joined := self._kind_of(outer, entry)):
            return joined
        key = entry.key.strip(_BULLETS)
        core = entry.role.core or entry.form
        words = core.split(" ")
        while len(words) > 1 and self._names.general(words[0]):
            words = words[1:]
        if self._names.own(key):
            return key
        if entry.role.judged is not None:
            return self._names.best(core, " ".join(words), key, core)
        return self._names.best(key, core, " ".join(words), key)

    def _kind_of(self, outer: str, entry: Entry) -> str:
        """`gender bias` of `gender` under `bias`, if that is a kind of the heading; else empty.

        An own word is not joined.
        """
        joined = f"{entry.role.core or entry.form} {normalise(outer)}"
        if (
            self._names.own(entry.key)
            or self._names.general(outer)
            or not self._names.known(joined)
        ):
            return ""
        one, two = (
            {label.rpartition(".")[0] for label in self._names.labels(name)}
            for name in (outer, joined)
        )
        kind = all(any(t == o or t.startswith(f"{o}.") for o in one) for t in two)
        return joined if kind and one else ""

    def scalar(
        self, entry: Entry, threshold: float | None, heading: str, mapping: bool, named: bool
    ) -> list[Finding]:
        """`hate: true`, `toxicity_score: 0.93`, `insult: high` as an entry of an object."""
        leaf = entry.node
        assert isinstance(leaf, Leaf)
        if self._names.scarce and (clean := self._clean(entry, leaf)) is not None:
            return [clean]
        self._names.take_steps(_ENTRY)
        role = entry.role.judged if entry.role.role is Role.CATEGORY else entry.role.role
        name = self.heading(entry, heading)
        known = self._names.known(name)
        if not known and role is not None and entry.role.core:
            name = entry.role.core
        judged = self._value(name, leaf, threshold, role)
        kind = kind_of(leaf)
        if judged is None or not judged.known:
            return self._quoting(entry, leaf, name, known, named)
        if kind is Kind.NULL:
            leaf.use = Use.BOOKKEEPING
            return []
        if kind is Kind.TEXT and known and normalise(str(leaf.value)) in UNDONE:
            leaf.use = Use.DOUBTFUL  # `toxicity: pending`
            return []
        counted = kind is Kind.NUMBER and entry.form.rpartition(" ")[2] in _FINDINGS
        if self._names.general(name) or (counted and not known):
            return self._general(entry, judged, leaf)
        if not known and not mapping:
            if named and role is None:
                return []
            if kind is Kind.NUMBER and role is None and not _share(leaf):
                return []
            if kind is Kind.BOOL and judged.basis is Basis.FLAG:
                judged = replace(judged, basis=Basis.GRADE)
        leaf.use = Use.SIGNAL
        return [self._from(name, judged, leaf)]

    def _clean(self, entry: Entry, leaf: Leaf) -> Finding | None:
        """A clean word or flag of an output that is very long, without looking its name up."""
        if entry.role.role is not Role.CATEGORY or (
            isinstance(leaf.value, int | float | None) and (leaf.value is not False)
        ):
            return None
        judged = judge(leaf.value, self._scales.of(), Basis.FLAG)
        if judged.outcome is not Outcome.CLEAN or self._ruled(entry.key):
            return None
        if self._names.general(entry.role.core or entry.form):
            return None
        leaf.use = Use.SIGNAL
        return Finding(entry.key, False, None, Basis.FLAG, leaf.path)

    def _general(self, entry: Entry, judged: Judged, leaf: Leaf) -> list[Finding]:
        """A key that only reports a problem: a decision, or a number for the whole."""
        leaf.use = Use.SIGNAL
        number = kind_of(leaf) is Kind.NUMBER
        basis = judged.basis if number else Basis.DECISION
        found = Finding(entry.key, judged.hit, judged.score, basis, leaf.path, whole=number)
        failed, low = judged.outcome is Outcome.FAILED, judged.outcome is Outcome.LOW
        return [replace(found, failed=failed, low=low) if failed or low else found]

    def _quoting(
        self, entry: Entry, leaf: Leaf, name: str, known: bool, named: bool
    ) -> list[Finding]:
        """A text without a judgement: quoted under a category, or the name of one."""
        text = str(leaf.value)
        if not text.strip():
            leaf.use = Use.BOOKKEEPING
            return []
        if named or len(text) > MAX_ENTRY or text.endswith(":"):
            return []
        if known and not self._names.general(name) and not self._names.known(text):
            leaf.use = Use.QUOTED
            return [self.finding(name, True, None, leaf.path, Basis.PRESENCE)]
        value = self._names.resolve(text)
        if self._names.known(value):
            leaf.use = Use.SIGNAL
            return [self.finding(value, True, None, leaf.path, Basis.PRESENCE)]
        return []

    def repeats(self, flag: Finding, heading: str) -> bool:
        """Whether a flag belongs to its heading: `{weapon: {weapon_content: false}}`."""
        if flag.basis not in (Basis.FLAG, Basis.GRADE) or flag.score is not None:
            return False
        form = normalise(flag.name)
        rest = form.removeprefix(normalise(heading))
        if rest != form and (not rest or self._names.general(rest.strip())):
            return True
        labels = self._names.labels(heading)
        return bool(labels) and self._names.labels(flag.name) == labels


def _is_rung(form: str) -> bool:
    """Whether a key is a step of a scale and not a name: `level_2`, `tier 1`."""
    word, _, number = form.partition(" ")
    return word in _RUNGS and number.isdecimal()


def _share(leaf: Leaf) -> bool:
    """Whether a number may be a score."""
    number = number_of(leaf)
    return 0 <= number <= 1 or number != number
