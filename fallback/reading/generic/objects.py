"""Judges the names of an object.

In: a record, the detector's names and scales. Out: the names of the object, and their findings.
"""

from collections.abc import Sequence
from dataclasses import replace

from fallback.reading.finding import Basis, Finding, merge, settle, settle_under
from fallback.reading.generic.categories import MAX_ENTRY, Categories
from fallback.reading.generic.inside import is_zero
from fallback.reading.generic.record import CHECKERS, Entry, Record, kind_of, numbers, told_found
from fallback.reading.generic.roles import Key, Role, key_form, key_role
from fallback.reading.generic.vocabulary.goals import forbidden, forbids
from fallback.reading.generic.vocabulary.goods import is_praise
from fallback.reading.tree import Leaf, Node, Use, leaves, mark, path_of
from fallback.reading.words import load_words
from schemas.text import normalise

#: Roles by the form of a key alone: an own word of the detector is a category nevertheless.
_UNLIKE = frozenset({Role.BOOKKEEPING, Role.QUOTED, Role.PASSIVE, Role.THRESHOLD, Role.WHY})
#: The most words of a verdict that no list has; more are a sentence.
_MOST_WORDS = 3
_CONTRARY = load_words().values["contrary"]
_RULES = frozenset({"violated policy", "violated rule", "principle", "guideline", "rule code"})


class Objects(Categories):
    """Reads objects that name something, and single categories, for one detector."""

    def own_keys(self, node: dict[str, Node]) -> list[Entry]:
        """Entries whose key is an own word and whose value judges it, for any form of the key.

        They are marked, so that no other reading uses them; `give_back` unmarks them.
        """
        found: list[Entry] = []
        alone = self._only_own(node)
        for key, inner in node.items():
            if not isinstance(inner, Leaf) or inner.use is not Use.UNREAD or not self.judges(inner):
                continue
            form = key_form(key)
            role = key_role(form, kind_of(inner)).role
            if alone or (role in _UNLIKE and self._names.own(key)):
                inner.use = Use.BOOKKEEPING
                found.append(Entry(key, form, Key(Role.CATEGORY, form), inner))
        return found

    def _only_own(self, node: dict[str, Node]) -> bool:
        """Whether an object has only own words of findings with their judgements."""
        return bool(node) and all(
            isinstance(inner, Leaf)
            and self._names.own(key)
            and self.judges(inner)
            and not self._names.clean(key)
            for key, inner in node.items()
        )

    def give_back(self, entries: list[Entry], record: Record) -> None:
        """Return entries of own words to those to be read."""
        for entry in entries:
            for leaf in leaves(entry.node):
                leaf.use = Use.UNREAD
        record.entries.extend(entries)

    def take_own(self, record: Record, node: dict[str, Node]) -> None:
        """Entries of the detector's own vocabulary that are pairs: `{"blockReason": "SAFETY"}`."""
        if not self._names.pairs:
            return
        said = {f.path for f in record.said if f.path}
        said.update(leaf.path for _, leaf in [*record.names, *record.weak])
        for key, inner in node.items():
            form = normalise(key[:MAX_ENTRY])
            if form not in self._names.pairs:
                continue
            unread = any(leaf.use is Use.UNREAD or leaf.path in said for leaf in leaves(inner))
            found = self._names.pair(key, inner) if unread else None
            if found is None:
                continue
            labels = self._names.labels(found)
            record.said = [f for f in record.said if not f.path or f.path != path_of(inner)]
            mark(inner, Use.SIGNAL)
            record.entries = [e for e in record.entries if e.node is not inner]
            record.weak = [w for w in record.weak if w[1] is not inner]
            record.names = [w for w in record.names if w[1] is not inner]
            if labels == ("OTHER.LowRisk",):
                record.own.append(
                    Finding(found, False, None, Basis.GRADE, path_of(inner), low=True, whole=True)
                )
            elif labels == ("OTHER.Safe",):
                basis = Basis.DECISION if "stop" not in normalise(found) else Basis.ACTION
                record.said.append(Finding(found, False, None, basis, path_of(inner)))
            elif self._names.vague(found):
                record.said.append(Finding(found, True, None, Basis.DECISION, path_of(inner)))
            else:
                record.own.append(Finding(found, True, None, Basis.FLAG, path_of(inner)))

    def record_names(self, record: Record) -> list[str]:
        """Names of the object itself: the known ones, else the first that is not a mere heading."""
        if record.taken:
            return []
        decided = False
        for entry in record.entries:  # a plain loop: every object of an output comes here
            decided = decided or entry.role.role is Role.DECISION
        if decided:
            self._take_verdicts(record)
        every = [*record.names, *record.broad, *record.weak]
        for _, leaf in every:
            leaf.use = Use.SIGNAL
        if not every:
            return self._hinted(record)
        texts = [str(leaf.value).strip() for _, leaf in every]
        if len(every) > 1:
            for sign in (".", "/", ":"):
                joined = sign.join(texts[:2])
                if self._names.own(joined):
                    return [joined]
        for group in (record.names, record.broad, record.weak):
            found = [self._names.resolve(str(leaf.value)) for _, leaf in group]
            known = [name for name in found if self._names.known(name)]
            if known and not (group is record.weak and record.typed):
                return list(dict.fromkeys(known))
            both = [self._names.resolve(part) for name in found for part in name.split(" and ")]
            if len(both) > len(found) and all(map(self._names.known, both)):
                return list(dict.fromkeys(both))
        first = record.names or record.broad
        if not first and record.said:
            first = [w for w in record.weak if len(str(w[1].value).split()) <= 6]
        for _, leaf in record.weak if not first else ():
            leaf.use = Use.UNREAD
        return [str(leaf.value).strip() for _, leaf in first][:1]

    def _take_verdicts(self, record: Record) -> None:
        """Verdicts that are names: `detection: email`, `verdict: phishing`."""
        for entry in list(record.entries):
            leaf = entry.node
            if entry.role.role is not Role.DECISION or not isinstance(leaf, Leaf):
                continue
            text = leaf.value if isinstance(leaf.value, str) else ""
            if not 0 < len(text) <= MAX_ENTRY:
                continue
            told = entry.form.endswith("verdict") and len(text.split()) <= _MOST_WORDS
            name = self._names.resolve(text)
            named = [self._names.resolve(str(n.value)) for _, n in record.names]
            again = bool(labels := self._names.labels(name)) and any(
                self._names.labels(other) == labels for other in named
            )
            if again:
                leaf.use = Use.BOOKKEEPING
            elif not self._names.clean(name) and (told or self._names.known(name)):
                record.entries.remove(entry)
                record.names.append((entry.form, leaf))

    def _hinted(self, record: Record) -> list[str]:
        """A known category that an object with a finding has only as its method."""
        accused = any(f.hit and (f.basis.general or not f.name) for f in record.said)
        found = [self._names.resolve(str(leaf.value)) for leaf in record.hints if accused]
        return [n for n in found if self._names.known(n) and not self._names.vague(n)][:1]

    def reasons(self, record: Record, inside: Sequence[Finding]) -> list[str]:
        """The known name in the reason if there is no other name and no clearing."""
        if any(f.hit is False or f.category for f in [*record.said, *record.idle, *inside]):
            return []
        for leaf in record.short_reasons():
            name = self._names.resolve(str(leaf.value))
            if self._names.known(name) and not (self._names.vague(name) or self._names.clean(name)):
                leaf.use = Use.SIGNAL
                return [name]
        return []

    def verdict(self, record: Record, name: str, path: str) -> Finding:
        """The finding of an object's name by its strongest judgement."""
        said = record.said
        scale = self._scales.of("" if self._names.clean(name) else name, record.threshold)
        score = max((f.score for f in said if f.score is not None), default=None)
        if scale.lower_is_worse:
            said = record.little(scale)
        if normalise(name) in _CONTRARY:
            said = [f for f in said if f.hit or f.basis is not Basis.SCORE]
        if is_praise(normalise(name)) and any(is_zero(leaf) for leaf in record.scores):
            said = [f for f in said if not (f.hit and f.basis is Basis.SCORE)]
        if any(f.failed for f in said) and not any(f.hit for f in said):
            return Finding(name, None, None, Basis.FLAG, path, failed=True)
        if record.unjudged and not any(f.hit for f in said):
            return Finding(name, None, None, Basis.FLAG, path)
        if not said and any(told_found(form) for form, _ in record.names):
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
        if record.scores and scale.lower_is_worse:
            record.doubt()
            return Finding(name, None, None, Basis.SCORE, path)
        return Finding(name, True, score, Basis.PRESENCE, path)

    def named(self, name: str, verdict: Finding, record: Record) -> Finding:
        """The finding of one of an object's names under a judgement.

        A rule that forbids something is a finding of it; a class such as `not_hate` is a clean one.
        Yes and no, and the key of a rule, distinguish both.
        """
        own = self._names.own(name)
        if verdict.hit is False and self._names.clean(name) and record.agrees:
            return replace(verdict, name=name, whole=True)
        ruled = any(form in CHECKERS or form in _RULES for form, _ in record.names)
        if not own and forbids(name) and (ruled or verdict.basis >= Basis.FLAG):
            kept = verdict.basis is Basis.PRESENCE and bool(record.idle)  # nothing was done
            goal = self._names.resolve(forbidden(name))
            return replace(verdict, name=goal, hit=False if kept else verdict.hit)
        found = self.finding(name, verdict.hit, verdict.score, verdict.path, verdict.basis)
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

    def only_checks(self, named: Sequence[str], record: Record) -> bool:
        """Whether an object has only the unknown name of a checker, and no judgement."""
        return (
            bool(record.names and named)
            and not record.said
            and all(form in CHECKERS for form, _ in record.names)
            and not any(self._names.known(n) or self._free_of(n) for n in named)
        )

    def beside(self, found: list[Finding], errors: list[Finding]) -> list[Finding]:
        """Findings with those of an error, unless these only report that the tool failed."""
        if not any(f.category and not self._names.vague(f.name) for f in found):
            return [*found, *errors]
        return [*found, *(f for f in errors if not (f.category and self._names.vague(f.name)))]

    def of_named(
        self, named: Sequence[str], record: Record, same: list[Finding], *, inside: bool
    ) -> list[Finding]:
        """Findings of an object with names."""
        path = next((leaf.path for _, leaf in [*record.names, *record.broad, *record.weak]), "")
        verdict = self.verdict(record, named[0], path)
        settled = settle_under(verdict, same)
        telling = [f for f in settled if f.category]
        own = [self.named(name, verdict, record) for name in named]
        checker = not record.names or all(form in CHECKERS for form, _ in record.names)
        known = any(self._names.known(f.name) for f in telling)
        if telling and checker and (known or not self._names.known(named[0])):
            return settled
        if verdict.failed and not checker:
            own = [*own, *(replace(f, hit=True, basis=Basis.PRESENCE, failed=False) for f in own)]
        if verdict.basis is Basis.PRESENCE and verdict.hit:
            if telling and not record.names:
                return settled
            headed = [f for f in settled if normalise(f.name) in map(normalise, named)]
            if headed:
                return settled
            if inside and not telling and (checker or not self._names.known(named[0])):
                return [*settled, *(replace(f, hit=None) for f in own)]
        return merge([*own, *settled])

    def of_heading(self, heading: str, record: Record, same: list[Finding]) -> list[Finding]:
        """Judgements of an object without a name: they apply to its heading."""
        own = [f for f in same if self.repeats(f, heading)]
        record.said += own
        same = [f for f in same if f not in own]
        verdict = self.verdict(record, heading, record.said[0].path)
        settled = settle_under(verdict, same)
        known = any(f.category and self._names.known(f.name) for f in settled)
        if verdict.hit and known and not self._names.known(heading):
            return settled
        return merge([verdict, *settled])

    def of_all(self, record: Record, same: list[Finding]) -> list[Finding]:
        """Judgements of an object without name and heading: they apply to everything inside."""
        decisions = [f for f in record.said if f.basis.general or f.basis is Basis.FLAG or f.failed]
        decisions = [
            replace(f, basis=Basis.DECISION) if f.basis is Basis.FLAG else f for f in decisions
        ]
        whole = numbers(record.said, same)
        if any(f.failed for f in same) and not any(f.category for f in same):
            # The only reason of the verdict is a failure.
            decisions = [d for d in decisions if not d.accuses]
        if not any(d.hit is not None for d in decisions):
            decisions += [replace(f, whole=True) for f in whole]
        return settle(decisions, same)
