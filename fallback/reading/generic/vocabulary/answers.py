"""Questions with their answers: `Is this content safe? No.`, `Does it contain PII? yes`.

In: a text. Out: the subject of the question, as a key, and the answer. Uses closed lists only.
"""

from fallback.reading.generic.record import GRADES, POLARITY
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.judge import as_number
from fallback.reading.words import load_words
from schemas.text import normalise

_TEXTS = load_words().texts
_ASKING = _TEXTS["asking"]
_SUBJECTS = _TEXTS["subjects"] | _TEXTS["function_words"] | load_words().prohibitions["then"]
_NEGATIONS = frozenset({"no", "not", "never", "without", "isn't", "doesn't", "aren't", "don't"})
_LOOSE = " \t\n.!:;,*\"'`>=-\u2013—"
_MAX_QUESTION = 200


#: What numbers the questions of a list.
_LISTED = "0123456789.)(-*\u2022# "


def asked(text: str) -> tuple[str, str, str] | None:
    """The subject of a question, its answer in one word, and the rest; None for another text.

    `Q: Is the text hateful? A: Yes` becomes `hateful`, `Yes` and an empty rest.
    """
    at = text.find("?")
    if not 0 < at <= _MAX_QUESTION:
        return None
    head, rest = text[:at].lstrip(_LISTED), text[at + 1 :].strip(_LOOSE)
    for label in ("answer", "a"):
        opening, colon, after = rest.partition(":")
        if colon and opening.casefold() == label:
            rest = after.strip(_LOOSE)
    answer = rest.split(None, 1)[0].strip(_LOOSE) if rest else ""
    if normalise(answer) not in POLARITY:
        return None
    about = _about(head)
    return None if about is None else (about, answer, rest[len(answer) :].strip(_LOOSE))


def answers(head: str, value: str) -> bool:
    """Whether a head is something good, or a flag, whose value is an amount or a yes."""
    number = as_number(value)
    if number is None and normalise(value) not in POLARITY | GRADES:
        return False
    if lack(head) is not None:
        return True
    return number is None and key_role(normalise(head), Kind.TEXT).role is Role.FLAG


def _about(question: str) -> str | None:
    """The predicate of a question: `safe` of `Is the content safe`."""
    words = normalise(question.rpartition(". ")[2].strip(_LOOSE)).split(" ")
    while len(words) > 1 and words[0] in ("q", "question"):
        words = words[1:]
    if not _NEGATIONS.isdisjoint(words):
        return None
    asking = words[0] in _ASKING
    start = 1 if asking else 0
    while start < len(words) - 1 and words[start] in _SUBJECTS:
        start += 1
    about = " ".join(words[start:])
    return about if asking or len(words) <= 3 or lack(about) is not None else None
