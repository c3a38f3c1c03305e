"""Names that only their own detector knows: numbers, and words that are no names elsewhere.

In: an object and its record. Out: the record with the names. `{"label": 600}` names what the
detector's vocabulary says of `600`; under a detector that has no such word it is bookkeeping.
"""

from fallback.reading.generic.record import Record
from fallback.reading.generic.roles import key_form
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.tree import Leaf, Node, Use

#: Keys of a class and of nothing else.
_CLASSES = frozenset({"label", "category", "class"})


def take(record: Record, node: dict[str, Node], names: Names) -> None:
    """Add the own words under a key of a class that were taken for bookkeeping."""
    for key, inner in node.items():
        if not isinstance(inner, Leaf) or inner.use is not Use.BOOKKEEPING:
            continue
        if isinstance(inner.value, bool | None) or (form := key_form(key)) not in _CLASSES:
            continue
        if names.own(text := str(inner.value)) and not names.clean(text):
            record.names.append((form, inner))
