"""Error texts: one that reports a block is a finding, any other is the tool's failure.

In: the text of an error. Out: findings. A block is a finding under any status. Closed lists
distinguish both; names of a block are in lists and clauses of the text.
"""

from collections.abc import Iterable
from dataclasses import replace

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic.record import CHECKERS, HIT_WORDS
from fallback.reading.generic.roles import Kind, Role, key_form, key_role
from fallback.reading.generic.texts import closed, cut
from fallback.reading.generic.texts.base import flagged
from fallback.reading.generic.texts.pieces import Pieces
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.words import load_words
from fallback.signal import MAX_NAME
from schemas.text import normalise

_TEXTS = load_words().texts
_OPENING = 600
_MAX_CLAUSES = 40
_MAX_NAME_WORDS = 4
_CLAUSE_ENDS = (". ", ", ", "; ", " | ", " - ")
_MARKS = ".,;:!?()[]'\""
#: Text after a name that follows `detected:`, without further meaning.
_NAME_ENDS = (": ", " by ", " (", " in ", " with ", " category", " keyword", " detected", " found")
_TOLD = load_words().keys["flag_ends"] | {"blocked", "flagged", "denied", "rejected", "violated"}
_NOTHING = frozenset({"0", "ok", "success", "no error", "no errors", "none", "false", "no", "n a"})
_CHECKS = frozenset({"check", "checks", "validation", "test", "scan"})
_MISTAKES = frozenset(
    {"KeyError", "IndexError", "TypeError", "AttributeError", "NameError", "ImportError",
     "ModuleNotFoundError", "UnboundLocalError", "ZeroDivisionError", "RecursionError",
     "MemoryError", "NotImplementedError", "UnicodeDecodeError", "json.decoder.JSONDecodeError"}
)  # fmt: skip
_NAMING = frozenset({Role.NAME, Role.NAMES, Role.BROAD})


class Errors:
    """Reads error texts for one output."""

    def __init__(self, names: Names, pieces: Pieces) -> None:
        self._names = names
        self._pieces = pieces

    def read(self, text: str, path: str = "") -> list[Finding]:
        """The finding of an error text: one if something was blocked, else the tool's failure."""
        text = text.strip()
        if closed.is_empty(text) or normalise(text.strip(" .")) in _NOTHING:
            return []
        if denies(text):
            return [replace(f, path=path) for f in self._denied(text)]
        told = [f for f in self._pieces.spoken(text) or [] if f.category]
        told = told or [f for f in self._pieces.labels_in(text) if self._names.own(f.name)]
        told = told or [name for clause in _clauses(text) for name in self._broken(clause)]
        if told:
            return [replace(f, path=path) for f in told]
        return [Finding(text[:MAX_NAME], None, None, Basis.PRESENCE, path, failed=True)]

    def _broken(self, clause: str) -> list[Finding]:
        """The known name in `failed toxicity check`."""
        failed, *words = clause.casefold().split()
        if failed != "failed" or not 1 < len(words) <= _MAX_NAME_WORDS or words[-1] not in _CHECKS:
            return []
        name = self._names.resolve(" ".join(words[:-1]))
        found = self._pieces.name(name)
        known = self._names.known(name) and not self._names.general(name)
        return [flagged(found)] if known and found.category else []

    def _denied(self, text: str) -> list[Finding]:
        """The names of the blocked content, else the whole text as a decision."""
        if len(text) <= MAX_NAME and self._names.own(text):
            return [self._pieces.name(text)]
        keyed = [found for clause in _clauses(text) if (found := self._named(clause))]
        headed = [name for clause in _clauses(text) for name in self._after_heads(clause)]
        beside = [
            f
            for f in [*across(keyed), *self._pieces.labels_in(text)]
            if not any(
                h.name in f.name and f.name != h.name and self._names.known(h.name) for h in headed
            )
        ]
        if labels := across([headed, beside]):
            return [flagged(f) for f in labels]
        return [Finding(text[:MAX_NAME], True, None, Basis.DECISION)]

    def _after_heads(self, clause: str) -> list[Finding]:
        """Known names after heads of findings: `PII detected: EMAIL by Guardrail: x`."""
        found: list[Finding] = []
        head, colon, rest = clause.partition(": ")
        while colon:
            name = rest
            for end in _NAME_ENDS:
                name = name.partition(end)[0]
            told = normalise(head).rpartition(" ")[2] in _TOLD
            if told and 0 < len(name.split()) <= _MAX_NAME_WORDS:
                resolved = self._names.resolve(name)
                if self._names.known(resolved) and not self._names.vague(resolved):
                    found.append(self._pieces.name(name))
            head, colon, rest = rest.partition(": ")
        return [f for f in found if f.category and not self._names.general(f.name)]

    def _named(self, clause: str) -> list[Finding]:
        """The names after a key of names, without that of the checker: `Violations: hate`."""
        name = self._pieces.found_name(clause.rpartition(": ")[2])
        if name is not None and len(name.split()) <= _MAX_NAME_WORDS:
            return [self._pieces.name(name)]
        pair = cut.keyed(clause)
        if pair is None and clause.endswith("]") and "=[" in clause:
            key, _, inside = clause.rpartition("=[")
            pair = key.rpartition(" ")[2], inside.rstrip("]")
        if pair is None or not pair[1]:
            return []
        form = key_form(pair[0])
        told = not HIT_WORDS.isdisjoint(form.split(" "))
        if not told and key_role(form, Kind.TEXT).role not in _NAMING:
            return []
        found = [f for f in self._pieces.record([pair]) if f.category]
        if told:
            return found
        return [
            f
            for f in found
            if not self._names.general(f.name)
            and (form not in CHECKERS or self._names.known(f.name))
        ]


def broke(text: str) -> bool:
    """Whether a Python traceback ends with a mistake in a program, whose message names a place."""
    if not text.startswith("Traceback (most recent call last):"):
        return False
    kind, _, message = text.rpartition("\n")[2].partition(": ")
    return kind in _MISTAKES and not denies(message)


def denies(text: str) -> bool:
    """Whether an error reports that something was judged and blocked."""
    if closed.whole(text) in _TEXTS["failures"]:
        return False
    opening = normalise(text[:_OPENING].replace("(s)", "s"))
    form = f" {' '.join(word.strip(_MARKS) for word in opening.split(' '))} "
    if _any(_TEXTS["blocks"], form):
        return True
    return _any(_TEXTS["refusals"], form) and not _any(_TEXTS["causes"], form)


def _any(phrases: Iterable[str], form: str) -> bool:
    return any((f" {phrase} " if phrase.isascii() else phrase) in form for phrase in phrases)


def _clauses(text: str) -> list[str]:
    """The parts of a text between line ends, full stops and commas."""
    parts = [line.strip("-*\u2022 \t") for line in text[:_OPENING].split("\n")]
    for sign in _CLAUSE_ENDS:
        parts = [piece for part in parts for piece in _pieces(part, sign)]
    return [part.strip(" .") for part in parts if part.strip(" .")][:_MAX_CLAUSES]


def _pieces(text: str, sign: str) -> list[str]:
    """The pieces of a text; a list continues in brackets and after a key: `Violations: a, b`."""
    pieces: list[str] = []
    for piece in text.split(sign):
        if pieces and pieces[-1].count("[") > pieces[-1].count("]"):
            pieces[-1] += sign + piece
            continue
        listed = bool(pieces) and cut.keyed(pieces[-1]) and not cut.keyed(piece)
        if listed and sign in (", ", "; ") and not cut.is_prose(piece):
            pieces[-1] += f", {piece}"
        else:
            pieces.append(piece)
    return pieces
