"""Names of prohibitions and goals: `no-profanity`, `free_of_bias`, `do not share personal data`.

In: the name of a broken rule. Out: the thing that it forbids. Uses only closed lists.
"""

from collections.abc import Iterable

from fallback.reading.words import load_words
from schemas.text import normalise

_LISTS = load_words().prohibitions


def _by_word(phrases: Iterable[str], place: int) -> dict[str, list[list[str]]]:
    """Phrases by their first or last word, the longest first."""
    found: dict[str, list[list[str]]] = {}
    for words in sorted((p.split(" ") for p in phrases), key=len, reverse=True):
        found.setdefault(words[place], []).append(words)
    return found


_STARTS = _by_word(_LISTS["starts"], 0)
_ENDS = _by_word(_LISTS["ends"], -1)
_THEN = _LISTS["then"]
_RULES = load_words().texts["rules"]
_LINKS = frozenset({"is", "are", "be", "should", "must", "has", "contains", "does"})
_SUBJECTS = frozenset({"response", "output", "answer", "reply", "input", "prompt", "content"})
_MAX_LENGTH = 160


def forbidden(name: str) -> str:
    """The thing that a prohibition or a goal excludes; any other name unchanged.

    `No Hate Speech` becomes `Hate Speech`, `toxicity-free` becomes `toxicity`.
    """
    if len(name) > _MAX_LENGTH:
        return name
    words = normalise(name.replace("'", "")).split(" ")
    rest = _without_start(words)
    if rest is None:
        rest = _without_end(words)
    if rest is None:
        return name
    while len(rest) > 1 and rest[0] in _THEN:
        rest = rest[1:]
    core = " ".join(rest)
    at = name.casefold().rfind(core)
    return name[at : at + len(core)] if at >= 0 else core


def forbids(name: str) -> bool:
    """Whether a name is a prohibition or a goal."""
    return forbidden(name) != name


def _without_start(words: list[str]) -> list[str] | None:
    if words[0] in _RULES and len(words) > 2:  # `POLICY__NO_WEAPONS`
        words = words[1:]
        while len(words) > 2 and words[0].strip("#.:)-").isdigit():  # `Rule 2: no harassment`
            words = words[1:]
    the = words[0] == "the" and len(words) > 1 and words[1] in _SUBJECTS
    at = 2 if the else int(words[0] in _SUBJECTS)
    if len(words) > at + 2 and words[at] in _LINKS:  # `is_free_of_bias`, `output has no bias`
        words = words[at + 1 :]
    for start in _STARTS.get(words[0], ()):
        size = len(start)
        if len(words) > size and words[:size] == start:
            return words[size:]
    return None


def _without_end(words: list[str]) -> list[str] | None:
    for end in _ENDS.get(words[-1], ()):
        size = len(end)
        if len(words) > size and words[-size:] == end:
            return words[:-size]
    return None
