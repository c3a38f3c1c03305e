"""The roles of keys.

In: a key in its normal form and the kind of its value. Out: a `Role`. Only the closed lists of
`words.yaml` decide; a key without a role may be the name of a category.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from fallback.reading.generic.gaps.values import is_left_out
from fallback.reading.generic.vocabulary.goods import is_whole
from fallback.reading.words import load_words
from schemas.text import normalise

_KEYS = load_words().keys
_MAX_KEY = 120
#: Words that mark a list of names as passive only with a noun; alone they may head findings.
_NOT_PASSIVE = frozenset(
    {"all", "known", "target", "required", "active", "negative", "used", "run"}
)
#: Participles of things that were only checked.
_LOOKED_AT = frozenset(
    {"checked", "scanned", "tested", "analyzed", "analysed", "inspected", "reviewed"}
)
#: Nouns that a participle marks as only checked.
_LISTED = _KEYS["names"] | _KEYS["passive"] | _KEYS["container"] | _KEYS["checkers"]


#: Nouns that the beginning of a line may count.
_COUNTED = load_words().texts["counted_errors"] | load_words().texts["counted_findings"]
#: Words for names that were not found.
_ABSENT = load_words().texts["absent_heads"]
#: Auxiliary verbs in flags of actions: `should_escalate`, `would_be_blocked`.
_MODALS = frozenset({"would", "should", "must", "will", "needs", "need", "requires", "require"})
_AUXILIARIES = frozenset({"be", "have", "been", "to", "get"})
_MEASURES_TAKEN = (
    _KEYS["acted"] | load_words().values["acted"] | {"flag", "alert", "warn", "escalation"}
)
#: Words of which a flag of a state consists.
_STATED = _KEYS["states"] | _KEYS["subjects"] | {
    "request", "response", "message", "text", "input", "output", "session", "client", "run",
    "result", "task", "workflow", "step", "episode",
}  # fmt: skip


class Role(StrEnum):
    """The role of a key's value."""

    FLAG = "flag"  #: true: found
    CLEAR = "clear"  #: true: clean
    ACTED = "acted"  #: true: found; false has no meaning
    DECISION = "decision"
    ACTION = "action"
    FINISH = "finish"  #: why a model stopped: only a filter or a refusal has a meaning
    SEVERITY = "severity"
    LIKELIHOOD = "likelihood"
    CONFIDENCE = "confidence"
    SCORE = "score"
    COUNT = "count"
    NAME = "name"
    BROAD = "broad"
    WEAK = "weak"
    NAMES = "names"
    CONTAINER = "container"
    PASSIVE = "passive"
    THRESHOLD = "threshold"
    BOOKKEEPING = "bookkeeping"
    QUOTED = "quoted"
    SAID = "said"
    WHY = "why"
    ERROR = "error"
    #: The key names a category; `Key.core` is the name without the words of a judgement.
    CATEGORY = "category"


class Kind(StrEnum):
    """The kind of a key's value."""

    BOOL = "bool"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    DICT = "dict"
    NULL = "null"


class Key(NamedTuple):
    """role: of the key. core: the name in it, for a category. judged: how its value judges it."""

    role: Role
    core: str = ""
    judged: Role | None = None


#: The exact lists per kind of value, in order.
_EXACT: dict[Kind, tuple[Role, ...]] = {
    Kind.BOOL: (
        Role.FLAG, Role.CLEAR, Role.ACTED, Role.DECISION, Role.BOOKKEEPING, Role.PASSIVE,
        Role.THRESHOLD, Role.QUOTED, Role.WHY,
    ),
    Kind.NUMBER: (
        Role.FLAG, Role.CLEAR, Role.SEVERITY, Role.LIKELIHOOD, Role.CONFIDENCE, Role.SCORE,
        Role.COUNT, Role.DECISION, Role.ACTED, Role.BOOKKEEPING, Role.PASSIVE, Role.QUOTED,
        Role.NAME, Role.BROAD, Role.NAMES,
    ),
    Kind.TEXT: (
        Role.FINISH, Role.DECISION, Role.ACTION, Role.SEVERITY, Role.LIKELIHOOD, Role.CONFIDENCE,
        Role.NAME, Role.BROAD, Role.QUOTED, Role.ERROR, Role.SAID, Role.WHY, Role.NAMES, Role.FLAG,
        Role.CLEAR, Role.ACTED, Role.SCORE, Role.COUNT, Role.WEAK, Role.BOOKKEEPING, Role.PASSIVE,
    ),
    Kind.LIST: (
        Role.PASSIVE, Role.NAMES, Role.NAME, Role.BROAD, Role.QUOTED, Role.BOOKKEEPING, Role.ERROR,
        Role.CONTAINER, Role.SAID, Role.WHY, Role.SCORE, Role.CONFIDENCE, Role.LIKELIHOOD,
        Role.SEVERITY, Role.FLAG, Role.DECISION,
    ),
    Kind.DICT: (
        Role.PASSIVE, Role.BOOKKEEPING, Role.CONTAINER, Role.NAMES, Role.NAME, Role.BROAD,
        Role.ERROR, Role.SCORE, Role.LIKELIHOOD, Role.DECISION, Role.SEVERITY, Role.CONFIDENCE,
        Role.FLAG, Role.SAID, Role.WHY, Role.QUOTED,
    ),
    Kind.NULL: (Role.FLAG, Role.CLEAR, Role.NAMES, Role.ERROR, Role.DECISION),
}  # fmt: skip
_LISTS: dict[Role, frozenset[str]] = {role: _KEYS.get(role.value, frozenset()) for role in Role} | {
    Role.FINISH: frozenset({"finish reason", "stop reason", "done reason"})
}
#: Roles of statements about the whole; own words of a detector do not replace them.
JUDGING = frozenset(
    {
        Role.FLAG, Role.CLEAR, Role.ACTED, Role.DECISION, Role.ACTION, Role.SEVERITY,
        Role.LIKELIHOOD, Role.CONFIDENCE, Role.SCORE, Role.FINISH, Role.NAME, Role.COUNT,
    }
)  # fmt: skip


@lru_cache(maxsize=8192)
def key_form(key: str) -> str:
    """A key in its normal form; a long one is cut."""
    return normalise(key[:_MAX_KEY])


@lru_cache(maxsize=8192)
def key_role(form: str, kind: Kind) -> Key:
    """The role of a key in its normal form beside a value of that kind."""
    if kind is Kind.NUMBER and form in _KEYS["looked_at"]:
        return Key(Role.BOOKKEEPING)
    for role in _EXACT[kind]:
        if form in _LISTS[role]:
            measured = kind is Kind.NUMBER and role is Role.DECISION and is_whole(form)
            return Key(Role.CLEAR if measured else role)
    words = form.split(" ")
    if kind is Kind.TEXT and words[0].isdecimal() and not _COUNTED.isdisjoint(words):
        return Key(Role.CATEGORY, form)  # `2 errors in file: a.py`
    if words[0] == "x" and len(words) > 2:  # a header of a vendor: `X-Acme-Verdict`
        header = key_role(" ".join(words[2:]), kind)
        if header.role is not Role.CATEGORY:
            return header
    if kind is Kind.NUMBER and (counted := _counted(words)) is not None:
        return counted
    if kind in (Kind.BOOL, Kind.NUMBER, Kind.TEXT) and is_whole(form):
        return Key(Role.CLEAR)
    return _modified(words, kind) or _compound(words, kind) or Key(Role.CATEGORY, form)


def _counted(words: list[str]) -> Key | None:
    """`total_prompts` and `snippets_checked` count checked things, `infected_files` findings."""
    if len(words) > 1 and words[-2].endswith("s") and words[-1] in _LOOKED_AT:
        return Key(Role.BOOKKEEPING)
    if len(words) == 2 and words[1] in _KEYS["counted"]:
        if words[0] in _KEYS["wrong"]:
            return Key(Role.FLAG)
        if words[0] in _KEYS["count_starts"] or words[0] in _KEYS["passive_words"]:
            return Key(Role.BOOKKEEPING)
    return None


def _modified(words: list[str], kind: Kind) -> Key | None:
    """Keys of limits, of checked things, and of remarks."""
    first, last = words[0], words[-1]
    if kind in (Kind.LIST, Kind.DICT, Kind.TEXT) and " ".join(words) in _ABSENT:
        return Key(Role.PASSIVE)
    if kind in (Kind.LIST, Kind.DICT) and is_left_out(" ".join(words)):
        return Key(Role.PASSIVE)
    if not _KEYS["threshold_words"].isdisjoint(words) or (
        first in ("max", "min") and kind is Kind.NUMBER and len(words) > 1
    ):
        return Key(Role.THRESHOLD)
    if kind is Kind.BOOL and _is_state(words):
        return Key(Role.BOOKKEEPING)
    if kind is Kind.BOOL and first in _MODALS and _is_measure(words[1:]):
        return Key(Role.ACTED)
    if len(words) == 1:
        alone = kind in (Kind.LIST, Kind.DICT) and first in _KEYS["passive_words"]
        return Key(Role.PASSIVE) if alone and first not in _NOT_PASSIVE else None
    if kind in (Kind.LIST, Kind.DICT, Kind.NUMBER):
        listed = {last, words[-2] if last in _KEYS["passive_words"] else last}
        if (first in _KEYS["passive_words"] or last in _KEYS["passive_words"]) and (
            not listed.isdisjoint(_LISTED)
        ):
            return Key(Role.PASSIVE)
    held = kind is Kind.DICT and last == "text"  # `ai_text: {labels: [...]}`
    if kind is not Kind.NUMBER and last in _KEYS["comment_ends"] and not held:
        return Key(Role.WHY if last in _KEYS["why"] else Role.QUOTED)
    if kind is Kind.BOOL and first in ("run", "use", "enable", "with", "should", "include"):
        return Key(Role.BOOKKEEPING)
    return None


def _is_state(words: list[str]) -> bool:
    """Whether a flag belongs to a request or a run: `was_truncated`, `is_verified_user`."""
    told = words[1:] if words[0] in ("is", "was", "has", "been") else words
    return not _KEYS["states"].isdisjoint(told) and _STATED.issuperset(told)


def _is_measure(words: list[str]) -> bool:
    """Whether words describe the action on a finding: `be blocked`, `human review`."""
    while words and words[0] in _AUXILIARIES:
        words = words[1:]
    return " ".join(words) in _MEASURES_TAKEN


def _compound(words: list[str], kind: Kind) -> Key | None:
    """Keys of a category with its judgement: `pii_detected`, `toxicity_score`, `num_emails`."""
    first, last = words[0], words[-1]
    if kind in (Kind.BOOL, Kind.NUMBER, Kind.TEXT, Kind.NULL):
        core = words
        while len(core) > 1 and core[0] in _KEYS["flag_starts"]:
            core = core[1:]
        while len(core) > 1 and core[-1] in _KEYS["flag_ends"]:
            core = core[:-1]
        if len(core) < len(words):
            return _judged(core, Role.FLAG)
    if first in ("cwe", "cve") and len(words) > 1:
        return Key(Role.BOOKKEEPING)
    if kind is Kind.LIST and len(words) > 1 and last in _KEYS["passages"]:
        return Key(Role.CATEGORY, " ".join(words[:-1]))
    listed = kind is Kind.LIST and last == "criteria"
    if kind in (Kind.LIST, Kind.TEXT) and len(words) > 1 and (last in _KEYS["names"] or listed):
        return Key(Role.NAMES)
    if kind is Kind.NUMBER and "confidence" in words and _KEYS["general"].issuperset(words):
        return Key(Role.CONFIDENCE)
    if kind is Kind.TEXT and len(words) > 1 and last == "action":
        return Key(Role.ACTION)
    for role in (Role.SEVERITY, Role.SCORE, Role.COUNT):
        if len(words) > 1 and last in _KEYS[f"{role.value}_ends"]:
            if role is Role.COUNT and words[-2].rpartition(".")[2] in _KEYS["counted"]:
                return Key(Role.BOOKKEEPING)
            core = words[:-1]
            while role is Role.COUNT and len(core) > 1 and core[-1] in _KEYS["count_ends"]:
                core = core[:-1]  # `guard_hits_total`
            return _judged(core, role)
    if len(words) > 1 and first in _KEYS["count_starts"] and kind is Kind.NUMBER:
        core = words[2:] if words[1] == "of" and len(words) > 2 else words[1:]
        if len(core) == 1 and core[0] in _KEYS["counted"]:
            return Key(Role.BOOKKEEPING)
        if len(core) > 1 and core[-1] in _KEYS["bookkeeping_ends"]:  # `total_compute_time`
            return Key(Role.BOOKKEEPING)
        return _judged(core, Role.COUNT)
    if len(words) > 1 and kind is Kind.TEXT:
        if last == "name" and first in _KEYS["subjects"]:
            return Key(Role.BOOKKEEPING)
        if last in ("name", "category") or words[-2:] == ["rule", "id"]:
            return Key(Role.NAME)
        if last in ("type", "code", "class", "tag"):
            return Key(Role.WEAK)
    if (
        len(words) > 1
        and last in _KEYS["bookkeeping_ends"]
        and (kind is not Kind.DICT or last in ("identifier", "id", "metadata"))
    ):
        return Key(Role.BOOKKEEPING)
    if len(words) > 1 and last in _KEYS["word_ends"] and kind in (Kind.TEXT, Kind.BOOL):
        return _judged(words[:-1], Role.DECISION)
    if len(words) > 1 and kind in (Kind.LIST, Kind.DICT):
        if last in _KEYS["names"] or last in _KEYS["container"]:
            return Key(Role.CONTAINER, " ".join(words[:-1]))
        if last in _KEYS["bookkeeping"] and first not in _KEYS["wrong"]:
            return Key(Role.BOOKKEEPING)
    return None


def _judged(core: list[str], role: Role) -> Key:
    if all(word in _KEYS["general"] for word in core):
        return Key(role)
    return Key(Role.CATEGORY, " ".join(core), role)
