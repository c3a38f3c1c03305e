"""Texts that count: `Ran 312 rules on 5 files: 0 findings`, `12 checked, 2 blocked, 10 allowed`.

In: a short text. Out: whether it counts findings, and more than none. Every word is in a closed
list, and every number is beside the things that it counts.
"""

from collections.abc import Sequence

from fallback.reading.words import load_words

_LISTS = load_words()
_TEXTS = _LISTS.texts
_FINDINGS = _TEXTS["counted_findings"]
_BAD = _TEXTS["counted_bad"]
#: Of these only a zero has no meaning.
_ERRORS = _TEXTS["counted_errors"]
_GOOD = _TEXTS["counted_good"]
_PLACES = _TEXTS["counted_places"] | _LISTS.keys["counted"] | _TEXTS["counted_times"]
_WORDS = _FINDINGS | _BAD | _ERRORS | _GOOD | _PLACES | _TEXTS["counting"]
#: Words for checks, and words that may be beside them.
_CHECKS = _LISTS.keys["checkers"] | _LISTS.keys["looked_at"]
_BESIDE = _LISTS.keys["general"] | {"have", "were", "are"}
_ATTACKS = frozenset({"attack", "attacks", "attempts", "probes", "exploits", "jailbreaks"})
_PASSED = frozenset({"passed", "pass", "succeeded"})
_NOT_PASSED = frozenset({"failed", "fail"})
_NONE = frozenset({"0", "no", "zero"})
_LONGEST = 200
_MOST_WORDS = 12
_SIGNS = "():,;.!-=*✅✓✔"
_ENDS = ("\n", ". ", ", ", "; ", "|", " (")


def counts(text: str) -> bool | None:
    """Whether a text that counts findings counts any; None for any other text."""
    told = _broken(text)
    if told is not None:
        return told
    if text[-2:-1].isdigit() and text.endswith("."):  # a number that was cut off
        return None
    for words in _parts(text):
        if any(word.endswith(":") and _is_count(word[:-1]) for word in words):
            return None  # `600: HIGH` names something
        places = [at for at, word in enumerate(words) if _is_count(word)]
        if not _WORDS.issuperset(w for w in words if not _is_count(w)):
            return None
        for at, end in zip(places, [*places, len(words)][1:], strict=True):
            none = words[at] in _NONE
            kind = _kind(words if len(places) == 1 else words[at + 1 : end])
            if not kind or (kind == "error" and not none):
                return None
            if kind == "bad":
                told = bool(told) or not none
    return told


def _broken(text: str) -> bool | None:
    """Whether checks failed: `All 7 rails passed`, `5 of 6 checks passed`, `2/6 scanners failed`.

    None for any other text.
    """
    head, _, rest = text.strip(" .!)").partition(" (")
    words = [bare for word in head.casefold().split() if (bare := _bare(word))]
    if not 2 < len(words) <= _MOST_WORDS or words[-1] not in _PASSED | _NOT_PASSED:
        return None
    if counts(rest) or not _WORDS.issuperset(
        w for w in map(_bare, rest.split()) if not _is_count(w)
    ):
        return None
    share, beside = _share(words)
    told = set(beside[:-1])
    named = _CHECKS | _ATTACKS
    if share is None or named.isdisjoint(told) or not (named | _BESIDE).issuperset(told):
        return None
    some, every = share
    if not _ATTACKS.isdisjoint(told):
        return some > 0 if words[-1] == "succeeded" else None
    return some < every if words[-1] in _PASSED else some > 0


def _share(words: list[str]) -> tuple[tuple[int, int] | None, list[str]]:
    """Both numbers of `5 of 6` at the start of a text, and the words after it."""
    if words[0] == "all":
        return (1, 1), words[1 + words[1].isdecimal() :]
    if words[1] == "of" and words[0].isdecimal() and words[2].isdecimal():
        return (int(words[0]), int(words[2])), words[3:]
    some, slash, every = words[0].partition("/")
    if slash and some.isdecimal() and every.isdecimal():
        return (int(some), int(every)), words[1:]
    return None, words


def _parts(text: str) -> list[list[str]]:
    """The words between line ends, full stops, commas and brackets."""
    parts = [text.casefold()] if len(text) <= _LONGEST else []
    for sign in _ENDS:
        parts = [piece for part in parts for piece in part.split(sign)]
    return [[_number(b) for word in part.split() if (b := _bare(word))] for part in parts]


def _bare(word: str) -> str:
    """A word without signs; a number keeps its colon."""
    bare = word.strip(_SIGNS)
    return f"{bare}:" if bare.isdecimal() and word.endswith(":") else bare


def _number(word: str) -> str:
    """`1,284` as `1284`, any other word unchanged."""
    bare = word.replace(",", "")
    if bare[:1].isdecimal() and bare.endswith("s") and _is_count(bare.rstrip("ms")):
        return "s"  # `in 0.31s`
    return bare if bare.isdecimal() else word


def _kind(words: Sequence[str]) -> str:
    """The kind of things that a number among these words counts; empty if unknown."""
    for kind, listed in (("bad", _FINDINGS | _BAD), ("error", _ERRORS), ("other", _GOOD | _PLACES)):
        if not listed.isdisjoint(words):
            return kind
    return ""


def _is_count(word: str) -> bool:
    return word in _NONE or word.replace(".", "", 1).isdecimal()
