"""An operator's labelled rows as training rows: `make train DATA=`.

In: a labelled file (`labelled.py`). Out: rows of signals, as the model sees them. An output with
one signal gives a row; one with several signals, or none, gives no row, since its gold does not
assign the labels to the signals. Independent of training.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from export.data.folds import family_of, load_folds
from export.data.items import catalogue
from export.data.labelled import DataError, read_labelled
from export.data.rows import NEUTRAL, Row, canonical, load_rows
from fallback.reading.reader import Reader
from fallback.rules.lookup import RuleMapper
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise


def own_rows(path: Path) -> list[Row]:
    """Rows of one signal each with canonical gold. Prints to standard error the number of rows
    without one, and of rows from the gate's families.

    Raises DataError with file and line, as `read_labelled` does, and for a row whose gold differs
    from that of the same words of the same detector, in the file or in the curated vocabulary.
    """
    reader = Reader(RuleMapper(catalogue(), load_taxonomy()))
    labelled = read_labelled(path)
    rows: list[Row] = []
    for row in labelled:
        signals = reader.read(row.detector, row.output).signals
        if len(signals) == 1 and not signals[0].verdict:
            rows.append(Row(row.detector, signals[0].name, canonical(row.gold), row.line))
    if problems := _contradictions(path, rows):
        raise DataError("\n".join(problems))
    if not rows:
        raise DataError(f"{path}: no row has exactly one signal; label single findings")
    _say(f"{len(rows)} of {len(labelled)} rows are trained on: they have one signal each")
    gate = load_folds().gate
    if known := sum(family_of(row.detector) in gate for row in rows):
        _say(f"{known} are of gate families: the gate's figures will be too high")
    return rows


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _contradictions(path: Path, rows: Sequence[Row]) -> list[str]:
    told = {
        _key(row): (row.gold, "export/data/vocabulary.jsonl")
        for row in load_rows()
        if row.detector != NEUTRAL
    }
    problems = []
    for row in rows:
        gold, where = told.setdefault(_key(row), (row.gold, f"line {row.line}"))
        if gold != row.gold:
            problems.append(
                f"{path}:{row.line}: gold: {row.output!r} of {row.detector} is"
                f" {'+'.join(gold)} in {where}; keep one of both"
            )
    return problems


def _key(row: Row) -> tuple[str, str]:
    return row.detector, normalise(row.output)
