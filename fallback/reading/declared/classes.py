"""Exclusive classes: of several that share one whole, the highest counts.

In: an extraction, and the nodes or entries that it selects. Out: the entries of one text together,
and the score from which a class of them counts.
"""

from collections.abc import Iterator, Sequence

from fallback.reading.declared.entries import Entry, found
from fallback.reading.formats import Extraction
from fallback.reading.tree import Node

#: The largest sum of the scores of exclusive classes: 1, with rounding.
WHOLE = 1.05


def together(extraction: Extraction, selected: Sequence[Node]) -> Iterator[Node]:
    """The selected nodes; for exclusive classes, one list of classes per text."""
    if not extraction.exclusive:
        yield from selected
        return
    loose: list[Node] = []
    for node in selected:
        if isinstance(node, list) and any(isinstance(inner, list) for inner in node):
            yield from together(extraction, node)
        elif isinstance(node, list):
            yield node
        else:
            loose.append(node)
    if loose:
        yield loose


def highest(extraction: Extraction, read: Sequence[Entry]) -> float | None:
    """The highest score of exclusive classes, which is then the threshold.

    None unless the entries have two names or more and their scores can be shares of one whole: the
    top classes of several texts sum up to more, and each is judged separately.
    """
    if not extraction.exclusive or len({name for entry in read for name in entry.names}) < 2:
        return None
    scores = [leaf.value for entry in read for leaf in found(extraction.score, entry.node)]
    shares = [x for x in scores if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(shares) < len(read) or not all(0 <= x <= 1 for x in shares) or sum(shares) > WHOLE:
        return None
    return max(shares)
