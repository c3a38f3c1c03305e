"""Measures the effect of a detector's kind on a published version's answers.

In: a version's engine, words with another meaning in each kind (`data/kinds.yaml`), and the gate's
rows. Out: the share of exact answers, overall and among the confident ones, by form of query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from engine.mapper import MapperEngine
from export.data.rows import DATA, NEUTRAL, Row
from export.measures import metrics
from fallback.rules.kinds import kind_of_name
from fallback.rules.lookup import load_rules
from schemas.candidate import Query
from schemas.contract import Kind
from schemas.taxonomy import load_taxonomy

FILE = DATA / "kinds.yaml"
_BATCH = 16

Asked = tuple[Query, Sequence[str]]
"""A query and its gold label set."""


@dataclass(frozen=True, slots=True)
class WithKind:
    """Answers to rows with one form of query: the exact share, overall and of the sure ones."""

    about: str
    way: str
    rows: int
    exact: float
    sure: metrics.Selective


def load_kinds(file: Path = FILE) -> list[tuple[Kind, str, str]]:
    """Kind, word and label. Raises ValueError for a kind, a label or a spelling that is wrong."""
    raw: Mapping[str, Mapping[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    taxonomy = load_taxonomy()
    found = [(Kind(k), word, label) for k, words in raw.items() for word, label in words.items()]
    for kind, word, label in found:
        if label not in taxonomy or word != word.strip().casefold():
            raise ValueError(f"{file.name}: {kind}: {word!r}: {label!r}")
    return found


def ask_with_kinds(engine: MapperEngine, gate: Sequence[Row]) -> list[WithKind]:
    """The words of the file, by kind and together, and the gate's rows of detectors whose kind is
    known, under a neutral name without and with the kind, and under their own name."""
    words = load_kinds()
    found: list[WithKind] = []
    for about in (*dict.fromkeys(kind for kind, _, _ in words), None):
        mine = [(kind, word, (label,)) for kind, word, label in words if about in (kind, None)]
        name = about or "words of all kinds"
        found += [
            _asked(engine, name, "no kind", [(Query(NEUTRAL, w), gold) for _, w, gold in mine]),
            _asked(
                engine,
                name,
                "kind declared",
                [(Query(NEUTRAL, word, kind=kind), gold) for kind, word, gold in mine],
            ),
        ]
    kinds = {row.detector: load_rules().kind(row.detector) for row in gate}
    rows = [row for row in gate if kinds[row.detector]]
    ways: dict[str, list[Query]] = {
        "no kind": [Query(NEUTRAL, r.output) for r in rows],
        "kind declared": [Query(NEUTRAL, r.output, kind=kinds[r.detector]) for r in rows],
        "own name": [Query(r.detector, r.output, kind=kind_of_name(r.detector)) for r in rows],
    }
    for way, queries in ways.items():
        asked = list(zip(queries, (row.gold for row in rows), strict=True))
        found.append(_asked(engine, "gate", way, asked))
    return found


def _asked(engine: MapperEngine, about: str, way: str, asked: Sequence[Asked]) -> WithKind:
    answers = [
        answer
        for start in range(0, len(asked), _BATCH)
        for answer in engine.answer([query for query, _ in asked[start : start + _BATCH]])
    ]
    exact = metrics.exact_matches([gold for _, gold in asked], [a.labels for a in answers])
    confidence = np.array([answer.confidence for answer in answers])
    sure = metrics.selective(exact, confidence, metrics.CONFIDENT)
    return WithKind(about, way, len(asked), float(exact.mean()), sure)
