"""Runs parsed JMESPath expressions on nodes, compiled to closures.

In: the syntax tree of an expression, from the `jmespath` library. Out: a function of a node. The
library's own interpreter treats leaves as objects, ends at the first value of another type, and
walks the syntax tree again for every node. A key also matches its other spelling, `match_state` for
`matchState`. All other results equal the library's (tested against it).
"""

from collections.abc import Callable
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from fallback.reading.paths.keys import spellings
from fallback.reading.tree import Leaf, plain

Run = Callable[[Any], Any]
_ERRORS = (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError, KeyError)
_FUNCTIONS = Functions()
#: Functions that compute with plain values; the others pass nodes through.
_ON_VALUES = frozenset(
    {
        "abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "length", "max", "min",
        "sort", "starts_with", "sum", "to_number", "type",
    }
)  # fmt: skip


def build(tree: dict[str, Any]) -> Run:
    """The function of a syntax tree; KeyError for an unknown kind of syntax node."""
    return _BUILDERS[tree["type"]](tree)


def value_of(result: Any) -> Any:
    """The plain value of a leaf; any other result unchanged."""
    return result.value if isinstance(result, Leaf) else result


def is_false(result: Any) -> bool:
    """Whether a value is null, false or empty; 0 is true."""
    value = value_of(result)
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _children(tree: dict[str, Any]) -> list[Run]:
    return [build(child) for child in tree["children"]]


def _field(tree: dict[str, Any]) -> Run:
    """The value of a key. Nodes are plain dicts; this is the most frequent step."""
    key, *others = spellings(tree["value"])
    if not others:
        return lambda node: node.get(key) if type(node) is dict else None
    (other,) = others

    def run(node: Any) -> Any:
        if type(node) is not dict:
            return None
        return node.get(other) if (found := node.get(key)) is None else found

    return run


def _chain(tree: dict[str, Any]) -> Run:
    steps = _children(tree)
    if len(steps) == 2:
        first, second = steps
        return lambda node: second(first(node))

    def run(node: Any) -> Any:
        for step in steps:
            node = step(node)
        return node

    return run


def _same(tree: dict[str, Any]) -> Run:
    return lambda node: node


def _literal(tree: dict[str, Any]) -> Run:
    value = tree["value"]
    return lambda node: value


def _index(tree: dict[str, Any]) -> Run:
    index = tree["value"]

    def run(node: Any) -> Any:
        fits = isinstance(node, list) and -len(node) <= index < len(node)
        return node[index] if fits else None

    return run


def _slice(tree: dict[str, Any]) -> Run:
    part = slice(*tree["children"])
    return lambda node: node[part] if isinstance(node, list) else None


def _collected(entries: Any, then: Run) -> list[Any]:
    return [found for entry in entries if (found := then(entry)) is not None]


def _projection(tree: dict[str, Any]) -> Run:
    base, then = _children(tree)

    def run(node: Any) -> Any:
        entries = base(node)
        return _collected(entries, then) if isinstance(entries, list) else None

    return run


def _value_projection(tree: dict[str, Any]) -> Run:
    base, then = _children(tree)

    def run(node: Any) -> Any:
        entries = base(node)
        return _collected(entries.values(), then) if isinstance(entries, dict) else None

    return run


def _filter_projection(tree: dict[str, Any]) -> Run:
    base, then, condition = _children(tree)

    def run(node: Any) -> Any:
        entries = base(node)
        if not isinstance(entries, list):
            return None
        return _collected((x for x in entries if not is_false(condition(x))), then)

    return run


def _flatten(tree: dict[str, Any]) -> Run:
    (base,) = _children(tree)

    def run(node: Any) -> Any:
        entries = base(node)
        if not isinstance(entries, list):
            return None
        flat: list[Any] = []
        for entry in entries:
            if isinstance(entry, list):
                flat.extend(entry)
            else:
                flat.append(entry)
        return flat

    return run


def _comparator(tree: dict[str, Any]) -> Run:
    one, two = _children(tree)
    sign = tree["value"]
    if sign in ("eq", "ne"):
        return lambda node: _equal(value_of(one(node)), value_of(two(node))) is (sign == "eq")
    compare: Callable[[Any, Any], bool] = {
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
    }[sign]

    def run(node: Any) -> bool | None:
        first, second = value_of(one(node)), value_of(two(node))
        numbers = _is_number(first) and _is_number(second)
        texts = isinstance(first, str) and isinstance(second, str)
        return compare(first, second) if numbers or texts else None

    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, bool) is not isinstance(two, bool):
        return False
    return bool(one == two)


def _or(tree: dict[str, Any]) -> Run:
    one, two = _children(tree)
    return lambda node: two(node) if is_false(found := one(node)) else found


def _and(tree: dict[str, Any]) -> Run:
    one, two = _children(tree)
    return lambda node: found if is_false(found := one(node)) else two(node)


def _not(tree: dict[str, Any]) -> Run:
    (inner,) = _children(tree)
    return lambda node: is_false(inner(node))


def _list(tree: dict[str, Any]) -> Run:
    parts = _children(tree)
    return lambda node: None if value_of(node) is None else [part(node) for part in parts]


def _dict(tree: dict[str, Any]) -> Run:
    parts = [(pair["value"], build(pair["children"][0])) for pair in tree["children"]]
    return lambda node: None if value_of(node) is None else {key: part(node) for key, part in parts}


class _Expression:
    """An expression as an argument of the library's functions, which require this name."""

    def __init__(self, run: Run) -> None:
        self.expression = None
        self._run = run

    def visit(self, _: None, node: Any) -> Any:
        return value_of(self._run(node))


def _reference(tree: dict[str, Any]) -> Run:
    (inner,) = _children(tree)
    expression = _Expression(inner)
    return lambda node: expression


def _function(tree: dict[str, Any]) -> Run:
    name = tree["value"]
    arguments = _children(tree)

    def run(node: Any) -> Any:
        given = [argument(node) for argument in arguments]
        if name == "not_null":
            return next((x for x in given if value_of(x) is not None), None)
        if name == "to_string":
            given = [plain(x) if isinstance(x, Leaf | dict | list) else x for x in given]
        elif name in _ON_VALUES:
            given = [
                [value_of(y) for y in x] if isinstance(x, list) else value_of(x) for x in given
            ]
        if name != "to_array":
            given = [value_of(x) for x in given]
        try:
            return _FUNCTIONS.call_function(name, given)
        except _ERRORS:
            return None

    return run


_BUILDERS: dict[str, Callable[[dict[str, Any]], Run]] = {
    "field": _field,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "current": _same,
    "identity": _same,
    "literal": _literal,
    "index": _index,
    "slice": _slice,
    "projection": _projection,
    "value_projection": _value_projection,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "comparator": _comparator,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "multi_select_list": _list,
    "multi_select_dict": _dict,
    "expref": _reference,
    "function_expression": _function,
}
