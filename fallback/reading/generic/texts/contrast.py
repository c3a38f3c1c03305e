"""Sentences that clear, and what they take back.

In: a sentence. Out: its predicate, or what it excepts. Closed lists; knows no vocabularies.
"""

from fallback.reading.words import load_words

_LISTS = load_words().texts
_CONTRASTS = (
    " except ", ", but ", " apart from ", " other than ", " aside from ", " however ", "; but ",
    " with the exception of ", " besides ", " but it does ", " but contains ", " but does ",
    ", yet ", ", however ", ", although ", ", though ", ", though the ",
)  # fmt: skip
_CONTAINING = (" contain ", " contains ", " includes ", " shows ", " detected ", " has ")
_FILLERS = ("for", "some", "a", "an", "one")
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
    words = rest[verb[0] :].split()
    while not verb[0] and len(words) > 1 and words[0].casefold() in _FILLERS:
        words = words[1:]
    return " ".join(words) or None


def absent(sentence: str) -> str | None:
    """The name that a short sentence denies: `hate speech` of `This is not hate speech here`."""
    words = sentence.strip(" .!").split()
    folded = [w.casefold().strip(",'\"") for w in words]
    at = next((i for i, w in enumerate(folded[:6]) if w in ("no", "not")), -1)
    subject = {*_LISTS["verbs"], *_SUBJECTS, "does", "do", "text", "content", "message", "prompt"}
    if at < 0 or len(words) > 12 or not subject.issuperset(folded[:at]):
        return None
    rest = words[at + 1 :]
    beside = _LISTS["beside_absent"]
    while rest and rest[0].casefold() in beside:
        rest = rest[1:]
    while rest and rest[-1].casefold() in beside:
        rest = rest[:-1]
    return " ".join(rest) or None


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
