"""Statements of an object's entries about it: flags, decisions, grades, scores, counts.

In: an entry and a record. Out: the record with the judgement. Marks the used leaves; an entry
without a judgement stays in the entries of the record.
"""

from dataclasses import replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.inside import member
from fallback.reading.generic.record import (
    FAILED,
    GRADES,
    POLARITY,
    Entry,
    Record,
    decision_word,
    kind_of,
    number_of,
)
from fallback.reading.generic.roles import Key, Kind, Role
from fallback.reading.generic.vocabulary.counting import counts
from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.judge import (
    Judged,
    Outcome,
    Scale,
    as_number,
    judge,
    judge_number,
    judge_word,
    ticked,
)
from fallback.reading.tree import Leaf, Use
from fallback.reading.words import load_words
from schemas.text import normalise

#: Flags of an output that was cut off in them: they stay unread.
CUT = frozenset({"tr", "tru", "fa", "fal", "fals", "nu", "nul"})
_ACTED = load_words().keys["acted"]
#: A reason of fewer words is a name, or means that there is none.
_MOST_WORDS = 3
_CLEAR = load_words().keys["clear"]
_PERMITS = load_words().keys["permits"]
#: Reasons why a model stopped that are names of findings.
_STOPS = frozenset(
    {"refusal", "safety", "recitation", "blocklist", "blacklist", "prohibited content"}
)
_BAD_CLASSES = load_words().values["bad_classes"]
_UNJUDGED = load_words().values["unjudged"]
_OPEN = load_words().values["open"]
_OUTCOME = {None: Outcome.NONE, True: Outcome.FOUND, False: Outcome.CLEAN}


def flag(record: Record, entry: Entry, scale: Scale) -> None:
    _polar(record, entry, scale, positive=True)


def clear(record: Record, entry: Entry, scale: Scale) -> None:
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
        if not positive or entry.form.rpartition(" ")[2].endswith("ed"):
            record.open.append(leaf)
        return
    if isinstance(value, str) and (tick := ticked(value)) is not None:
        value = tick
    if isinstance(value, str):
        judged = judge_word(value, scale, Basis.FLAG)
        if judged is None and value.casefold() in CUT:
            return
        if judged is None and as_number(value) is None:
            record.entries.append(replace(entry, role=Key(Role.NAMES)))
            return
        measured = not positive and normalise(value.strip()) in GRADES
        if judged is not None and normalise(value.strip()) not in POLARITY and not measured:
            _say(record, entry, judged, value)
            return
        if not positive and (number := as_number(value)) is not None and number > 1:
            value = number
    if not positive:
        _well(record, entry, scale, value)
        return
    judged = judge(value, scale, Basis.FLAG)
    if _is_count(value):
        judged = judge_number(number_of(leaf), scale, Basis.SCORE)
    outcome = _OUTCOME[judged.hit]
    _say(record, entry, Judged(outcome, judged.score, Basis.DECISION), entry.key)


def _well(record: Record, entry: Entry, scale: Scale, value: str | int | float) -> None:
    """A measure or flag of something good; a count of good things has no meaning."""
    leaf = entry.node
    assert isinstance(leaf, Leaf)
    measured = entry.form not in _CLEAR and not entry.form.startswith("is ")
    if isinstance(value, int | float) and value % 1 == 0 and _is_count(value) and not measured:
        leaf.use = Use.BOOKKEEPING
        return
    if value == 1 and not measured:
        value = True
    judged = judge(value, replace(scale, good=True), Basis.FLAG)
    if judged.hit is False and entry.form.endswith(" rate") and value is not True:
        judged = Judged(Outcome.NONE)  # a pass rate of 80% clears nothing
    word = lack(entry.form) or ("unsafe" if "safe" in entry.form else FAILED)
    share = judged.hit is False and isinstance(value, int | float) and value not in (True, False)
    permitted = judged.hit is False and entry.form in _PERMITS
    # how safe all is silences no score beside it
    basis = Basis.SCORE if share else Basis.ACTION if permitted else Basis.DECISION
    _say(record, entry, Judged(_OUTCOME[judged.hit], None, basis), word)


def _is_count(value: object) -> bool:
    """Whether a number counts votes or findings, and is not a flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1)


def acted(record: Record, entry: Entry, scale: Scale) -> None:
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
        if judged.outcome is Outcome.CLEAN:
            record.idle.append(Finding(entry.key, False, None, Basis.ACTION, leaf.path))
        leaf.use = Use.BOOKKEEPING


def why(record: Record, entry: Entry, scale: Scale) -> None:
    """An explanation stays; under a key of an action it confirms that: `filteredReason: ...`."""
    leaf = entry.node
    acted = _ACTED.intersection(entry.form.split(" "))
    if acted and isinstance(leaf, Leaf) and len(str(leaf.value or "").split()) > _MOST_WORDS:
        record.said.append(Finding(min(acted), True, None, Basis.ACTION, leaf.path))
    record.entries.append(entry)


def decision(record: Record, entry: Entry, scale: Scale) -> None:
    _judge(record, entry, scale, Basis.DECISION)


def action(record: Record, entry: Entry, scale: Scale) -> None:
    _judge(record, entry, scale, Basis.ACTION)


def finish(record: Record, entry: Entry, scale: Scale) -> None:
    """The reason why a model stopped. Only words of a filter or a refusal have a meaning."""
    leaf = entry.node
    assert isinstance(leaf, Leaf)
    text = member(entry.form, str(leaf.value)) or str(leaf.value)
    judged = judge_word(text, scale, Basis.ACTION)
    if judged is not None and judged.hit:
        _say(record, entry, judged, text)
    elif normalise(text) in _STOPS:
        record.weak.append((entry.form, leaf))
    else:
        leaf.use = Use.BOOKKEEPING


def _judge(record: Record, entry: Entry, scale: Scale, basis: Basis) -> None:
    """A word for the whole; a flag here has no meaning, another text is a name."""
    leaf = entry.node
    if not isinstance(leaf, Leaf) or (isinstance(leaf.value, bool) and entry.form != "prediction"):
        record.entries.append(entry)
        return
    if leaf.value is None:
        leaf.use = Use.BOOKKEEPING
        return
    if lack(entry.form) is not None and normalise(str(leaf.value)) in POLARITY:
        _polar(record, entry, scale, positive=False)
        return
    if normalise(str(leaf.value)) in _OPEN:
        leaf.use = Use.DOUBTFUL
        return
    record.unjudged = record.unjudged or normalise(str(leaf.value)) in _UNJUDGED
    judged = judge(leaf.value, scale, basis)
    word = str(leaf.value)
    if not judged.known and (counted := counts(word)) is not None:
        judged = Judged(_OUTCOME[counted], None, basis)
    if not judged.known and (inner := member(entry.form, word)):
        told = judge(inner, scale, basis)
        allowed = told.hit is False and basis is Basis.ACTION
        judged, word = (told, inner) if told.hit or allowed else (judged, word)
    if not judged.known:
        record.entries.append(entry)
        return
    _say(record, entry, judged, decision_word(entry.key, word))


def severity(record: Record, entry: Entry, scale: Scale) -> None:
    _grade(record, entry, scale)


def likelihood(record: Record, entry: Entry, scale: Scale) -> None:
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
    if judged.outcome is Outcome.FAILED and entry.form != "level":  # `violation_level: error`
        judged = replace(judged, outcome=Outcome.FOUND)
    if not judged.known:
        record.entries.append(entry)
        return
    word = entry.key
    if isinstance(leaf.value, str) and judged.outcome is Outcome.LOW:
        word = f"{leaf.value} {entry.key}"
    elif judged.hit and normalise(str(leaf.value)) in _BAD_CLASSES:  # `Rating: unsafe`
        word = str(leaf.value)
    _say(record, entry, judged, word)


def confidence(record: Record, entry: Entry, scale: Scale) -> None:
    """The tool's confidence: a word confirms or clears a name, but not the whole."""
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


def number(record: Record, entry: Entry, scale: Scale) -> None:
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
    record.scores.append(leaf)
    _say(record, entry, judged, entry.key)


def count(record: Record, entry: Entry, scale: Scale) -> None:
    """A count: zero clears a name; above zero it confirms one."""
    leaf = entry.node
    if not isinstance(leaf, Leaf) or kind_of(leaf) is not Kind.NUMBER:
        record.entries.append(entry)
        return
    found = number_of(leaf) > 0
    if not found:  # with any grade: nothing of it is there
        record.said = [f for f in record.said if f.basis is not Basis.GRADE]
    basis = Basis.SCORE if found else Basis.FLAG
    _say(record, entry, Judged(_OUTCOME[found], None, basis), "")


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
            word,
            judged.hit,
            judged.score,
            judged.basis,
            leaf.path,
            failed=judged.outcome is Outcome.FAILED,
            low=low,
        )
    )
