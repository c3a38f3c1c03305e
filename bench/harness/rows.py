"""Rows of JSON Lines for measurements of tables.

In: numbers of rows and of different outputs. Out: a file. The outputs are phrases that no
vocabulary has, so that a model would need a pass for each different one. Independent of the
service's packages, so that measurements in other environments can import it.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

DETECTOR = "a-guard"
_WORDS = (
    *("angry", "quiet", "hidden", "violent", "private", "stolen", "leaked", "mild", "foreign"),
    *("threat", "insult", "address", "passport", "password", "weapon", "rumour", "payment"),
    *("toward", "about", "without", "against", "inside", "after", "a", "their", "our", "any"),
)


def make_rows(file: Path, rows: int, distinct: int, seed: int, extra_bytes: int = 0) -> None:
    """Write JSON Lines: each of the different outputs at least once, then any of them again.
    extra_bytes: of a row besides."""
    extra = f', "text": "{"x" * extra_bytes}"' if extra_bytes else ""
    with file.open("w") as lines:
        for index, output in enumerate(outputs(rows, distinct, seed)):
            text = json.dumps(output)
            lines.write(f'{{"id": {index}, "detector": "{DETECTOR}", "output": {text}{extra}}}\n')


def outputs(rows: int, distinct: int, seed: int) -> Iterator[str]:
    """The output of each row."""
    chance = random.Random(seed)
    phrases = set[str]()
    while len(phrases) < distinct:
        phrases.add(" ".join(chance.choices(_WORDS, k=5)))
    known = sorted(phrases)
    yield from known
    for _ in range(rows - distinct):
        yield chance.choice(known)
