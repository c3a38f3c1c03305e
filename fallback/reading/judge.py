"""Judges one value: found, clean, low, failed, or none of these.

In: one scalar and the scale of its numbers. Out: a `Judged`. Independent of names and places.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fallback.reading.finding import Basis
from fallback.reading.tree import Scalar
from fallback.reading.words import load_words
from schemas.text import normalise

DEFAULT_THRESHOLD = 0.5
MAX_WORD = 60
_MARKS = " \t\r\n<>\"'`*[](){}.!,;:✅❌🚫⚠️✔✘✓✗☑☒🔴🟢⛔✖👎👍"
#: The meaning of a mark alone: a check that passed or not; under a flag yes or no.
_TICKS = dict.fromkeys("✓✔☑✅🟢", True) | dict.fromkeys("✗✘☒❌🔴🚫⛔", False)


class Outcome(StrEnum):
    """The meaning of a value for its name."""

    FOUND = "found"
    CLEAN = "clean"
    LOW = "low"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement of a value.

    score: 0..1 if the value is a number, else None.
    known: whether the value is a word or a number with a meaning, `n/a` included; False for any
        other text.
    """

    outcome: Outcome
    score: float | None = None
    basis: Basis = Basis.FLAG
    known: bool = True

    @property
    def hit(self) -> bool | None:
        """True found, False clean, None neither."""
        if self.outcome is Outcome.FOUND:
            return True
        return False if self.outcome in (Outcome.CLEAN, Outcome.LOW) else None


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of numbers and words.

    threshold: a score at or above it is found (below it, if lower_is_worse).
    severity_max, flagged_from: the tool's scale of grades, or None.
    words: the tool's own words, in the form of `word_key`; they override the general ones.
    likelihood: words are likelihoods, so a low one is clean.
    good: the judged thing is good, so yes and high values are clean.
    opposed: the detector's file and the name disagree on the direction, as after a version that
        reversed its scores, so no score is clean.
    """

    threshold: float = DEFAULT_THRESHOLD
    lower_is_worse: bool = False
    severity_max: float | None = None
    flagged_from: float | None = None
    words: Mapping[str, Outcome] = field(default_factory=dict)
    likelihood: bool = False
    good: bool = False
    opposed: bool = False


def ticked(text: str) -> bool | None:
    """The meaning of a text that is only a tick or a cross; None for other texts."""
    return _TICKS.get(text.strip(" \ufe0f")) if len(text) <= 4 else None


def word_key(text: str) -> str:
    """A word in the form of the lists: normal, without marks, an enum without its class."""
    bare = text.strip(_MARKS)
    if "." in bare and " " not in bare:
        bare = bare.rpartition(".")[2]
    return normalise(bare)


_NUMBER_STARTS = frozenset("+-.0123456789nNiI")
_NUMBER_ENDS = frozenset("0123456789%)]")


def _outcomes() -> dict[str, tuple[Outcome, Basis | None]]:
    values = load_words().values
    table: dict[str, tuple[Outcome, Basis | None]] = {}
    for part, outcome, basis in (
        ("silent", Outcome.NONE, None),
        ("failed", Outcome.FAILED, None),
        ("low", Outcome.LOW, None),
        ("found", Outcome.FOUND, None),
        ("acted", Outcome.FOUND, Basis.ACTION),
        ("clean", Outcome.CLEAN, None),
        ("allowed", Outcome.CLEAN, Basis.ACTION),
    ):
        table.update(dict.fromkeys(values[part], (outcome, basis)))
    return table


_OUTCOMES = _outcomes()
_KEYED = load_words().values["keyed"]
#: Words for amounts; the name decides whether they are good; medium stays doubtful.
AMOUNTS = (load_words().values["polarity"] | load_words().values["grades"]) - {
    "medium", "moderate", "medium and above", "low and above", "possible",
}  # fmt: skip
#: Words that a low share negates: `safe 3%`.
_GOOD = frozenset[str]().union(*load_words().goods.values())
#: Classes that a low share negates: `nsfw 3%`.
_BAD_CLASSES = load_words().values["bad_classes"]
_POLARITY = load_words().values["polarity"]
_DENIALS = load_words().texts["denials"]
#: Negations without a blank, in languages without blanks.
_BEFORE = ("不", "非", "未", "不是", "isn't ", "wasn't ")
_AFTER = (
    "ではない", "ではありません", "じゃない", "でない", "하지 않음", "하지 않습니다", "지 않음",
)  # fmt: skip
_TURNED = {
    Outcome.FOUND: Outcome.CLEAN, Outcome.CLEAN: Outcome.FOUND, Outcome.LOW: Outcome.FOUND,
}  # fmt: skip


def judge(value: Scalar, scale: Scale = Scale(), basis: Basis = Basis.FLAG) -> Judged:
    """The judgement of a scalar, a number or a word. Never raises.

    basis: of the place. A word of an action (`allow`) under a decision is an action; a share under
        a flag is a score.
    """
    if value is None:
        return Judged(Outcome.NONE, None, basis)
    if isinstance(value, bool):
        return Judged(_outcome(value != scale.good), None, basis)
    if isinstance(value, int | float):
        return judge_number(value, scale, basis)
    if (word := judge_word(value, scale, basis)) is not None:
        return word
    if (number := as_number(value)) is not None:
        return judge_number(number, scale, basis)
    return Judged(Outcome.NONE, None, basis, known=False)


def judge_word(text: str, scale: Scale = Scale(), basis: Basis = Basis.FLAG) -> Judged | None:
    """The judgement of a grade or a decision in words, `High (0.93)` too; None for other texts."""
    if len(text) > MAX_WORD:
        return None
    if (tick := ticked(text)) is not None:
        return Judged(_outcome(not tick), None, basis)
    key = word_key(text)
    if (own := scale.words.get(key)) is not None:
        return Judged(own, None, basis)
    found = _OUTCOMES.get(key) or _denied(key)
    if found is None and key in _KEYED and basis in (Basis.DECISION, Basis.GRADE):
        found = Outcome.CLEAN, None
    if found is None:
        return _graded(text, scale, basis)
    outcome, narrowed = found
    if narrowed is not None and basis is Basis.DECISION:
        basis = narrowed
    if outcome is Outcome.LOW and scale.likelihood:
        outcome = Outcome.CLEAN
    if scale.good and key in AMOUNTS:
        outcome = _TURNED.get(outcome, outcome)
    return Judged(outcome, None, basis)


def _denied(key: str) -> tuple[Outcome, Basis | None] | None:
    """The judgement of `not clean`, `nicht sicher`, `不安全`: the opposite of the denied word."""
    first, _, rest = key.partition(" ")
    if first not in _DENIALS or rest in _POLARITY:
        rest = next((key.removeprefix(p) for p in _BEFORE if key.startswith(p)), "")
        rest = rest or next((key.removesuffix(s) for s in _AFTER if key.endswith(s)), "")
    outcome, basis = _OUTCOMES.get(rest, (Outcome.NONE, None))
    turned = _TURNED.get(outcome) if outcome is not Outcome.LOW else None
    return None if turned is None else (turned, basis)


def _graded(text: str, scale: Scale, basis: Basis) -> Judged | None:
    """A word with a number: `medium (4)`, `High 0.93`, `l4: 12%`."""
    if text.strip()[-1:] not in _NUMBER_ENDS:
        return None
    head, _, tail = text.strip().rstrip(")]").rpartition(" ")
    number = as_number(tail.lstrip("(["))
    if not head or number is None:
        return None
    key = word_key(head)
    outcome = scale.words.get(key) or _OUTCOMES.get(key, (None,))[0]
    if outcome is None:
        return None
    if outcome is Outcome.CLEAN and number < DEFAULT_THRESHOLD and key in _GOOD:
        return Judged(Outcome.FOUND, None, basis)
    if outcome is Outcome.FOUND and 0 <= number < scale.threshold and key in _BAD_CLASSES:
        return Judged(Outcome.CLEAN, number, Basis.SCORE)
    return Judged(outcome, judge_number(number, scale, Basis.GRADE).score, basis)


def as_number(text: str) -> float | None:
    """`0.93`, `87%` or `3/10` as a number (a percentage and a fraction are shares); else None.

    `NaN` and `Infinity` are numbers too, as in `float`.
    """
    body = text.strip().strip("()[]").rstrip(",;").strip() if len(text) <= 60 else ""
    if not body or body[0] not in _NUMBER_STARTS:
        return None
    if body.endswith("%"):
        part = _float(body[:-1])
        return None if part is None else part / 100
    above, slash, below = body.partition("/")
    if slash:
        part, whole = _float(above), _float(below)
        return part / whole if part is not None and whole is not None and whole > 0 else None
    if body.casefold().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    return _float(body)


def _float(text: str) -> float | None:
    text = text.strip()
    if text[:2] in ("0,", "1,") and text[2:].isdigit():
        text = text.replace(",", ".")
    if not text or text.endswith(".") or text.strip("+-.0123456789eE") or text.strip("+-eE") == "":
        return None
    try:
        return float(text)
    except ValueError:
        return None


def judge_number(value: int | float, scale: Scale = Scale(), basis: Basis = Basis.SCORE) -> Judged:
    """The judgement of a number at a place of that basis; NaN and infinity have none."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        return Judged(Outcome.NONE, None, basis)
    whole = number == int(number)
    if scale.good:
        return _goodness(value, number, scale)
    if basis is Basis.GRADE:
        return _severity(number, whole, scale)
    if basis is not Basis.SCORE and whole:
        return Judged(_outcome(number > 0), None, basis)
    if number > 100 or (whole and 1 < number <= 10):
        return Judged(Outcome.FOUND, None, Basis.SCORE)
    share = number / 100 if number > 1 else max(number, 0.0)
    if scale.lower_is_worse:
        good = Outcome.NONE if scale.opposed else Outcome.CLEAN
        worse = share < scale.threshold
        return Judged(Outcome.FOUND if worse else good, 1 - share, Basis.SCORE)
    return Judged(_outcome(share >= scale.threshold), share, Basis.SCORE)


def _goodness(value: int | float, number: float, scale: Scale) -> Judged:
    """The amount of something good: a share, or a grade of 5, 10 or 100.

    A grade has a meaning if all scales that it fits agree: a bare 1 may be the maximum or the
    worst, a 4 high of five or low of ten.
    """
    tops = (1,) if number <= 1 else (5, 10, 100)
    shares = [max(number, 0.0) / top for top in tops if number <= top]
    bare = number == 1 and isinstance(value, int)
    if bare or not shares or shares[-1] < scale.threshold <= shares[0]:
        return Judged(Outcome.NONE, None, Basis.SCORE)
    return Judged(_outcome(shares[0] < scale.threshold), 1 - shares[0], Basis.SCORE)


def _severity(number: float, whole: bool, scale: Scale) -> Judged:
    worst = scale.severity_max
    if worst is not None and number <= worst:
        first = worst if scale.flagged_from is None else scale.flagged_from
        return Judged(_outcome(number >= first), max(number, 0) / worst, Basis.GRADE)
    if whole and number <= 10:
        top = 7 if number <= 7 else 10
        return Judged(_outcome(number > 0), max(number, 0) / top, Basis.GRADE)
    share = number / 100 if number > 1 else max(number, 0.0)
    if share > 1:
        return Judged(Outcome.FOUND, None, Basis.GRADE)
    return Judged(_outcome(share >= scale.threshold), share, Basis.GRADE)


def _outcome(found: bool) -> Outcome:
    return Outcome.FOUND if found else Outcome.CLEAN
