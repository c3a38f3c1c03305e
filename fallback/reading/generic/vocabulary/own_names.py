"""Names of a detector's own vocabulary: numbers, and words that are not names elsewhere.

In: an object and its record. Out: the record with the names. `{"label": 600}` is a name if the
detector's vocabulary has `600`; for other detectors it is bookkeeping.
"""

from fallback.reading.generic.record import Record
from fallback.reading.generic.roles import key_form
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.tree import Leaf, Node, Use

#: Keys that always have a class.
_CLASSES = frozenset({"label", "category", "class"})


def take(record: Record, node: dict[str, Node], names: Names) -> None:
    """Add the own words under a key of a class that were read as bookkeeping."""
    for key, inner in node.items():
        if not isinstance(inner, Leaf) or inner.use is not Use.BOOKKEEPING:
            continue
        if isinstance(inner.value, bool | None) or (form := key_form(key)) not in _CLASSES:
            continue
        if names.own(text := str(inner.value)) and not names.clean(text):
            record.names.append((form, inner))
