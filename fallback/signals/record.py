"""One object of an output: which of its entries name something, which judge it, which are inside.

In: a dict. Out: a `Record`. Knows the roles of keys, no vocabularies of findings.
"""

from dataclasses import dataclass, field
from typing import Any

from fallback.signals import keys
from fallback.signals.finding import Basis, Hint
from fallback.signals.grades import Grade, Grades, Scale, as_number
from fallback.signals.names import Names
from schemas.text import normalise

#: The general name of what `valid: false` or `passed: false` says.
NOT_VALID = "failed"
_MAX_KEYS = 2000
_MAX_KEY = 120
_SPAN_KEYS = frozenset({"start", "begin", "begin offset", "offset", "start offset", "word", "span"})


@dataclass(slots=True)
class Record:
    """The parts of an object.

    named: (key, name) pairs of the entries that name what was found.
    verdict: the strongest judgement on the whole object, and the word that gave it.
    score: the object's own number as a grade, 0..1, when it has one.
    entries: what is left, with the key as written, its normal form and the value.
    """

    named: list[tuple[str, str]] = field(default_factory=list)
    verdict: Grade | None = None
    word: str = ""
    number: float | None = None
    severe: bool = False
    scale: Scale = field(default_factory=Scale)
    entries: list[tuple[str, str, Any]] = field(default_factory=list)


def read_record(value: dict[Any, Any], names: Names, grades: Grades) -> Record:
    """The parts of an object, at most 2000 entries of it."""
    record = Record()
    keyed = [
        (key, normalise(key[:_MAX_KEY]), inner)
        for key, inner in list(value.items())[:_MAX_KEYS]
        if isinstance(key, str)
    ]
    forms = {form for _, form, _ in keyed}
    record.scale = _scale(keyed, forms)
    for key, form, inner in keyed:
        if isinstance(inner, str):
            taken = _text_entry(record, key, form, inner, names, grades)
        elif isinstance(inner, bool):
            taken = _flag_entry(record, key, form, inner, names)
        elif isinstance(inner, int | float):
            taken = _number_entry(record, key, form, float(inner), names)
        else:
            taken = False
        if not taken:
            record.entries.append((key, form, inner))
    return record


def own_names(record: Record, names: Names) -> list[str]:
    """Names of the object itself: the known ones, else the first that is no mere heading."""
    strong = [(k, t) for k, t in record.named if k not in keys.WEAK_NAME_KEYS]
    resolved = [(key, names.resolve(text)) for key, text in strong or record.named]
    joined = ".".join(text for _, text in record.named)
    if len(record.named) > 1 and names.known(joined):
        return [joined]
    known = [(key, name) for key, name in resolved if names.known(name)]
    exact = [name for key, name in known if key not in keys.BROAD_KEYS]
    if exact:
        return list(dict.fromkeys(exact))
    plain = [name for key, name in resolved if key not in keys.BROAD_KEYS]
    return [name for _, name in known][:1] or plain[:1] or [name for _, name in resolved][:1]


def _scale(keyed: list[tuple[str, str, Any]], forms: set[str]) -> Scale:
    threshold = next(
        (v for _, f, v in keyed if f == "threshold" and isinstance(v, float) and 0 < v <= 1), None
    )
    return Scale(threshold, span=bool(forms & _SPAN_KEYS))


def _text_entry(
    record: Record, key: str, form: str, value: str, names: Names, grades: Grades
) -> bool:
    text = value.strip()
    is_name = form in keys.NAME_KEYS or form in keys.BROAD_KEYS
    if not text or len(text) > 400 or (not is_name and names.own(key)):
        return False
    grade_key = form in keys.GRADE_KEYS or form in keys.LIKELIHOOD_KEYS
    if is_name or grade_key or form in keys.DECISION_KEYS or form in keys.SCORE_KEYS:
        if (number := as_number(text)) is not None:
            return _number_entry(record, key, form, number, names)
        likelihood = form in keys.LIKELIHOOD_KEYS
        if (grade := grades.word(text, likelihood=likelihood)) is not None:
            decision = not grade_key or form == "safety"
            _judge(record, grade, text, decision=decision)
            return True
    if form in _BINARY and normalise(text) in _YES_NO and (grade := grades.word(text)) is not None:
        return _flag_entry(record, key, form, grade.hint is Hint.FOUND, names)
    if form in keys.DECISION_KEYS and names.known(text):
        is_name = True
    if is_name and normalise(text) not in keys.NON_NAMES:
        if form in _PROSE_NAMES and len(text.split()) > 4 and not names.known(text):
            return False
        record.named.append((form, text))
        return True
    return False


_BINARY = keys.FLAG_KEYS | keys.CLEAR_KEYS | {"prediction"}
_YES_NO = frozenset({"yes", "no", "true", "false", "y", "n"})
_PROSE_NAMES = frozenset({"reason", "finding", "issue", "violation", "threat", "concern", "risk"})


def _flag_entry(record: Record, key: str, form: str, value: bool, names: Names) -> bool:
    if names.own(key):
        return False
    if form in keys.FLAG_KEYS or form == "prediction":
        hint, word = (Hint.FOUND if value else Hint.CLEAN), key
    elif form in keys.CLEAR_KEYS:
        hint, word = (
            (Hint.CLEAN if value else Hint.FOUND),
            "unsafe" if "safe" in form else NOT_VALID,
        )
    elif form in keys.ACTION_FLAG_KEYS:
        if not value:
            return True
        hint, word = Hint.FOUND, key
    else:
        return False
    grade = Grade(hint, None, Basis.FLAG)
    if record.verdict is None or record.verdict.basis is not Basis.FLAG or hint is Hint.FOUND:
        record.verdict, record.word = grade, word
    return True


def _number_entry(record: Record, key: str, form: str, value: float, names: Names) -> bool:
    if names.own(key):
        return False
    if value in (0, 1) and form in _BINARY:
        return _flag_entry(record, key, form, value == 1, names)
    if form in keys.SCORE_KEYS:
        severe = form in keys.SEVERITY_KEYS
        if record.number is None or form == "score" or (severe and not record.severe):
            record.number, record.severe = value, severe
        return True
    return form in keys.STRUCTURAL and form not in keys.COUNT_KEYS


def _judge(record: Record, grade: Grade, word: str, *, decision: bool) -> None:
    """Decisions beat grades, flags beat both; of two equal ones found beats clean."""
    old = record.verdict
    if old is not None and old.basis is Basis.FLAG:
        return
    strength = Basis.GRADE if decision else Basis.SCORE
    grade = Grade(grade.hint, grade.score, strength)
    if old is None or strength > old.basis or (strength == old.basis and grade.hint is Hint.FOUND):
        record.verdict, record.word = grade, word


def is_structural(form: str) -> bool:
    """Whether a key is of a result's bookkeeping."""
    return form in keys.STRUCTURAL or form.endswith(keys.STRUCTURAL_SUFFIXES)


def comments_on(form: str, forms: set[str]) -> bool:
    """Whether the key only comments on a sibling: `violence_reason` beside `violence`."""
    return any(form.endswith(s) and form[: -len(s)] in forms for s in keys.COMMENT_SUFFIXES)


def base_key(form: str, forms: set[str]) -> str | None:
    """The sibling that the key is the score of: `nsfw` for `nsfw_score`."""
    head, _, last = form.rpartition(" ")
    return head if head in forms and last in keys.KEY_SUFFIXES else None
