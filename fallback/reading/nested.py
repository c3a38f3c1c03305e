"""Values inside values: texts that hold structure, and lists with repetition.

In: plain values, or a node. Out: the same with less repetition, or with its texts decoded.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from fallback.reading.account import REMARKS, keys_of, last_key
from fallback.reading.decode import REASONING, Decoded, decode
from fallback.reading.finding import Finding
from fallback.reading.generic.record import broke, is_run, kind_of
from fallback.reading.generic.roles import Kind, Role, key_form, key_role
from fallback.reading.tree import Leaf, Node, Use, leaves, mark

#: Longer lists are searched for equal entries, down to so many levels.
_LONG = 64
_MAX_LEVEL = 8
#: Longer lists of numbers are series such as embeddings: minimum and maximum represent all.
_SERIES = 2000
_SHORTEST = 8
_MAX_OPENED = 3
#: The most texts of one value that are read without another statement.
_MAX_SAID = 16
#: Keys of a model's reasoning.
_THOUGHTS = frozenset({"thought", "thoughts", "reasoning", "analysis", "rationale"})
#: Keys whose texts may be quoted.
_JUDGED = frozenset({Role.QUOTED, Role.SAID, Role.WHY})
#: Keys under which a message, too, is the tool's own.
_ERRORS = frozenset({"error", "errors", "exception", "exceptions", "body"})


def merged(value: object, level: int = 0) -> object:
    """A value whose long lists have equal entries once, and series only their ends."""
    if level > _MAX_LEVEL:
        return value
    if isinstance(value, dict):
        return {key: merged(inner, level + 1) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > _SERIES and all(type(entry) in (int, float) for entry in value):
        return [min(value), max(value)]
    if len(value) > _LONG:
        value = list({repr(entry): entry for entry in value}.values())
    return [merged(entry, level + 1) for entry in value]


def different(parts: Sequence[object]) -> Iterator[object]:
    """The parts of an output, equal ones once."""
    if len(parts) < 2:
        yield from parts
        return
    seen: set[str] = set()
    for part in parts:
        written = repr(part)
        if written not in seen:
            seen.add(written)
            yield part


def thought(part: object) -> str | None:
    """The reasoning in a part of a decoded text; None for any other part."""
    if isinstance(part, dict) and list(part) == [REASONING]:
        return str(part[REASONING])
    return None


def spoken(node: Node, findings: list[Finding]) -> tuple[list[Finding], list[Leaf]]:
    """The findings to keep, and the texts to be read with them.

    Texts that may be replies of the judged model are read if there is no other statement.
    `status: ok` belongs to the run and does not clear a remark.
    """
    told = [f for f in findings if f.hit is not None or f.failed]
    if not told:
        return findings, list(islice(_said(node), _MAX_SAID))
    if all(f.clears and is_run(f) for f in told):
        remarks = list(islice(_remarks(node), _MAX_SAID))
        return ([], remarks) if remarks else (findings, [])
    return findings, []


def _said(node: Node) -> Iterator[Leaf]:
    for leaf in list(leaves(node)):
        if leaf.use is Use.SIGNAL or not isinstance(leaf.value, str) or not leaf.value.strip():
            continue
        if key_role(last_key(leaf.path), Kind.TEXT).role is Role.SAID:
            yield leaf


def _remarks(node: Node) -> Iterator[Leaf]:
    for leaf in list(leaves(node)):
        if leaf.use is Use.SIGNAL or not isinstance(leaf.value, str) or " " not in leaf.value:
            continue
        key = last_key(leaf.path)
        if key in REMARKS or key_role(key, Kind.TEXT).role is Role.SAID:
            yield leaf


def answered(node: Node, found: list[Finding]) -> list[Finding]:
    """The findings of an answer; the reasoning before it is ignored if they clear."""
    if any(f.hit for f in found) or not any(f.clears for f in found):
        return found
    for leaf in leaves(node):
        quotes = str(leaf.value).count('"')  # one that is open may hold what follows
        if leaf.use is Use.UNREAD and last_key(leaf.path) in _THOUGHTS and quotes % 2 == 0:
            leaf.use = Use.QUOTED
    return found


def beside_failure(findings: list[Finding]) -> list[Finding]:
    """The findings without a failed status if the tool itself failed."""
    failed = any(f.failed for f in findings) and not any(f.category for f in findings)
    return [broke(f) for f in findings] if failed else findings


def unquoted(decoded: Decoded) -> Decoded | None:
    """The content of a text that is one quoted string, such as JSON in a JSON string; else None."""
    inner = decoded.parts[0]
    quoted = decoded.format in ("json", "literal") and isinstance(inner, str)
    return decode(inner) if quoted and isinstance(inner, str) and inner != decoded.text else None


def trusted(pairs: dict[str, object]) -> dict[str, object]:
    """Pairs of a line, without those after quoted text that follows a name.

    The author of the quoted text may have written them too.
    """
    roles = [key_role(key_form(key), Kind.TEXT).role for key in pairs]
    at = next((i for i, r in enumerate(roles) if r in _JUDGED), len(roles))
    if Role.NAME not in roles[:at] and Role.BROAD not in roles[:at]:
        return pairs
    first = {k: v[0] if isinstance(v, list) and v else v for k, v in pairs.items()}
    return dict(list(first.items())[: at + 1])


def set_aside(node: Node) -> None:
    """Mark unread leaves under keys of bookkeeping at the top of an output."""
    for key, inner in node.items() if isinstance(node, dict) else ():
        if key_role(key_form(key), kind_of(inner)).role is Role.BOOKKEEPING:
            mark(inner, Use.BOOKKEEPING)


def open_texts(node: Node, structure: Callable[[str, str], Node | None]) -> None:
    """Replace texts by the structure in them, except in the places of judged text.

    structure: the node in a text at a path, or None. Texts in decoded ones are decoded too, down to
    so many levels.
    """
    stack: list[tuple[Node, int]] = [(node, 0)]
    while stack:
        top, level = stack.pop()
        if isinstance(top, Leaf) or level > _MAX_OPENED:
            continue
        places: list[tuple[Any, Node]] = list(
            top.items() if isinstance(top, dict) else enumerate(top)
        )
        for place, inner in places:
            opened = _opened(inner, structure)
            top[place] = opened
            stack.append((opened, level if opened is inner else level + 1))


def _opened(node: Node, structure: Callable[[str, str], Node | None]) -> Node:
    if not isinstance(node, Leaf) or node.use is not Use.UNREAD:
        return node
    value = node.value
    if not isinstance(value, str) or len(value) < _SHORTEST:
        return node
    if "{" not in value and "[" not in value:
        return node
    role = key_role(last_key(node.path), Kind.TEXT).role
    if role in _JUDGED and not any(key.split(" ")[-1] in _ERRORS for key in keys_of(node.path)):
        return node
    return structure(value, node.path) or node
