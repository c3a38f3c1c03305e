"""Labelled data as the contract writes it, JSON Lines: `{"detector", "output", "gold"}`.

In: a file. Out: its rows, or every problem with its line and key. Further keys are allowed and
ignored. Independent of the use of the rows.
"""

import json
from dataclasses import replace
from pathlib import Path

from export.data.rows import Row
from schemas.taxonomy import load_taxonomy

_SHOWN = 20


class DataError(ValueError):
    """A data file is missing or wrong; the message has file, line, key and remedy."""


def read_labelled(path: Path) -> list[Row]:
    """All rows in file order, gold labels as written. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # U+2028 may be inside a line
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found = _read(line)
            if isinstance(found, Row):
                rows.append(replace(found, line=number))
            else:
                problems += [f"{path}:{number}: {problem}" for problem in found]
    if not (rows or problems):
        raise DataError(f'{path}: is empty; write {{"detector", "output", "gold"}} a line')
    if problems:
        more = len(problems) - _SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        raise DataError("\n".join([*problems[:_SHOWN], *rest]))
    return rows


def _read(line: str) -> Row | list[str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return [f"(line): not JSON: {error}"]
    if not isinstance(value, dict):
        return [f"(line): a JSON {_kind(value)} instead of an object"]
    detector, output, gold = (value.get(key) for key in ("detector", "output", "gold"))
    problems = []
    for key in ("detector", "output", "gold"):
        if key not in value:
            problems.append(f"{key}: is missing")
    if "detector" in value and not (isinstance(detector, str) and detector.strip()):
        problems.append(f"detector: {detector!r} is not a name; write text that is not blank")
    if "output" in value and not isinstance(output, str):
        problems.append(f"output: is a JSON {_kind(output)}; write a raw output as text")
    if "gold" in value:
        problems += _gold_problems(gold)
    if problems:
        return problems
    assert isinstance(detector, str)
    assert isinstance(output, str)
    assert isinstance(gold, list)
    return Row(detector, output, tuple(gold))


def _gold_problems(gold: object) -> list[str]:
    if not isinstance(gold, list) or not gold:
        return ["gold: must be a list of at least one label"]
    taxonomy = load_taxonomy()
    return [
        f"gold[{i}]: {label!r} is not a label of taxonomy {taxonomy.version}"
        for i, label in enumerate(gold)
        if not isinstance(label, str) or label not in taxonomy
    ]


def _kind(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
