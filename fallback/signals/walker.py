"""Structured outputs: every name in them, with what the output says of it.

In: a parsed value. Out: findings. Knows how objects nest and which entry speaks of which; what
keys mean is in `lexicon`, what values mean in `grades`, special shapes in `vendor`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fallback.signals import keys, lexicon
from fallback.signals.finding import (
    Basis,
    Finding,
    Hint,
    Rank,
    merge,
    overruled,
    top_of_distribution,
)
from fallback.signals.grades import Grade, Grades, Scale, as_number
from fallback.signals.lenient import MAX_DEPTH
from fallback.signals.names import Names, fits
from fallback.signals.record import (
    NOT_VALID,
    Record,
    base_key,
    comments_on,
    is_structural,
    own_names,
    read_record,
)
from fallback.signals.vendor import rewrite
from fallback.signals.verdict import clears

_MAX_NODES = 4000
_MAX_FINDINGS = 1024
_MAX_TEXTS = 320


class Walker:
    """Walks one parsed output.

    read_text: findings of a text that stands where names stand.
    read_prose: findings of a text that talks about them.
    """

    def __init__(
        self,
        names: Names,
        grades: Grades,
        read_text: Callable[[str], list[Finding]],
        read_prose: Callable[[str], list[Finding]],
    ) -> None:
        self._names = names
        self._grades = grades
        self._read_text = read_text
        self._read_prose = read_prose
        self._nodes = 0

    def walk(self, value: Any, group: str | None = None, depth: int = 0) -> list[Finding]:
        """Findings of a value; `group` is the nearest heading that names something."""
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > MAX_DEPTH:
            return []
        value = rewrite(value)
        if isinstance(value, dict):
            return self._object(value, group, depth)
        if isinstance(value, list):
            return self._list(value, group, depth)
        if isinstance(value, str):
            return self._read_text(value)
        return []

    # --- lists ------------------------------------------------------------------------------

    def _list(self, values: list[Any], group: str | None, depth: int) -> list[Finding]:
        findings: list[Finding] = []
        for value in values:
            findings.extend(self.walk(value, group, depth + 1))
            if len(findings) > _MAX_FINDINGS:
                break
        return top_of_distribution(findings)

    # --- objects ----------------------------------------------------------------------------

    def _object(self, value: dict[str, Any], group: str | None, depth: int) -> list[Finding]:
        record = read_record(value, self._names, self._grades)
        named = own_names(record, self._names)
        certain = any(self._names.known(name) for name in named)
        inside = self._entries(record, group, depth, certain)
        verdict = self._verdict(record, named[0] if named else group or "")
        if verdict is not None and verdict.hint is Hint.CLEAN and verdict.basis is Basis.FLAG:
            inside = overruled(inside, named_too=record.word != NOT_VALID)
        if named:
            own = self._named(named, verdict, inside)
            return merge([*inside, *own])
        if group is None and (templated := self._templates(value)):
            inside = [*inside, *templated]
        elif verdict is not None:
            inside = [*inside, *self._unnamed(record, verdict, group, inside)]
        return merge(top_of_distribution(inside))

    def _verdict(self, record: Record, name: str) -> Grade | None:
        """What the object says of its name, the number included."""
        number: Grade | None = None
        if record.number is not None:
            scale = replace(record.scale, severity=record.severe)
            number = self._grades.number(record.number, name, scale)
        if record.verdict is None:
            return number
        if number is None or record.verdict.score is not None:
            return record.verdict
        return replace(record.verdict, score=number.score)

    def _named(
        self, named: list[str], verdict: Grade | None, inside: list[Finding]
    ) -> list[Finding]:
        """Findings of the object's own names; they yield to known ones inside."""
        telling = [f for f in inside if f.telling]
        if any(self._names.known(f.name) and f.rank is Rank.CATEGORY for f in telling):
            return []
        if verdict is not None:
            return [self._graded_as(name, verdict) for name in named]
        hint = Hint.FOUND if telling else Hint.CLEAN if inside else None
        return [self._finding(name, hint) for name in named]

    def _unnamed(
        self, record: Record, verdict: Grade, group: str | None, inside: list[Finding]
    ) -> list[Finding]:
        """The verdict of an object without a name: its heading's, else a general one."""
        if group is not None:
            if any(f.telling for f in inside):
                return []
            return [self._graded_as(group, verdict)]
        name = record.word or "score"
        finding = self._graded_as(name, verdict)
        finding = replace(finding, rank=max(finding.rank, Rank.GENERAL))
        if verdict.hint is not Hint.FOUND or finding.rank < Rank.ACTION:
            return [finding]
        return [finding, *self._reasons(record)]

    def _reasons(self, record: Record) -> list[Finding]:
        """What an object says of why it was blocked or flagged."""
        texts = (v for _, form, v in record.entries if form in keys.REASON_KEYS)
        given = next((v.strip() for v in texts if isinstance(v, str) and v.strip()), "")
        found = self._read_text(given.splitlines()[0]) if given else []
        return [replace(f, hint=Hint.FOUND) for f in found if f.telling]

    def _templates(self, value: dict[str, Any]) -> list[Finding]:
        """Entries of the vocabulary that are objects themselves."""
        found = []
        for text, template in self._names.templates:
            if fits(template, value):
                labels = self._names.labels(text)
                hint = Hint.CLEAN if labels == ("OTHER.Safe",) else Hint.FOUND
                found.append(self._finding(text, hint, None, Basis.FLAG))
        return found

    # --- entries of an object ---------------------------------------------------------------

    def _entries(
        self, record: Record, group: str | None, depth: int, certain: bool
    ) -> list[Finding]:
        """Findings of what is left; `certain` when the object has a known name of its own."""
        values = [v for _, _, v in record.entries]
        forms = {form for _, form, _ in record.entries}
        gradable = sum(self._gradable(v) for v in values)
        even = gradable >= 1 and gradable == len(values)
        findings: list[Finding] = []
        for key, form, value in record.entries:
            if len(findings) > _MAX_FINDINGS:
                break
            if certain and form in keys.TAG_KEYS:
                continue
            if isinstance(value, dict | list):
                findings.extend(self._inner(key, form, value, group, depth, certain))
            elif isinstance(value, str):
                findings.extend(self._text(key, form, value, even))
            elif value is not None and not comments_on(form, forms):
                key = base_key(form, forms) or key
                findings.extend(self._scalar(key, form, value, group, even))
        return findings

    def _gradable(self, value: Any) -> bool:
        if isinstance(value, str):
            return self._grades.word(value) is not None or as_number(value) is not None
        return isinstance(value, int | float)

    def _inner(
        self, key: str, form: str, value: Any, group: str | None, depth: int, certain: bool
    ) -> list[Finding]:
        placed = isinstance(value, dict) and form in keys.PLACE_KEYS
        heading = None if placed else self._heading(key, form, group)
        if heading is None:
            if isinstance(value, list) and all(isinstance(v, str) for v in value):
                return self._strings(form, value)
            return self.walk(value, group, depth + 1)
        if not value:
            return [self._finding(heading, Hint.CLEAN, None, Basis.FLAG)]
        if isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
            texts = [v for v in value if isinstance(v, str)][:_MAX_TEXTS]
            found = [f for v in texts for f in self._read_text(v)]
            known = [f for f in found if self._names.known(f.name)]
            if certain and not known:
                return []
            return known or [self._finding(heading, Hint.FOUND, None, Basis.FLAG)]
        found = self.walk(value, heading, depth + 1)
        telling = [f for f in found if f.telling]
        if telling and not any(self._names.settled(f.name) for f in telling):
            return [*found, self._finding(heading, Hint.FOUND, None, Basis.FLAG)]
        if found or isinstance(value, dict):
            return found
        return [self._finding(heading, Hint.FOUND, None, Basis.FLAG)]

    def _heading(self, key: str, form: str, group: str | None) -> str | None:
        """The key as a name of what is inside; None when it is only structure."""
        if group is not None and self._names.own(joined := f"{group}/{key}"):
            return joined
        if self._names.own(key):
            return key
        if form in keys.STRUCTURAL or form in keys.NAME_KEYS or form in keys.PROSE_KEYS:
            return None
        if form.rpartition(" ")[2] in keys.LIST_WORDS:
            return None
        found = self._names.key(key)
        return found if self._names.known(found) else None

    def _strings(self, form: str, values: list[str]) -> list[Finding]:
        """A list of texts: names under a key of names, else only what the vocabulary knows."""
        if form.rpartition(" ")[2] in keys.LIST_WORDS or form in keys.NAME_KEYS:
            return [f for value in values[:_MAX_TEXTS] for f in self._read_text(value)]
        return [f for value in values[:_MAX_TEXTS] for f in self._read_prose(value)]

    def _text(self, key: str, form: str, value: str, even: bool) -> list[Finding]:
        pairs = (f"{key}: {value}", f'"{key}": {value}')
        pair = next((p for p in pairs if self._names.own(p.strip())), None)
        grade = self._grades.word(value)
        if pair is not None:
            hint = Hint.CLEAN if self._names.harmless(pair) else grade.hint if grade else None
            return [self._finding(pair, hint, None, Basis.GRADE)]
        number = as_number(value)
        if number is not None:
            return self._scalar(key, form, number, None, even)
        if grade is not None:
            return self._graded(key, form, value, grade, even)
        if form in keys.PROSE_KEYS and len(value.split()) > 2 and clears(value):
            return [self._finding(value, Hint.CLEAN, None, Basis.GRADE)]
        if form in keys.PROSE_KEYS:
            return self._read_prose(value)
        if form.rpartition(" ")[2] in keys.LIST_WORDS:
            return self._read_text(value)
        return self._read_prose(value)

    def _graded(self, key: str, form: str, value: str, grade: Grade, even: bool) -> list[Finding]:
        """`{hate: high}`, `{User Safety: unsafe}`."""
        name = self._names.key(key)
        if self._names.known(name):
            return [self._graded_as(name, grade)]
        if form in keys.STRUCTURAL or form in keys.PROSE_KEYS:
            return []
        if form.rpartition(" ")[2] in keys.LIST_WORDS:
            return [self._graded_as(value, grade)]
        if all(word in lexicon.GENERAL_WORDS for word in form.split(" ")):
            finding = self._graded_as(value, grade)
            return [replace(finding, rank=max(finding.rank, Rank.GENERAL))]
        if even:
            return [self._graded_as(key, grade)]
        return []

    def _scalar(
        self, key: str, form: str, value: float, group: str | None, even: bool
    ) -> list[Finding]:
        """`{hate: true}`, `{hate: 0.93}`."""
        joined = f"{group}/{key}" if group is not None else ""
        name = joined if joined and self._names.own(joined) else self._names.key(key)
        if not self._names.known(name) and (not even or is_structural(form)):
            return []
        if isinstance(value, bool):
            return [self._finding(name, Hint.FOUND if value else Hint.CLEAN, None, Basis.FLAG)]
        severe = form.rpartition(" ")[2] == "severity"
        grade = self._grades.number(float(value), name, Scale(severity=severe))
        return [self._graded_as(name, grade)]

    def _graded_as(self, name: str, grade: Grade) -> Finding:
        return self._finding(name, grade.hint, grade.score, grade.basis)

    def _finding(
        self,
        name: str,
        hint: Hint | None,
        score: float | None = None,
        basis: Basis = Basis.BARE,
    ) -> Finding:
        rank, harmless = self._names.rank(name), self._names.harmless(name)
        return Finding(name, hint, score, basis, rank, harmless)
