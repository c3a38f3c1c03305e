"""The suites by their letters in issue and page, with what each must reach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from export.evaluation.metamorphic import attacks, cuts, names, values, vendors, words, writings
from export.evaluation.metamorphic.suite import Sample, Variant


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite. least: the share that must hold, 0..1. every: the test reads one of so many."""

    title: str
    variants: Callable[[Sample], Iterator[Variant]]
    least: float
    every: int


SUITES: dict[str, Suite] = {
    "a": Suite(
        "Another notation, or inside an envelope: same signals", writings.variants, 0.995, 24
    ),
    "b": Suite("A flag, grade or score moved over its threshold", values.variants, 0.99, 2),
    "c": Suite("A name swapped for another of the vocabulary", names.swapped, 0.99, 2),
    "d": Suite("Ids, times, usage, versions, timings added", names.added, 0.99, 8),
    "e": Suite("Cut off anywhere: not taken for harmless", cuts.variants, 1.0, 30),
    "f1": Suite("An attack in a quoted field: names stay", attacks.in_quoted_fields, 0.99, 100),
    "f2": Suite("An attack quoted in a sentence: labels stay", attacks.in_sentences, 0.95, 32),
    "g": Suite("Every word of the vocabularies, decorated: same labels", words.variants, 0.99, 60),
    "h": Suite("Unknown vendors: every flagged label, none other", vendors.variants, 0.99, 8),
}
