"""Remarks that a check did not take place: `scan was skipped`, `language not supported`.

In: a text of a tool about itself. Out: whether it says so. It must begin with a subject of a closed
list, so that words about the judged content are not taken for it. Linear: it looks at the opening.
"""

from fallback.reading.words import load_words
from schemas.text import normalise

_TEXTS = load_words().texts
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


def is_unrun(text: str) -> bool:
    """Whether the opening of a text says that a check was not made."""
    words = normalise(text[:_OPENING].replace(",", " , ").replace(".", " . ")).split(" ")
    if " ".join(words[:2]) in _UNABLE and words[2:] and words[2] in _VERBS:
        return True
    if words[0] in _ARTICLES:
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
