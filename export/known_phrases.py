"""The phrases that a version is sure of: what training could read, as it holds for any detector.

In: training items. Out: normal forms and their answers. Nothing of the gate's families is in it,
so the gate measures a published version as it will meet a detector that nobody has curated.
"""

from collections.abc import Iterable

from export.dataset import Answer, Item, build_items
from export.folds import split
from schemas.text import normalise


def phrases_of(items: Iterable[Item]) -> dict[str, Answer]:
    """What holds under one detector's name only, as its codes do, is left out; noise too."""
    return {normalise(item.text): item.answer for item in items if item.detector is None}


def known_phrases() -> dict[str, Answer]:
    """Those of a version that is published."""
    return phrases_of(build_items(split("final")[0]))
