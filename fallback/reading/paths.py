"""JMESPath expressions that run on nodes, so that an extraction gives leaves with their places.

In: an expression, compiled once, and a node. Out: nodes. Never raises on any node; one pass of the
expression over the node, so its work grows with the node's size.
"""

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from fallback.reading.tree import Leaf, Node, Scalar

#: Functions that compute with plain values; the others pass nodes through.
_ON_VALUES = frozenset(
    {
        "abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "length", "max", "min",
        "not_null", "sort", "starts_with", "sum", "to_number", "to_string", "type",
    }
)  # fmt: skip


def _value(result: Any) -> Any:
    return result.value if isinstance(result, Leaf) else result


class _Functions(Functions):  # type: ignore[misc]
    """The standard functions; a leaf counts as its value."""

    def call_function(self, function_name: str, resolved_args: list[Any]) -> Any:
        if function_name == "not_null":
            return next((x for x in resolved_args if _value(x) is not None), None)
        if function_name in _ON_VALUES:
            resolved_args = [
                [_value(x) for x in arg] if isinstance(arg, list) else _value(arg)
                for arg in resolved_args
            ]
        return super().call_function(function_name, resolved_args)


class _Interpreter(TreeInterpreter):  # type: ignore[misc]
    """The standard interpreter; a leaf is true, equal and less as its value is."""

    def visit_comparator(self, node: Any, value: Any) -> Any:
        first, second = (_value(self.visit(child, value)) for child in node["children"])
        literal = {"type": "literal", "children": []}
        pair = [literal | {"value": first}, literal | {"value": second}]
        return super().visit_comparator(node | {"children": pair}, value)

    def visit_not_expression(self, node: Any, value: Any) -> bool:
        return self._is_false(self.visit(node["children"][0], value))

    def _is_false(self, value: Any) -> bool:
        value = _value(value)
        return (
            value is None or value is False or (isinstance(value, str | list | dict) and not value)
        )


class Path:
    """One compiled expression.

    Raises ValueError, with the place in the expression, when the text is no JMESPath.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._parsed = jmespath.compile(text).parsed
        except JMESPathError as error:
            raise ValueError(f"is no JMESPath: {' '.join(str(error).split())}") from error
        #: The key that the node must have, unless the expression begins otherwise.
        self.root = _root(self._parsed)
        #: Whether the result is a list that the expression builds, empty where nothing fits.
        self.projects = any(sign in text for sign in ("[]", "*", "[?", "[:", ":]"))

    def find(self, node: Node) -> Node | None:
        """What the expression selects; None when it leads nowhere or cannot be computed."""
        if self.root is not None and (not isinstance(node, dict) or self.root not in node):
            return None
        try:
            result = _Interpreter(Options(custom_functions=_Functions())).visit(self._parsed, node)
        except (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError):
            return None
        return _node(result)

    def all(self, node: Node) -> list[Node]:
        """The selected nodes one by one: a built list is taken apart, nothing gives none."""
        found = self.find(node)
        if found is None:
            return []
        if isinstance(found, list) and (self.projects or self.text.startswith("[")):
            return [inner for inner in found if inner is not None]
        return [found]

    def true(self, node: Node) -> bool:
        """Whether the expression selects something that is not false, null or empty."""
        found = self.find(node)
        value = _value(found)
        return not (value is None or value is False or value in ("", [], {}))

    def there(self, node: Node) -> bool:
        """Whether the expression leads to a value, be it false, null or empty."""
        found = self.find(node)
        return found is not None and not (self.projects and found == [])


def _root(parsed: Any) -> str | None:
    """The key that an expression takes first, where it takes one and nothing else."""
    while parsed["type"] in ("subexpression", "index_expression", "projection", "flatten",
                             "filter_projection", "value_projection"):  # fmt: skip
        parsed = parsed["children"][0]
    return str(parsed["value"]) if parsed["type"] == "field" else None


def _node(result: Any) -> Node | None:
    """A result as a node: values that an expression computed become leaves without a place."""
    if result is None or isinstance(result, Leaf):
        return result
    if isinstance(result, dict):
        built = {key: _node(x) for key, x in result.items() if x is None or isinstance(x, Scalar)}
        return result if not built else {k: x for k, x in (result | built).items() if x is not None}
    if isinstance(result, list):
        return [node for x in result if (node := _node(x)) is not None]
    return Leaf(result, "") if isinstance(result, Scalar) else None
