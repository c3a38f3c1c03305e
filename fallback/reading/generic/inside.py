"""Tests of the content of a value: a code, names, or judged text.

In: a value, or the node under a key. Out: true or false. Uses the roles of keys, no vocabularies.
"""

from fallback.reading.account import last_key
from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.record import POLARITY, kind_of
from fallback.reading.generic.roles import Kind, Role, key_form, key_role
from fallback.reading.judge import as_number, judge_word
from fallback.reading.tree import Leaf, Node, Use, leaves, mark, path_of
from fallback.reading.words import load_words
from schemas.text import normalise

_VERDICTS = frozenset({Role.FLAG, Role.DECISION})
_LINKS = ("http://", "https://", "www.")
_LONGEST_CODE = 40
_EVENTS = load_words().values["events"]
_DOMAINS = frozenset({"com", "org", "net", "io", "dev", "ai"})
_LOG_LEVELS = frozenset({"info", "debug", "INFO", "DEBUG"})
_LOG_KEYS = frozenset({"msg", "message", "ts", "time", "timestamp", "logger", "caller"})


def is_code(value: object) -> bool:
    """Whether a value is a number or a code of something: `9`, `b81d`. A 0 or 1 may be a flag."""
    if isinstance(value, str):
        coded = any(map(str.isdigit, value)) and as_number(value) is None
        return coded and " " not in value and len(value) <= _LONGEST_CODE
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def are_links(node: Node) -> bool:
    """Whether a list holds only links; beside a verdict they are places."""
    return (
        isinstance(node, list)
        and bool(node)
        and all(isinstance(n, Leaf) and str(n.value).startswith(_LINKS) for n in node)
    )


def tells(node: Node) -> bool:
    """Whether a part of judged content has names or verdicts: `{t: 1.5, tags: [...]}`."""
    if not isinstance(node, dict):
        return False
    told = {key_role(key_form(key), kind_of(inner)).role for key, inner in node.items()}
    return not told.isdisjoint(_VERDICTS | {Role.NAMES, Role.NAME})


def is_judged(node: Node) -> bool:
    """Whether an object has a flag or a verdict."""
    return isinstance(node, dict) and any(
        key_role(key_form(key), kind_of(inner)).role in _VERDICTS for key, inner in node.items()
    )


def holds_judgements(node: Node) -> bool:
    """Whether the value under a key of a text is not the text, but its judgement."""
    if isinstance(node, dict):
        return all(map(judges, leaves(node))) or judged_groups(node)
    return isinstance(node, list) and bool(node) and all(map(is_judged, node))


def ballots(node: Node) -> list[Finding]:
    """The verdicts under the names of judges, `{"model-a": "unsafe"}`; empty for another node."""
    votes = list(node.values()) if isinstance(node, dict) else []
    found: list[Finding] = []
    for leaf in votes:
        word = leaf.value if isinstance(leaf, Leaf) else None
        judged = judge_word(word) if isinstance(word, str) else None
        if judged is None or normalise(str(word)) in POLARITY:
            return []
        found.append(Finding(str(word), judged.hit, None, Basis.DECISION, path_of(leaf)))
    mark(node, Use.SIGNAL)
    return found


def is_count(node: Node) -> bool:
    """Whether an object says only how many there are: `{"count": 2}`."""
    return isinstance(node, dict) and all(
        isinstance(n, Leaf) and key_role(key_form(key), kind_of(n)).role is Role.COUNT
        for key, n in node.items()
    )


def is_event(text: str) -> bool:
    """Whether a type is that of an event: `moderation.completed`, `com.acme.guard.violation`."""
    kinds = text.split(".")
    domain = len(kinds) > 2 and kinds[0] in _DOMAINS
    return domain or (len(kinds) > 1 and normalise(kinds[-1]).rpartition(" ")[2] in _EVENTS)


def judged_groups(node: dict[str, Node]) -> bool:
    """Whether all values under a key of a text are groups with flags: judgements of the text."""
    flags = {Role.FLAG, Role.DECISION, Role.ACTED}
    return bool(node) and all(
        isinstance(inner, dict)
        and any(
            isinstance(leaf.value, bool) and key_role(last_key(leaf.path), Kind.BOOL).role in flags
            for leaf in leaves(inner)
        )
        for inner in node.values()
    )


def judges(leaf: Leaf) -> bool:
    """Whether a scalar is not a text: a judgement under `prompt` is about the prompt."""
    return not isinstance(leaf.value, str) or judge_word(leaf.value) is not None


def is_left(node: Node) -> bool:
    """Whether anything in it is unread, or may be; an empty list is not."""
    return any(leaf.use is Use.UNREAD for leaf in leaves(node)) or not isinstance(node, Leaf | list)


def may_tell(node: Node) -> bool:
    """Whether a place may hold findings, and not only bookkeeping."""
    return not isinstance(node, dict) or any(n.use is not Use.BOOKKEEPING for n in leaves(node))


def holds_names(node: Node) -> bool:
    """Whether an entry of a list of places may have a name of a finding."""
    if isinstance(node, list):
        return len(node) > 1 and any(kind_of(inner) is Kind.TEXT for inner in node)
    return isinstance(node, dict)


def is_map(node: Node) -> bool:
    """Whether an object maps names to numbers or flags, and to nothing else."""
    return (
        isinstance(node, dict)
        and bool(node)
        and all(isinstance(n, Leaf) and isinstance(n.value, int | float) for n in node.values())
    )


def member(form: str, value: str) -> str:
    """The word of a member that bears the name of its enum: `STATUS_BLOCKED` under `status`."""
    if not value.isupper() or "_" not in value:
        return ""
    return normalise(value).partition(f"{form.rpartition(' ')[2]} ")[2]


def is_logged(form: str, node: Node, beside: dict[str, Node]) -> bool:
    """Whether a key is the level of a line of a log: `level=info msg=... findings=0`."""
    word = node.value if form == "level" and isinstance(node, Leaf) else None
    return word in _LOG_LEVELS and not _LOG_KEYS.isdisjoint(beside)


def is_zero(leaf: Leaf) -> bool:
    """Whether a score may be the number of the class beside it: `{label: factual, score: 0}`."""
    return leaf.value == 0 and type(leaf.value) is int
