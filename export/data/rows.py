"""The curated pairs: known outputs of detectors with their label sets.

In: `vocabulary.jsonl`. Out: `Row`s with their gold label sets in canonical order.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.taxonomy import load_taxonomy

DATA = Path(__file__).parent
NEUTRAL = "custom-guard"

Answer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled pair: a detector, a raw output, and its answer. line: in its file, from 1; 0
    without a file."""

    detector: str
    output: str
    gold: Answer
    line: int = field(default=0, compare=False)


def load_rows(path: Path = DATA / "vocabulary.jsonl") -> tuple[Row, ...]:
    """The curated pairs, in file order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    raw = (json.loads(line) for line in lines)
    return tuple(Row(r["detector"], r["output"], canonical(r["gold"])) for r in raw)


def canonical(labels: Iterable[str]) -> Answer:
    """A label set as one answer: unique, in the taxonomy's order of specificity."""
    return load_taxonomy().combine(labels)
