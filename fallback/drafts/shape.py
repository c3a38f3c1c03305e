"""The common structure of a detector's outputs: keys, and kinds of values.

In: parsed outputs. Out: one `Shape`, which merges the outputs. Linear in their values.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fallback.reading.generic.roles import Key, Kind, key_form, key_role

#: The most different texts that are kept of one place.
_VALUES = 1000
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS: dict[type, Kind] = {
    bool: Kind.BOOL,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    str: Kind.TEXT,
    list: Kind.LIST,
    dict: Kind.DICT,
}


@dataclass(slots=True)
class Shape:
    """One place of the outputs.

    count: of its values; kinds: of its values, without null. keys: of its objects; items: of its
    lists, merged. texts: with their counts; share: whether all its numbers are 0 to 1.
    """

    count: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    keys: "dict[str, Shape]" = field(default_factory=dict)
    items: "Shape | None" = None
    texts: Counter[str] = field(default_factory=Counter)
    share: bool = True

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Shape":
        """The shape of values from the same place."""
        shape = cls()
        for value in values:
            shape.add(value)
        return shape

    def add(self, value: Any) -> None:
        """Merge one more value."""
        self.count += 1
        kind = _KINDS.get(type(value))
        if kind is None:
            return
        self.kinds[kind] += 1
        if kind is Kind.DICT:
            for key, inner in value.items():
                self.keys.setdefault(key, Shape()).add(inner)
        elif kind is Kind.LIST:
            self.items = self.items or Shape()
            for inner in value:
                self.items.add(inner)
        elif kind is Kind.TEXT and (value in self.texts or len(self.texts) < _VALUES):
            self.texts[value] += 1
        elif kind is Kind.NUMBER:
            self.share = self.share and 0 <= value <= 1

    @property
    def kind(self) -> Kind | None:
        """The kind of all values there; None for several kinds, and if all are null."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    def roles(self) -> "Iterator[tuple[str, Shape, Key]]":
        """The keys of the objects there, each with its place and its role."""
        for key, inner in self.keys.items():
            kind = inner.kind or (Kind.NULL if not inner.kinds else Kind.DICT)
            yield key, inner, key_role(key_form(key), kind)


def below(path: str, key: str) -> str:
    """The JMESPath of a key below a path; `@` is the value itself."""
    step = key if _IDENTIFIER.fullmatch(key) else f'"{_escaped(key)}"'
    return step if path == "@" else f"{path}.{step}"


def each_of(path: str) -> str:
    """The JMESPath of the items of a list."""
    return "[]" if path == "@" else f"{path}[]"


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')
