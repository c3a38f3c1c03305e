"""The selection of an extraction in a node: entries with their names, and values parallel to them.

In: an extraction and a node. Out: entries and leaves. Independent of the meaning of values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fallback.reading.formats import Extraction
from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Node, Use, leaves

#: The most names in one text; the rest of it stays unread.
MAX_NAMES = 256
#: The most characters of a text with names; a longer one stays unread.
MAX_TEXT = 65_536


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that an extraction selects. place: its key or index, for parallel values."""

    names: tuple[str, ...]
    node: Node
    path: str
    place: str | int | None = None
    #: The leaves of the names.
    named: tuple[Leaf, ...] = ()


def entries(extraction: Extraction, node: Node, place: str | int | None = None) -> Iterator[Entry]:
    """The entries below a selected node: of a map, a list, one object, or a text."""
    fixed = (extraction.fixed,) if extraction.fixed else ()
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from entries(extraction, inner, index)
    elif isinstance(node, Leaf):
        if node.value is None or node.value == "":
            if node.use is Use.UNREAD:
                node.use = Use.BOOKKEEPING
        elif fixed:
            yield Entry(fixed, node, node.path, place)
        elif isinstance(node.value, str):
            if extraction.find is None:
                names = _names((node,), extraction.split)
                yield Entry(names, node, node.path, place, (node,))
            elif inside := _found_names(extraction, node.value):
                node.use = Use.QUOTED
                yield Entry(inside, node, node.path, None, (node,))
    elif fixed:
        yield Entry(fixed, node, first_path(node), place)
    elif extraction.name:
        named = tuple(leaf for leaf in found(extraction.name, node) if leaf.value not in (None, ""))
        yield Entry(_names(named, extraction.split), node, first_path(node), None, named)
    else:
        for key, inner in node.items():
            yield Entry((key,), inner, first_path(inner), key)


def _found_names(extraction: Extraction, text: str) -> tuple[str, ...]:
    """The names that the pattern of an extraction finds in a text, each once."""
    if extraction.find is None or len(text) > MAX_TEXT:
        return ()
    names: dict[str, None] = {}
    for match in extraction.find.finditer(text):
        named = match.group("name") or ""
        for name in named.split(extraction.split) if extraction.split else [named]:
            if name.strip() and len(names) < MAX_NAMES:
                names[name.strip()] = None
    return tuple(names)


def _names(named: Sequence[Leaf], split: str | None) -> tuple[str, ...]:
    names: list[str] = []
    for leaf in named:
        text = str(leaf.value)
        parts = text.split(split, MAX_NAMES) if split else [text]
        names.extend(part.strip() for part in parts[:MAX_NAMES] if part.strip())
    return tuple(dict.fromkeys(names))


def found(paths: Sequence[Path], node: Node) -> Iterator[Leaf]:
    """All leaves that the paths select; `@` selects a value, but not an object."""
    for path in paths:
        if path.text == "@" and isinstance(node, dict):
            continue
        for selected in path.all(node):
            yield from leaves(selected)


def parallel(beside: Sequence[Node], place: str | int | None) -> Iterator[Leaf]:
    """The value under the same key or index in a map or list parallel to the entries."""
    for node in beside:
        keyed = isinstance(node, dict) and isinstance(place, str) and place in node
        indexed = isinstance(node, list) and isinstance(place, int) and place < len(node)
        if keyed or indexed:
            yield from leaves(node[place])  # type: ignore[index]


def first_path(node: Node) -> str:
    return next((leaf.path for leaf in leaves(node)), "")
