"""Remarks that a check did not take place: `scan was skipped`, `language not supported`.

In: a text of a tool about itself. Out: whether it says so. It must begin with a subject of a closed
list, so that words about the judged content are not taken for it. Linear: it looks at the opening.
"""

from collections.abc import Callable, Iterator

from fallback.reading.words import load_words
from schemas.text import normalise

_LISTS = load_words()
_TEXTS = _LISTS.texts
_SUBJECTS = _TEXTS["unrun_subjects"]
_STATES = _TEXTS["unrun_states"]
_ACTS = _TEXTS["unrun_acts"]
_VERBS = _TEXTS["unrun_verbs"]
_UNABLE = frozenset({"could not", "failed to", "unable to", "did not"})
_OPENING = 120
_ARTICLES = frozenset({"the", "this", "that", "our", "a", "an"})
#: The most words of a subject, with its adjectives: `prompt injection detector`.
_MOST = 4
_AUXILIARIES = frozenset(
    {"was", "were", "is", "are", "has", "have", "had", "been", "be", "being", "currently", "could",
     "can", "did", "does", "will", "by", "got", "temporarily", "still", "therefore"}
)  # fmt: skip
_NOT = frozenset({"not", "never", "cannot", "couldn't", "wasn't", "isn't", "didn't", "can't"})

#: What a check says that has no result.
UNDONE = (
    (_LISTS.values["open"] | _LISTS.values["unjudged"] | {"unknown", "unclear", "skip"})
    - {"n a", "na", "not applicable", "inapplicable"}
)  # fmt: skip
_COUNTED = (
    _LISTS.keys["counted"] | _LISTS.keys["checkers"] | _LISTS.keys["looked_at"] | {"of", "were"}
)
_JUDGED = _TEXTS["judged_counts"] | {"passed", "succeeded"}
_DIRECTIVES = ("# skip", "# todo")
_ENDS = ("\n", ". ", "; ", ", ", " (", ") ", " but ", " - ")
_LONGEST = 4000
_MOST_CLAUSES = 100
_SIGNS = " \t.,;:!()[]*-|"


def tells_unrun(text: str, known: Callable[[str], bool]) -> bool:
    """Whether one of a text's clauses says that something was not checked, or the text only asks.

    `0 issues (2 plugins crashed)`, `toxicity: pending`, `0 passed`. known: whether a text names a
    finding.
    """
    return text.rstrip().endswith("?") or any(
        _is_undone(clause, known) for clause in _clauses(text[:_LONGEST])
    )


def _clauses(text: str) -> Iterator[str]:
    parts = [text.replace(" (0)", " 0")]
    for end in _ENDS:
        parts = [piece for part in parts for piece in part.split(end)][:_MOST_CLAUSES]
    yield from (bare for part in parts if (bare := part.strip(_SIGNS)))


def _is_undone(clause: str, known: Callable[[str], bool]) -> bool:
    folded = clause.casefold()
    head, sign, tail = folded.replace("=", ":").partition(":")
    if sign and normalise(tail.strip(_SIGNS)) in UNDONE and known(head.strip(_SIGNS)):
        return True
    words = {word.strip(_SIGNS) for word in folded.replace(":", " ").split()} - {""}
    rest = words - {"0", "zero", "no"}
    if len(rest) == len(words):
        return is_unrun(clause) or folded.endswith(_DIRECTIVES)
    return bool(rest & _JUDGED) and rest <= (_JUDGED | _COUNTED)


def is_unrun(text: str) -> bool:
    """Whether the opening of a text says that a check was not made."""
    words = normalise(text[:_OPENING].replace(",", " , ").replace(".", " . ")).split(" ")
    if " ".join(words[:2]) in _UNABLE and words[2:] and words[2] in _VERBS:
        return True
    if words[0] in _ARTICLES or (words[0].isdecimal() and words[1:2] != ["of"]):
        words = words[1:]
    lengths = range(1, min(_MOST, len(words)) + 1)
    return any(_is_subject(words[:n]) and _fails(words[n:]) for n in lengths)


def _is_subject(words: list[str]) -> bool:
    return words[-1] in _SUBJECTS or " ".join(words[-2:]) in _SUBJECTS


def _fails(words: list[str]) -> bool:
    """Whether a predicate says that it did not happen."""
    negated = False
    for at, word in enumerate(words[:8]):
        if word in _NOT:
            negated = True
        elif word not in _AUXILIARIES:
            two = " ".join(words[at : at + 2])
            states = not negated and (word in _STATES or two in _STATES)
            return states or (negated and word in _ACTS)
    return False
