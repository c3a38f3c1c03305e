"""Necessary conditions for an expression to be true of a node, from the expression alone.

In: the syntax tree of a JMESPath expression. Out: keys, or None if unknown. With them, a hundred
formats are tried on a node by a look at its keys.
"""

from typing import Any

from fallback.reading.paths.keys import spellings


def needed(tree: dict[str, Any]) -> frozenset[str] | None:
    """Keys; an object has at least one of them if the expression is true of it. None if unknown."""
    kind, children = tree["type"], tree["children"]
    if kind == "field":
        return frozenset(spellings(tree["value"]))
    if kind in ("subexpression", "index_expression", "pipe", "projection", "value_projection",
                "filter_projection", "flatten"):  # fmt: skip
        return needed(children[0])
    if kind == "or_expression":
        return _any([needed(child) for child in children])
    if kind == "and_expression":
        known = [keys for child in children if (keys := needed(child)) is not None]
        return min(known, key=len, default=None)
    if kind == "comparator":
        return _compared(tree)
    if kind == "function_expression" and tree["value"] == "not_null":
        return _any([needed(child) for child in children])
    return None


def _any(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if len(known) == len(parts) else None


def _compared(tree: dict[str, Any]) -> frozenset[str] | None:
    """A missing value compares as false to a literal, unless the literal is null or unlike it."""
    one, two = tree["children"]
    if two["type"] != "literal":
        return None
    literal, sign = two["value"], tree["value"]
    if one["type"] == "function_expression" and one["value"] == "type":
        return needed(one["children"][0]) if sign == "eq" and literal != "null" else None
    false = (literal is not None) if sign == "eq" else (literal is None) if sign == "ne" else True
    return needed(one) if false else None


def only_lists(tree: dict[str, Any]) -> bool:
    """Whether the expression is only true of lists: it tests the type first."""
    if tree["type"] == "and_expression":
        return any(only_lists(child) for child in tree["children"])
    if tree["type"] != "comparator" or tree["value"] != "eq":
        return False
    one, two = tree["children"]
    asks = one["type"] == "function_expression" and one["value"] == "type"
    return bool(asks and one["children"][0]["type"] == "current" and two.get("value") == "array")
