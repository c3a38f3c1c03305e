"""Sentences that clear, and what they take back.

In: a sentence. Out: its predicate, or what it excepts. Closed lists; knows no vocabularies.
"""

from fallback.reading.words import load_words

_LISTS = load_words().texts
_CONTRASTS = (
    " except ", ", but ", " apart from ", " other than ", " aside from ", " however ", "; but ",
    " with the exception of ", " besides ", " but it does ", " but contains ", " but does ",
)  # fmt: skip
_CONTAINING = (" contain ", " contains ", " includes ", " shows ", " detected ", " has ")
_SUBJECTS = ("this", "it", "that", "there", "the", "i", "we", "a", "your", "user's")


def exception(text: str) -> str | None:
    """What a clean beginning excepts: `mild profanity` of `no issues except mild profanity`."""
    folded = text.casefold()
    at, sign = min(((p, s) for s in _CONTRASTS if (p := folded.find(s)) > 0), default=(-1, ""))
    if at < 0 or _LISTS["negations"].isdisjoint(w.strip(",.;:") for w in folded[:at].split()):
        return None
    rest = f" {text[at + len(sign) :].strip(' .,;:')}"
    verb = min(((p + len(v), p) for v in _CONTAINING if 0 <= (p := rest.casefold().find(v)) < 40),
               default=(0, 0))  # fmt: skip
    return rest[verb[0] :].strip() or None


def turns(text: str) -> bool:
    """Whether a text takes back what was said before it."""
    return not _LISTS["turns"].isdisjoint(w.strip(",.;:") for w in text.casefold().split())


def predicate(sentence: str) -> str | None:
    """What a short sentence says of its subject: `not a threat` of `This is not a threat`."""
    words = sentence.strip(" .!").split()
    folded = [w.casefold() for w in words]
    if not 2 < len(words) <= 10 or folded[0] not in _SUBJECTS:
        return None
    at = next((i for i, w in enumerate(folded) if w in _LISTS["verbs"]), -1)
    if not 0 < at <= 4:
        return None
    while at < len(words) and folded[at] in _LISTS["verbs"]:
        at += 1
    return (
        " ".join(words[at:]) if folded[at : at + 1] and folded[at] in _LISTS["negations"] else None
    )
