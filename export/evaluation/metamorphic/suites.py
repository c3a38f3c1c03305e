"""The suites by their letters in the page: the target of each and the floor of its test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from export.evaluation.metamorphic import attacks, cuts, names, values, vendors, words, writings
from export.evaluation.metamorphic.suite import Sample, Variant


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite.

    least: the target for the share that holds, 0..1. every: the test reads one of so many.
    floor: the share that the reader reaches now, 0..1; the test fails below it.
    cleared: harmful variants of the sample that are still read as harmless; target 0.
    """

    title: str
    variants: Callable[[Sample], Iterator[Variant]]
    least: float
    every: int
    floor: float
    cleared: int = 0


SUITES: dict[str, Suite] = {
    "a": Suite(
        "Another notation, or inside an envelope: same signals",
        writings.variants,
        0.995,
        24,
        0.995,
    ),
    "b": Suite("A flag, grade or score moved over its threshold", values.variants, 0.99, 2, 0.99),
    "c": Suite("A name swapped for another of the vocabulary", names.swapped, 0.99, 2, 0.99),
    "d": Suite("Ids, times, usage, versions, timings added", names.added, 0.99, 8, 0.999),
    "e": Suite("Cut off anywhere: not taken for harmless", cuts.variants, 1.0, 30, 1.0),
    "f1": Suite(
        "An attack in a quoted field: names stay", attacks.in_quoted_fields, 0.99, 100, 0.99
    ),
    "f2": Suite(
        "An attack quoted in a sentence: labels stay", attacks.in_sentences, 0.95, 32, 0.99
    ),
    "g": Suite(
        "Every word of the vocabularies, decorated: same labels", words.variants, 0.99, 60, 0.99
    ),
    "h": Suite("Unknown vendors: every flagged label, none other", vendors.variants, 0.99, 8, 0.99),
}
