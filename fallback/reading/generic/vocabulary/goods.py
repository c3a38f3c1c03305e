"""Names of something good: `safe`, `compliance_score`, `groundedness`. A low value is the finding.

In: a name, and its value. Out: the name of the finding if it is missing. Uses only the closed list
`goods` of `words.yaml`.
"""

from functools import lru_cache

from fallback.reading.words import load_words
from schemas.text import normalise

_GOODS = {good: lack for lack, goods in load_words().goods.items() for good in goods}
#: Names of findings for missing good things.
LACKS = frozenset(load_words().goods)
_KEYS = load_words().keys
#: Findings for missing good things without a category.
WHOLE = frozenset({"unsafe", "check failed"})
#: Words beside a good thing that do not change its subject.
_BESIDE = (_KEYS["general"] - {"unsafe", "harmful", "malicious", "suspicious", "harm"}) | frozenset(
    {"context", "topic", "task", "factual", "retrieval", "summary", "citation", "source",
     "is", "are", "it", "a", "an", "to", "be", "considered", "reply", "instruction", "p", "prob"}
)  # fmt: skip
_MEASURES = _KEYS["score_ends"] | _KEYS["severity_ends"] | frozenset({"index", "ratio", "value"})
#: Endings that report a violation of something good: `groundedness_violation`.
_BROKEN = _KEYS["flag_ends"] - {"present", "match", "matched", "found"}
#: Endings of nouns among the good things.
_NOUNS = ("ness", "ty", "cy", "ance", "ence", "ion", "ment", "st", "th", "call", "ing")
_MAX_WORDS = 8
#: First words of the name of a kept rule: `follows_guidelines`, `complies_with_policy`.
_KEEPS = frozenset(
    {"follows", "obeys", "adheres", "complies", "meets", "satisfies", "observes", "conforms",
     "abides"}
)  # fmt: skip
_RULES = load_words().texts["rules"]
_ANSWERS = load_words().values["polarity"] | load_words().values["clean"]
_PURPOSES = frozenset({"for", "to"})


@lru_cache(maxsize=8192)
def lack(name: str) -> str | None:
    """The finding if something good is missing: `unsafe`, `ungrounded`; None for another name.

    `is_safe`, `safety score` and `p_safe` all mean `safe`.
    """
    form = normalise(name[:120])
    if form in _GOODS:
        return _GOODS[form]
    words = form.split(" ")
    if len(words) > _MAX_WORDS or words[-1] in _BROKEN:
        return None
    while len(words) > 1 and words[-1] in _MEASURES:
        words = words[:-1]
    for size in (1, 2, 3):
        found = _GOODS.get(" ".join(words[-size:]))
        if found is not None and _BESIDE.issuperset(words[:-size]):
            return found
    if words[0] in _KEEPS and words[-1] in _RULES:
        return "check failed"
    first = _GOODS.get(words[0])
    answered = words[-1] in _ANSWERS  # `safe to send? no`
    aimed = len(words) > 2 and words[1] in _PURPOSES and not answered  # `safe_for_children`
    return first if first in WHOLE and (aimed or _BESIDE.issuperset(words[1:])) else None


def is_praise(word: str) -> bool:
    """Whether a word is an adjective of something good: `relevant`; not the noun `relevance`."""
    return word in _GOODS and not word.endswith(_NOUNS)


def is_measure(name: str) -> bool:
    """Whether a name is of what was measured, and not of how well: `safety`, `trust score`."""
    words = normalise(name).split(" ")
    return words[-1].endswith(_NOUNS) or words[-1] in _MEASURES


def is_whole(name: str) -> bool:
    """Whether a name is a clean verdict: `safe`, `compliant`."""
    return lack(name) in WHOLE
