"""Decoded values with a path and a use for every leaf.

In: plain values (dict, list, str, int, float, bool, None). Out: the same structure with `Leaf`
objects at its ends. A reading marks the leaves that it uses; the others are unread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

Scalar = str | int | float | bool | None
#: Deeper values become one leaf with their text.
MAX_DEPTH = 64
#: The most leaves of one output; the rest is cut, and the reading reports it.
MAX_LEAVES = 6_000


class Use(StrEnum):
    """The use of a leaf in the reading. A doubtful one was read, but its meaning is not certain."""

    UNREAD = "unread"
    SIGNAL = "signal"
    BOOKKEEPING = "bookkeeping"
    QUOTED = "quoted"
    DOUBTFUL = "doubtful"


@dataclass(slots=True, eq=False)
class Leaf:
    """One scalar of an output.

    path: its place, such as `results[0].categories.hate`; quoted keys in brackets.
    use: set by the reading. A leaf compares equal to its value, so that JMESPath filters work.
    """

    value: Scalar
    path: str
    use: Use = Use.UNREAD

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Leaf) else other)

    def __hash__(self) -> int:
        return hash(self.value)


Node = dict[str, "Node"] | list["Node"] | Leaf


class Planter:
    """Converts one output's plain values to nodes, within the limits of one output.

    cut: whether a limit was reached, so that a part of the output is missing in the tree.
    """

    def __init__(self, max_leaves: int = MAX_LEAVES) -> None:
        self._left = max_leaves
        self.cut = False

    def plant(self, value: object, path: str = "", depth: int = 0) -> Node:
        """The node of a value; a value that is too deep or too large ends in a `cut` leaf."""
        self._left -= 1
        if isinstance(value, dict | list) and (depth >= MAX_DEPTH or self._left <= 0):
            self.cut = True
            return Leaf("", path)
        if isinstance(value, dict):
            node: dict[str, Node] = {}
            for key, inner in value.items():
                if self._left <= 0:
                    self.cut = True
                    break
                name = key if isinstance(key, str) else str(key)
                node[name] = self.plant(inner, _join(path, name), depth + 1)
            return node
        if isinstance(value, list | tuple):
            nodes: list[Node] = []
            for index, inner in enumerate(value):
                if self._left <= 0:
                    self.cut = True
                    break
                nodes.append(self.plant(inner, f"{path}[{index}]", depth + 1))
            return nodes
        if value is None or isinstance(value, str | int | float | bool):
            return Leaf(value, path)
        return Leaf(str(value), path)


def leaves(node: Node) -> Iterator[Leaf]:
    """All leaves below a node, in the order of the output."""
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Leaf):
            yield top
        else:
            stack.extend(reversed(list(top.values()) if isinstance(top, dict) else top))


def path_of(node: Node) -> str:
    """The path of a leaf; empty for any other node."""
    return node.path if isinstance(node, Leaf) else ""


def place_of(node: Node) -> str:
    """The path of a node itself; empty for one without leaves."""
    below = ""
    while not isinstance(node, Leaf):
        if not node:
            return ""
        if isinstance(node, dict):
            key, node = next(iter(node.items()))
            below = _join(below, key)
        else:
            node = node[0]
            below += "[0]"
    return node.path.removesuffix(below).removesuffix(".")


def mark(node: Node, use: Use) -> None:
    """Give the same use to every unread leaf below a node."""
    for leaf in leaves(node):
        if leaf.use is Use.UNREAD:
            leaf.use = use


def plain(node: Node) -> object:
    """The plain value of a node again."""
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, dict):
        return {key: plain(inner) for key, inner in node.items()}
    return [plain(inner) for inner in node]


def _join(path: str, key: str) -> str:
    if key.replace("_", "a").isalnum():
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'
