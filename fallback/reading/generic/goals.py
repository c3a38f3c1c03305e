"""Names that forbid or wish: `no-profanity`, `free_of_bias`, `do not share personal data`.

In: the name of a rule that was broken. Out: what it forbids. Knows only closed lists.
"""

from fallback.reading.words import load_words
from schemas.text import normalise

_LISTS = load_words().prohibitions
_STARTS = sorted((phrase.split(" ") for phrase in _LISTS["starts"]), key=len, reverse=True)
_ENDS = sorted((phrase.split(" ") for phrase in _LISTS["ends"]), key=len, reverse=True)
_THEN = _LISTS["then"]
_MAX_LENGTH = 160
#: Words that begin a name as well as a ban: alone they forbid nothing.
_NEVER_ALONE = frozenset({"block", "anti", "non", "zero", "ban", "not", "cannot"})


def forbidden(name: str) -> str:
    """What a prohibition forbids or a goal is free of; the name itself when it is none.

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
    """Whether a name says what must not be."""
    return forbidden(name) != name


def _without_start(words: list[str]) -> list[str] | None:
    for start in _STARTS:
        size = len(start)
        if len(words) > size and words[:size] == start:
            return words[size:]
    return None


def _without_end(words: list[str]) -> list[str] | None:
    for end in _ENDS:
        size = len(end)
        if len(words) > size and words[-size:] == end:
            return words[:-size]
    return None
