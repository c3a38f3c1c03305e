"""Word-by-word translation of texts in languages that neither sentence encoder reads.

In: a version's file, then texts. Out: a gloss, the English words of a text, or nothing for a text
in another language. Model and encoders read English best, so the gloss is answered instead of the
text. Independent of answers.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.retrieval.multilingual import has_other_letters
from schemas.config.errors import ConfigError

GLOSSARY = "glossary.json"

_KNOWN_SHARE = 0.75
"""The lowest share of known words in a text."""

_MOST_WORDS = 64
"""The most characters of a text."""

_BREAKS = ",;.!?।"
_TOKENS = re.compile(
    rf"[{_BREAKS}]|[^\s{_BREAKS}:()\[\]{{}}\"'\u201c\u201d\u2018\u2019«»/|_\u2013—-]+"
)
_NUKTA, _CANDRABINDU, _ANUSVARA = "\u093c", "\u0901", "\u0902"


@dataclass(frozen=True, slots=True)
class Gloss:
    """A text in English. complete: whether all of its words were known."""

    text: str
    complete: bool


@dataclass(frozen=True, slots=True)
class _Term:
    """Some tokens of a text; english: None for an unknown word."""

    tokens: Sequence[str]
    english: str | None


class Glossary:
    """Words of some languages with their English."""

    def __init__(self, words: Mapping[str, str], negations: Iterable[str] = ()) -> None:
        """words: an empty gloss for words without a translation; negations: of languages that
        negate after the negated word, so that in English a `no` opens the clause."""
        self._negations = {_spelled(word) for word in negations}
        self._words = {_spelled(word): english for word, english in words.items()}
        self._words |= dict.fromkeys(self._negations, "no")
        self._plain = _without_marks(self._words)
        self._longest = max((word.count(" ") + 1 for word in self._words), default=0)

    def gloss(self, text: str) -> Gloss | None:
        """The gloss; None for a text with too few known words. Words without marks occur in many
        languages: in plain ASCII all must be known, with a term of several words among them."""
        if not self._words:
            return None
        plain, foreign = text.isascii(), has_other_letters(text)
        tokens = _tokens(text)[:_MOST_WORDS]
        terms = list(self._terms(tokens, self._plain if plain else self._words, foreign))
        unread = sum(term.english is None for term in terms)
        words = sum(token not in _BREAKS for token in tokens)
        if plain and (unread or not any(len(t.tokens) > 1 and t.english for t in terms)):
            return None
        if words - unread < _KNOWN_SHARE * words:
            return None
        english = self._composed(terms)
        return Gloss(english, not unread) if english else None

    def _terms(self, tokens: list[str], words: Mapping[str, str], foreign: bool) -> Iterator[_Term]:
        """The longest known term at each place. foreign: whether a word in Latin letters is a
        name."""
        at = 0
        while at < len(tokens):
            most = min(self._longest, len(tokens) - at)
            size = next(
                (n for n in range(most, 0, -1) if " ".join(tokens[at : at + n]) in words), 1
            )
            term = tokens[at : at + size]
            kept = term[0] in _BREAKS or term[0].isdigit() or (foreign and term[0].isascii())
            yield _Term(term, words.get(" ".join(term), term[0] if kept else None))
            at += size

    def _composed(self, terms: Iterable[_Term]) -> str:
        clauses: list[list[str]] = [[]]
        for term in terms:
            if term.english == "but" or term.tokens[0] in _BREAKS:
                clauses.append([])
            elif " ".join(term.tokens) in self._negations:
                clauses[-1].insert(0, "no")
            elif term.english:
                clauses[-1].append(term.english)
        return ", ".join(" ".join(clause) for clause in clauses if clause)


def write_glossary(file: Path, words: Mapping[str, str], negations: Sequence[str]) -> None:
    """Write the file that `read_glossary` reads."""
    held = {"words": words, "negations": negations}
    file.write_text(json.dumps(held, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_glossary(folder: Path) -> Glossary:
    """The glossary of a version's folder; none in versions of older exports. Raises ConfigError."""
    file = folder / GLOSSARY
    if not file.is_file():
        return NO_GLOSSARY
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return Glossary(dict(held["words"]), held["negations"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(file, "(file)", f"is no glossary ({error!r}); export again") from error


def _tokens(text: str) -> list[str]:
    """Words and the signs that end a clause, in one spelling: composed and in lower case, and
    Devanagari without the dot that is usually omitted."""
    composed = unicodedata.normalize("NFC", text).casefold()
    return _TOKENS.findall(composed.replace(_NUKTA, "").replace(_CANDRABINDU, _ANUSVARA))


def _spelled(word: str) -> str:
    return " ".join(_tokens(word))


def _without_marks(words: Mapping[str, str]) -> dict[str, str]:
    """Latin words without their marks. A spelling of two words with different meanings has no
    translation."""
    plain: dict[str, str] = {}
    for word, english in words.items():
        apart = unicodedata.normalize("NFD", word).replace("đ", "d")
        bare = "".join(c for c in apart if unicodedata.category(c) != "Mn")
        if bare.isascii():
            plain[bare] = english if plain.get(bare, english) == english else ""
    return plain


NO_GLOSSARY = Glossary({})
