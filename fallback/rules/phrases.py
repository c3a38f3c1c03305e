"""The alias index: phrases with the same meaning for all detectors.

In: (phrase, labels) pairs from all vocabularies. Out: the labels of a word without an entry of its
detector, or None. Only whole phrases match: a phrase that merely contains a known one is unknown,
and only the words in the closed lists below are removed from its ends.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from fallback.rules.catalog import Labels
from fallback.rules.normalise import normalise
from schemas.contract import CLEAN, NEEDS_REVIEW, OTHER_PREFIX, SAFE


def _closed(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: The meaning of these words depends on the subject of the tool, even if several tools agree on
#: them. Words that are only about harm or its absence (`safe`, `harmful`, `toxic`) are left out.
GENERIC = _closed(
    "0 1 2 all any attack bad content custom default detected fail failed false flag "
    "found general good id key label malicious match misc n na negative no none not null "
    "o off ok on other pass passed positive reject risk score true type unknown up y "
    "yes"
)
_LEADING = _closed(
    "categories category class contains detected entity found harm harmful label pii possible "
    "potential suspected type"
)
_TRAILING = _closed(
    "attempt attempts category content detected detection found label match matched present risk "
    "score violation"
)
_NEGATING = frozenset({"no", "non", "not", "without"})
_ARTICLES = frozenset({"a", "an", "any"})
_NEGATED_AFTER = frozenset({("not", "detected"), ("not", "found"), ("not", "present")})
#: Words X outside the harms for which `no X` means no finding, since X is a finding.
_FINDINGS = frozenset(
    {
        "OTHER.ContentFiltered",
        "OTHER.Hallucination",
        "OTHER.LowQuality",
        "OTHER.Misinformation",
        NEEDS_REVIEW,
        "OTHER.PolicyViolation",
    }
)
#: Desired qualities: `no groundedness` is a finding, not the absence of one.
_QUALITIES = _closed(
    "adherence alignment consistency correctness faithfulness grounded groundedness grounding "
    "precision recall relevance relevancy"
)
_MARKS = "#*()[]<>\"'`,;?"
_MAX_WORDS = 12
_MAX_LENGTH = 120
_MIN_TYPO_LENGTH = 8
_MIN_TYPO_WORD = 5
_TYPABLE = re.compile(r"[^\W\d]+")
_TAGGED = re.compile(r"[BIESLU][-_](?=\w)")


class Phrases:
    """An index of phrases; a phrase with two different meanings has none."""

    def __init__(self, entries: Iterable[tuple[str, Labels]]) -> None:
        readings: defaultdict[str, set[Labels]] = defaultdict(set)
        folded: defaultdict[str, set[Labels]] = defaultdict(set)
        for phrase, labels in entries:
            words = words_of(phrase)
            if not words:
                continue
            labels = tuple(sorted(labels))
            readings["".join(words)].add(labels)
            folded[fold(words)].add(labels)
        self._readings = dict(readings)
        self._folded = dict(folded)
        self._near: defaultdict[str, set[str]] = defaultdict(set)
        for key in readings:
            if len(key) >= _MIN_TYPO_LENGTH and _TYPABLE.fullmatch(key):
                for near in _shortened(key):
                    self._near[near].add(key)

    def read(self, text: str, *, flagged: bool = False) -> Labels | None:
        """The labels of a phrase, or None when it is unknown or ambiguous.

        flagged: the tool reported the phrase as a finding, so `no X` is a violated rule
            (ShieldGemma's `No Hate Speech`), not the absence of X.
        """
        if len(text) > _MAX_LENGTH:
            return None
        words = words_of(text)
        if not words or len(words) > _MAX_WORDS:
            return None
        for form in forms(text):
            if "".join(form) not in GENERIC and (found := self._direct(form)):
                return _single(found)
        if (negated := _negated(words)) is not None:
            if flagged and words[0] in {"no", "without"}:
                return None
            return (SAFE,) if any(map(self._clears, _cut(negated))) else None
        return self._typo(words)

    def _direct(self, words: tuple[str, ...]) -> set[Labels]:
        return self._readings.get("".join(words)) or self._folded.get(fold(words)) or set()

    def _clears(self, words: tuple[str, ...]) -> bool:
        found = self._direct(words)
        return (
            bool(found)
            and _QUALITIES.isdisjoint(words)
            and all(
                not label.startswith(OTHER_PREFIX) or label in _FINDINGS
                for labels in found
                for label in labels
            )
        )

    def _typo(self, words: tuple[str, ...]) -> Labels | None:
        """The meaning of the known phrases at edit distance 1, if it is the same for all.

        A misspelt word is never read as clean: its end may be missing.
        """
        key = "".join(words)
        if len(key) < _MIN_TYPO_LENGTH - 1 or not _TYPABLE.fullmatch(key):
            return None
        found: set[Labels] = set()
        for near in (key, *_shortened(key)):
            for known in self._near.get(near, set()) - GENERIC:
                edit = _edit(known, key)
                # Short words differ by a letter and mean another thing (NIE, NIF), and so do
                # words with a letter put in front (moral, amoral).
                if edit and len(_word_at(words, edit)) >= _MIN_TYPO_WORD:
                    found |= self._readings[known]
        read = _single(found)
        return None if read is None or CLEAN.issuperset(read) else read


def forms(text: str) -> Iterator[tuple[str, ...]]:
    """The phrase itself, then without the function words at its ends, the longest first.

    The tag of a token classifier (`B-CITY`, `I-CITY`) goes last.
    """
    yield from _cut(words_of(text))
    if _TAGGED.match(text):
        yield from _cut(words_of(text[2:]))


def _cut(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    leading = next((i for i, w in enumerate(words) if w not in _LEADING), len(words))
    trailing = next((i for i, w in enumerate(reversed(words)) if w not in _TRAILING), len(words))
    cuts = [(a, b) for a in range(leading + 1) for b in range(trailing + 1) if a + b < len(words)]
    for a, b in sorted(cuts, key=sum):
        yield words[a : len(words) - b]


def words_of(text: str) -> tuple[str, ...]:
    """The normalised words of a text, without the brackets, quotes and commas around them."""
    stripped = (word.strip(_MARKS) for word in normalise(text).split(" "))
    return tuple(word for word in stripped if word)


def fold(words: tuple[str, ...]) -> str:
    """A key that is equal for a phrase and its plural, with or without spaces."""
    return "".join(map(_singular, words))


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1]


def _negated(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The part X of a phrase that states the absence of X, or None for other phrases."""
    if len(words) > 1 and words[0] in _NEGATING:
        return words[2:] if words[1] in _ARTICLES else words[1:]
    if len(words) > 2 and words[-2:] in _NEGATED_AFTER:
        return words[:-2]
    if words[0].startswith(("non", "not")) and len(words[0]) > 5:
        return (words[0][3:], *words[1:])
    return None


def _single(found: set[Labels]) -> Labels | None:
    return next(iter(found)) if len(found) == 1 else None


def _shortened(key: str) -> Iterator[str]:
    return (key[:i] + key[i + 1 :] for i in range(len(key)))


def _word_at(words: tuple[str, ...], position: int) -> str:
    """The word that the letter at this position of the joined words belongs to."""
    for word in words:
        if position < len(word):
            return word
        position -= len(word)
    return words[-1]


def _edit(a: str, b: str) -> int | None:
    """The position of the difference, if one added, removed, changed or swapped letter turns `a`
    into `b`; else None."""
    if len(a) > len(b):
        a, b = b, a
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        same = a[at:] == b[at + 1 :]
    else:
        swapped = a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :]
        same = swapped or a[at + 1 :] == b[at + 1 :]
    return at if same else None
