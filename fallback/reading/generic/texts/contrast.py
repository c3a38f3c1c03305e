"""Sentences that clear, and their exceptions.

In: a sentence. Out: its predicate, its exceptions, or its claims beside its denials. Closed lists;
the caller's function looks up the vocabularies.
"""

from collections.abc import Callable, Iterator

from fallback.reading.generic.vocabulary.goods import is_whole
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


#: Words of a clean beginning.
_CLEARING = _LISTS["negations"] | {"passed"}
_MOST = 80
_SIGNS = " .,;!\"'`()*"
_ENDS = (". ", "! ", "? ", "; ", " - ", " \u2013 ", " — ", "\n")
_WIDE_ENDS = "。\uff1b\uff01\uff1f"
_JOINTS = (", ", " and ", " while ", " whereas ", " und ", " et ", " y ", " e ", "\uff0c", "、")
#: The first character of scripts without blanks between words.
_UNSPACED = "\u2e80"
_AFTERWARDS = ("after", "since", "following")
_MOST_CLAIMED = 600
_MOST_CLAUSES = 8
_MOST_NAMED = 12
_MOST_CLEARING = 16
_DENIALS = frozenset({"no", "not", "nothing", "never", "neither", "none", "cannot"})
_ASKS = ("?", ":", "=", "->", "-")
_NO = load_words().texts["denials"] | {"false", "nope", "nein", "нет", "❌", "0"}


def exception(text: str) -> str | None:
    """The exception to a clean beginning: `mild profanity` of `no issues except mild profanity`."""
    folded = text.casefold()
    at, sign = min(((p, s) for s in _CONTRASTS if (p := folded.find(s)) > 0), default=(-1, ""))
    if at < 0 or _CLEARING.isdisjoint(w.strip(",.;:") for w in folded[:at].split()):
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


def denies_good(text: str) -> bool:
    """Whether a text denies something good: `I would not call this safe`, `safe for work? No`.

    Between the denial and the good word are function words only.
    """
    words = text.casefold().replace("?", " ? ").replace(":", " : ").split()[:_MOST]
    for at, word in enumerate(words):
        bare = word.strip(_SIGNS)
        if not is_whole(bare):
            continue
        sign = next((i for i in range(at + 1, min(at + 6, len(words))) if words[i] in _ASKS), 0)
        if sign and words[sign + 1 : sign + 2] and words[sign + 1].strip(_SIGNS) in _NO:
            return True
        for before in reversed(words[max(0, at - 7) : at]):
            if before in _LISTS["denying"] or before.endswith(("n't", "n\u2019t")):
                return True
            if before not in _LISTS["between"]:
                break
    return False


def claims(
    text: str, bad: Callable[[str], bool], whole: Callable[[str], bool]
) -> tuple[str, bool] | None:
    """A text's claim beside its denial: `Contains a link` of `No malware. Contains a link`.

    Also whether the claim has a verb of its own, and not only a name. None without a denial or
    without a claim. bad: whether words name something bad. whole: whether a clause clears
    everything, so that a claim needs a verb and a name.
    """
    if len(text) > _MOST_CLAIMED or not _absent(text) or exception(text) is not None:
        return None
    clauses = [clause for clause in _clauses(text) if clause][:_MOST_CLAUSES]
    denied = [_denies(clause) for clause in clauses]
    if not any(denied) or all(denied):
        return None
    cleared = any(
        no and whole(clause) and not _named(clause, bad)
        for clause, no in zip(clauses, denied, strict=True)
    )
    rest = [clause for clause, no in zip(clauses, denied, strict=True) if not no]
    there = [_says(clause, _LISTS["presence"]) for clause in rest]
    if cleared:
        claimed = any(t and _named(clause, bad) for clause, t in zip(rest, there, strict=True))
    else:
        claimed = any(there) or any(_named(clause, bad) for clause in rest)
    return (". ".join(rest), any(there)) if claimed else None


def clears(text: str) -> bool:
    """Whether a sentence denies once that anything is wrong: `I don't see anything harmful here`.

    Every word is in a closed list, so a sentence with the name of something is not one.
    """
    words = [w.strip(_SIGNS).replace("\u2019", "'") for w in text.casefold().split()]
    wrong = _LISTS["wrong_at_all"]
    if not 1 < len(words) <= _MOST_CLEARING or wrong.isdisjoint(words):
        return False
    once = _DENIALS | _LISTS["denied_once"]
    denied = [w for w in words if w in once or w.endswith("n't")]
    rest = [w for w in words if w not in denied and w]
    return len(denied) == 1 and (wrong | _LISTS["saying_nothing"]).issuperset(rest)


def lifted(sentence: str) -> str | None:
    """A finding that no longer holds: `spam` of `No longer considered spam after review`."""
    words = sentence.strip(" .!").split()[:_MOST_NAMED]
    folded = [w.casefold() for w in words]
    if folded[:2] != ["no", "longer"]:
        return None
    start = 2
    while start < len(words) and folded[start] in _LISTS["between"]:
        start += 1
    end = next((i for i in range(start, len(words)) if folded[i] in _AFTERWARDS), len(words))
    return " ".join(words[start:end]) or None


def _clauses(text: str) -> Iterator[str]:
    """Sentences, and their parts with a verb of their own."""
    start = at = 0
    while at < len(text):
        sign = next((s for s in _ENDS if text.startswith(s, at)), "")
        if sign or text[at] in _WIDE_ENDS:
            yield text[start:at].strip(" .!")
            start = at = at + len(sign or text[at])
            continue
        joint = next((j for j in _JOINTS if text.startswith(j, at)), "")
        after = text[at + len(joint) : at + len(joint) + 24].casefold().split()[:3]
        if joint and (not _LISTS["presence"].isdisjoint(after) or "is" in after[:2]):
            yield text[start:at].strip()
            start = at = at + len(joint)
            continue
        at += 1
    yield text[start:].strip(" .!")


def _says(clause: str, words: frozenset[str]) -> bool:
    """Whether a clause has one of the words; scripts without blanks have them inside of others."""
    folded = clause.casefold()
    if not words.isdisjoint(w.strip(_SIGNS + ":?") for w in folded.split()):
        return True
    return not folded.isascii() and any(w in folded for w in words if w[0] >= _UNSPACED)


def _denies(clause: str) -> bool:
    """Whether a clause denies something bad; `not safe` means the opposite."""
    return _absent(clause) and "not only" not in clause.casefold() and not denies_good(clause)


def _absent(text: str) -> bool:
    return _says(text, _LISTS["absence"]) or "n't " in text or "n\u2019t " in text


def _named(clause: str, bad: Callable[[str], bool]) -> bool:
    words = [w.strip(_SIGNS + ":?") for w in clause.split()[:_MOST_NAMED]]
    sizes = (1, 2, 3)
    return any(bad(" ".join(words[i : i + n])) for n in sizes for i in range(len(words) - n + 1))


def turns(text: str) -> bool:
    """Whether a text qualifies the text before it."""
    return not _LISTS["turns"].isdisjoint(w.strip(",.;:()[]") for w in text.casefold().split())


def predicate(sentence: str) -> str | None:
    """The predicate of a short sentence: `not a threat` of `This is not a threat`."""
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
