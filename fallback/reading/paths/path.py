"""JMESPath expressions on nodes, so that an extraction gives leaves with their paths.

In: an expression, compiled once, and a node. Out: nodes. Never raises on any node; one pass of the
expression over the node, so its work grows with the node's size.
"""

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from fallback.reading.paths.build import build, is_false
from fallback.reading.paths.needs import needed, only_lists
from fallback.reading.tree import Leaf, Node, Scalar


class Path:
    """One compiled expression.

    Raises ValueError, with the place in the expression, if the text is not JMESPath.
    needs: keys; an object has at least one of them if the expression is true of it. None if
    unknown. lists: whether the expression is only true of lists.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            tree = jmespath.compile(text).parsed
        except JMESPathError as error:
            raise ValueError(f"is not JMESPath: {' '.join(str(error).split())}") from error
        self._run = build(tree)
        self.needs = needed(tree)
        self.lists = only_lists(tree)
        #: Whether the result is a list that the expression builds, empty if nothing fits.
        self.projects = any(sign in text for sign in ("[]", "*", "[?", "[:", ":]"))

    def may_hold(self, node: Node) -> bool:
        """Whether the expression can be true of the node, from its kind and its keys alone."""
        if isinstance(node, list):
            return self.needs is None
        if not isinstance(node, dict) or self.needs is None:
            return not self.lists
        return any(key in node for key in self.needs)

    def find(self, node: Node) -> Node | None:
        """The selection of the expression; None if it is empty or cannot be computed."""
        return _node(self._run(node))

    def all(self, node: Node) -> list[Node]:
        """The selected nodes one by one; the entries of a built list; none without a selection."""
        found = self.find(node)
        if found is None:
            return []
        if isinstance(found, list) and (self.projects or self.text.startswith("[")):
            return found
        return [found]

    def true(self, node: Node) -> bool:
        """Whether the expression selects a value other than false, null and empty ones."""
        return not is_false(self._run(node))

    def there(self, node: Node) -> bool:
        """Whether the expression leads to a value, also a false, null or empty one."""
        found = self._run(node)
        return found is not None and not (self.projects and found == [])


def _node(result: Any) -> Node | None:
    """A result as a node: computed values become leaves without a path."""
    if result is None or isinstance(result, Leaf):
        return result
    if isinstance(result, dict):
        built = {key: _node(x) for key, x in result.items() if x is None or isinstance(x, Scalar)}
        return result if not built else {k: x for k, x in (result | built).items() if x is not None}
    if isinstance(result, list):
        return [node for x in result if (node := _node(x)) is not None]
    return Leaf(result, "") if isinstance(result, Scalar) else None
