"""Values inside values: texts that hold structure, and repetition that costs no room.

In: plain values, or a node. Out: the same with less repetition, or with its texts opened.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fallback.reading.account import last_key
from fallback.reading.decode import REASONING
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.tree import Leaf, Node, Use

#: Lists longer than this are looked through for equal entries, so many levels down.
_LONG = 64
_MAX_LEVEL = 8
_SHORTEST = 8
_MAX_OPENED = 3
#: Keys under which even a message is the tool's own.
_ERRORS = ("error", "exception", "body")


def merged(value: object, level: int = 0) -> object:
    """A value whose long lists have equal entries once."""
    if level > _MAX_LEVEL:
        return value
    if isinstance(value, dict):
        return {key: merged(inner, level + 1) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
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
    """The reasoning that a part of a decoded text is; None for any other part."""
    if isinstance(part, dict) and list(part) == [REASONING]:
        return str(part[REASONING])
    return None


def open_texts(node: Node, structure: Callable[[str, str], Node | None]) -> None:
    """Replace texts that hold structure by it, where no judged text stands.

    structure: the node in a text at a path, None where there is none. Texts in what was opened are
    opened too, so many levels down.
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
    judged = role in (Role.QUOTED, Role.SAID, Role.WHY)
    if judged and not any(word in node.path.casefold() for word in _ERRORS):
        return node
    return structure(value, node.path) or node
