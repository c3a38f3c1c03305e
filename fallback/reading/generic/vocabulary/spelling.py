"""Spellings of a name: the parts of it that may be in the vocabularies.

In: a name as an output writes it. Out: its variants, the whole first. Independent of vocabularies.
"""

from collections.abc import Iterator

from schemas.text import normalise

MARKS = "\"'`[](){}<>*#▁~ \t\n,;.!•·-\u2013—"
_UNSPECIFIC = frozenset({"general", "other", "misc", "unspecified", "generic", "all", "any"})

#: Words for a checker in a name: `ssn-detector`.
_CHECKERS = frozenset(
    {
        "detector",
        "scanner",
        "checker",
        "check",
        "rail",
        "validator",
        "recognizer",
        "detection",
        "moderation",
    }
)


def variants(text: str) -> Iterator[str]:
    text = text.strip()
    yield text
    bare = text.strip(MARKS)
    if bare and bare != text:
        yield bare
    head, _, tail = bare.partition("-")
    if tail and head in ("B", "I", "E", "S", "L", "U"):
        yield tail
    for sign in (".", "/", ":"):
        rest = bare
        for _ in range(6):
            if sign not in rest or " " in rest:
                break
            rest = rest.partition(sign)[2]
            if rest:
                yield rest
    if " $" in bare:  # a parameter: `content safety check input $model=llama_guard`
        yield bare.partition(" $")[0]
    if bare.endswith("sses"):
        yield bare[:-2]
    yield from _parts(bare)
    words = normalise(bare).split(" ")
    if len(words) > 1 and words[-1] in _CHECKERS:
        yield " ".join(words[:-1])
    while len(words) > 1 and words[0].isdigit():
        words = words[1:]
        yield " ".join(words)


def _parts(text: str) -> Iterator[str]:
    """The sufficient part of `S1 (Violent Crimes)`, `O3: Sexual Content`, `hate_speech.general`.

    Never a part whose meaning the rest changes: `Sexual (minors)` is not `Sexual`.
    """
    head, found, inner = text.partition(" (")
    inner = inner.rstrip(")")
    if found and (inner.isupper() or inner.isdigit()):
        yield head
    if found and is_code(head):
        yield head
        yield inner
    for sign in (": ", " - ", ". ", ") ", " \u2013 "):
        head, found, rest = text.partition(sign)
        if found and rest and (is_code(head) or head.replace(".", "").isdigit()):
            if is_code(head):
                yield head
            yield rest
    for sign in (".", "/", ":"):
        head, found, rest = text.rpartition(sign)
        if found and normalise(rest) in _UNSPECIFIC:
            yield head


def is_code(text: str) -> bool:
    """`S10`, `O3`, `LLM02`, `H-1`: some capitals, with an optional number."""
    bare = text.replace("-", "").replace("_", "")
    letters = bare.rstrip("0123456789")
    return (
        0 < len(letters) <= 4
        and letters.isascii()
        and letters.isalpha()
        and letters.isupper()
        and len(bare) - len(letters) <= 4
        and len(bare) > 1
    )
