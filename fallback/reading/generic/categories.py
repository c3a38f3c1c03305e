"""What an output says of one category, and of classes that exclude each other.

In: keys and values that stand for categories, or an object with its names. Out: findings. Knows
the detector's names and scales.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.goals import forbidden, forbids
from fallback.reading.generic.names import Names
from fallback.reading.generic.record import (
    CHECKERS,
    GRADES,
    POLARITY,
    HIT_WORDS,
    Entry,
    Record,
    kind_of,
    number_of,
)
from fallback.reading.generic.roles import Kind, Role
from fallback.reading.judge import (
    Judged,
    Outcome,
    Scales,
    highest,
    judge,
    judge_number,
    judge_word,
)
from fallback.reading.tree import Leaf, Node, Use, mark
from schemas.text import normalise

#: How far scores of exclusive classes may be from one together.
_ROUNDING = 0.02
_TOP = 0.5
_MAX_ENTRY = 80
_BULLETS = "*-•·# \t"
_RULES = frozenset({"violated policy", "violated rule", "principle", "guideline", "rule code"})


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
        """A finding of a category; of a clean class it speaks of the whole, the other way round."""
        if self._names.clean(name):
            return Finding(name, False if hit else None, score, basis, path, whole=True)
        return Finding(name, hit, score, basis, path)

    def judged(self, name: str, leaf: Leaf, threshold: float | None = None) -> list[Finding]:
        """What a scalar says of a category."""
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
        if judged.outcome is Outcome.FAILED:
            return Finding(name, None, None, judged.basis, leaf.path, failed=True)
        if judged.outcome is Outcome.NONE and kind_of(leaf) is Kind.NUMBER:
            # NaN and infinite scores: a label without a score.
            return Finding(name, True, None, Basis.PRESENCE, leaf.path)
        found = self.finding(name, judged.hit, judged.score, leaf.path, judged.basis)
        return replace(found, low=True) if judged.outcome is Outcome.LOW else found

    def _ruled(self, name: str) -> bool:
        return forbids(name) and not self._names.own(name)

    def _goal(self, name: str, judged: Judged, leaf: Leaf) -> Finding:
        """`no toxicity: FAIL` and `no_toxicity: false` are findings of toxicity."""
        hit = judged.hit
        if isinstance(leaf.value, bool) or normalise(str(leaf.value)) in POLARITY:
            hit = not hit
        name = self._names.resolve(forbidden(name))
        return Finding(name, hit, judged.score, judged.basis, leaf.path)

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

    def _gradable_leaf(self, leaf: Leaf) -> bool:
        kind = kind_of(leaf)
        return kind is not Kind.TEXT or judge_word(str(leaf.value)) is not None

    def heading(self, entry: Entry, outer: str) -> str:
        """The category that a key names, under a heading: `pii` and `email` may be `pii/email`."""
        if outer and self._names.own(joined := f"{outer}/{entry.key}"):
            return joined
        key = entry.key.strip(_BULLETS)
        core = entry.role.core or entry.form
        words = core.split(" ")
        while len(words) > 1 and self._names.general(words[0]):
            words = words[1:]
        return self._names.best(key, core, " ".join(words), key)

    def scalar(
        self, entry: Entry, threshold: float | None, heading: str, mapping: bool, named: bool
    ) -> list[Finding]:
        """`hate: true`, `toxicity_score: 0.93`, `insult: high` as an entry of an object."""
        leaf = entry.node
        assert isinstance(leaf, Leaf)
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
        if self._names.general(name):
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

    def _general(self, entry: Entry, judged: Judged, leaf: Leaf) -> list[Finding]:
        """A key that only says that something is wrong: a decision, or a number for the whole."""
        leaf.use = Use.SIGNAL
        number = kind_of(leaf) is Kind.NUMBER
        word = entry.key
        return [
            Finding(
                word, judged.hit, judged.score, judged.basis if number else Basis.DECISION, leaf.path,
                failed=judged.outcome is Outcome.FAILED, low=judged.outcome is Outcome.LOW,
                whole=number,
            )
        ]  # fmt: skip

    def _quoting(
        self, entry: Entry, leaf: Leaf, name: str, known: bool, named: bool
    ) -> list[Finding]:
        """A text that judges nothing: quoted under a category, or the name of one."""
        text = str(leaf.value)
        if named or len(text) > _MAX_ENTRY:
            return []
        if known and not self._names.general(name) and not self._names.known(text):
            leaf.use = Use.QUOTED
            return [self.finding(name, True, None, leaf.path, Basis.PRESENCE)]
        value = self._names.resolve(text)
        if self._names.known(value):
            leaf.use = Use.SIGNAL
            return [self.finding(value, True, None, leaf.path, Basis.PRESENCE)]
        return []

    # --- objects with names ---------------------------------------------------------------------

    def take_own(self, record: Record, node: dict[str, Node]) -> None:
        """Entries of the detector's own vocabulary that are pairs: `{"blockReason": "SAFETY"}`."""
        if not self._names.pairs:
            return
        for key, inner in node.items():
            form = normalise(key[:_MAX_ENTRY])
            if form not in self._names.pairs:
                continue
            found = self._names.pair(key, inner)
            if found is None:
                continue
            labels = self._names.labels(found)
            record.said = [f for f in record.said if not f.path or f.path != _path(inner)]
            mark(inner, Use.SIGNAL)
            record.entries = [e for e in record.entries if e.node is not inner]
            record.weak = [w for w in record.weak if w[1] is not inner]
            record.names = [w for w in record.names if w[1] is not inner]
            if labels == ("OTHER.LowRisk",):
                record.own.append(
                    Finding(found, False, None, Basis.GRADE, _path(inner), low=True, whole=True)
                )
            elif labels == ("OTHER.Safe",):
                basis = Basis.DECISION if "stop" not in normalise(found) else Basis.ACTION
                record.said.append(Finding(found, False, None, basis, _path(inner)))
            elif self._names.vague(found):
                record.said.append(Finding(found, True, None, Basis.DECISION, _path(inner)))
            else:
                record.own.append(Finding(found, True, None, Basis.FLAG, _path(inner)))

    def record_names(self, record: Record) -> list[str]:
        """Names of the object itself: the known ones, else the first that is no mere heading."""
        every = [*record.names, *record.broad, *record.weak]
        if record.taken:
            return []
        for _, leaf in every:
            leaf.use = Use.SIGNAL
        if not every:
            return []
        texts = [str(leaf.value).strip() for _, leaf in every]
        if len(every) > 1:
            for sign in (".", "/", ":"):
                joined = sign.join(texts[:2])
                if self._names.own(joined):
                    return [joined]
        for group in (record.names, record.broad, record.weak):
            found = [self._names.resolve(str(leaf.value)) for _, leaf in group]
            known = [name for name in found if self._names.known(name)]
            if known:
                return list(dict.fromkeys(known))
        first = record.names or record.broad
        if not first and record.said:
            first = [w for w in record.weak if len(str(w[1].value).split()) <= 6]
        for _, leaf in record.weak if not first else ():
            leaf.use = Use.UNREAD
        return [str(leaf.value).strip() for _, leaf in first][:1]

    def verdict(self, record: Record, name: str, path: str) -> Finding:
        """What an object's judgements say of its name, the strongest first."""
        said = record.said
        scale = self._scales.of(name, record.threshold)
        scores = [f.score for f in said if f.score is not None]
        if scale.lower_is_worse:
            said = [self._turned(f, scale.threshold) for f in said]
        score = max(scores, default=None)
        if any(f.failed for f in said) and not any(f.hit for f in said):
            return Finding(name, None, None, Basis.FLAG, path, failed=True)
        if not said and any(_told_found(form) for form, _ in record.names):
            return Finding(name, True, None, Basis.FLAG, path)
        for basis, bases in (
            (Basis.FLAG, (Basis.FLAG, Basis.DECISION)),
            (Basis.ACTION, (Basis.ACTION,)),
            (Basis.GRADE, (Basis.GRADE,)),
            (Basis.ACTION, (Basis.ACTION,)),
            (Basis.SCORE, (Basis.SCORE,)),
        ):
            told = [f for f in said if f.basis in bases and f.hit is not None]
            if basis is Basis.ACTION and not any(f.hit for f in told):
                graded = any(f.basis is Basis.GRADE and f.hit for f in said)
                if graded or not told:
                    continue
            if told:
                return self._told(told, record, name, score, path, basis)
        return Finding(name, True, score, Basis.PRESENCE, path)

    def named(self, name: str, verdict: Finding, record: Record) -> Finding:
        """What the judgements of an object say of one of its names.

        A rule that forbids is a finding of what it forbids; a class such as `not_hate` is a clean
        one. Yes and no, and the key of a rule, tell the two apart.
        """
        own = self._names.own(name)
        ruled = any(form in CHECKERS or form in _RULES for form, _ in record.names)
        if not own and forbids(name) and (ruled or verdict.basis >= Basis.FLAG):
            return replace(verdict, name=self._names.resolve(forbidden(name)))
        found = self.finding(name, verdict.hit, verdict.score, verdict.path, verdict.basis)
        if not verdict.failed and not verdict.low:
            return found
        return replace(found, failed=verdict.failed, low=verdict.low)

    def _told(
        self, told: list[Finding], record: Record, name: str, score: float | None, path: str,
        basis: Basis,
    ) -> Finding:  # fmt: skip
        hit = any(f.hit for f in told)
        low = not hit and any(f.low for f in told)
        if low and record.graded:
            hit, low = True, False
        basis = Basis.FLAG if basis is Basis.ACTION else basis
        return Finding(name, hit, score, basis, path, low=low)

    def _turned(self, finding: Finding, threshold: float) -> Finding:
        if finding.basis is not Basis.SCORE or finding.score is None:
            return finding
        hit = finding.score < threshold
        return replace(finding, hit=hit, score=1 - finding.score)

    # --- classes that exclude each other --------------------------------------------------------

    def exclusive(self, findings: list[Finding]) -> list[Finding]:
        """Scores of classes of which one is clean, or that sum to one: the top one counts."""
        scored = [f for f in findings if f.basis is Basis.SCORE and f.score is not None]
        if not scored or len(scored) != len(findings):
            return findings
        clean = [f for f in scored if f.whole and self._names.clean(f.name)]
        total = sum(f.score or 0 for f in scored)
        top = max(scored, key=lambda f: f.score or 0)
        if len(scored) == 1:
            if clean and (top.score or 0) < _TOP:
                return [replace(top, hit=None)]
            return findings
        together = abs(total - 1) <= _ROUNDING
        if top in clean:
            return [replace(f, hit=False) for f in findings] if together or not _hit(
                findings) else [replace(f, hit=None) if f in clean else f for f in findings]
        if together and not _hit(findings):
            return [replace(f, hit=True, basis=Basis.SCORE) if f is top else f
                    for f in findings if f not in clean]  # fmt: skip
        if clean:
            return [replace(f, hit=None) if f in clean else f for f in findings]
        return findings


def _told_found(form: str) -> bool:
    """Whether the key of a name says that it was found: `violated rule`."""
    return not HIT_WORDS.isdisjoint(form.split(" "))


def _hit(findings: Iterable[Finding]) -> bool:
    return any(f.category for f in findings)


def _share(leaf: Leaf) -> bool:
    """Whether a number may be a score."""
    number = number_of(leaf)
    return 0 <= number <= 1 or number != number


def _path(node: Node) -> str:
    return node.path if isinstance(node, Leaf) else ""
