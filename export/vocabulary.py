"""The curated vocabulary as export reads it: what detectors say, and what that means.

In: `data/vocabulary.jsonl`. Out: rows, or a seeded sample. Knows nothing of models.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError

DEFAULT_PATH = Path(__file__).with_name("data") / "vocabulary.jsonl"

NEUTRAL_DETECTOR = "custom-guard"
"""Who is said to speak when a detector's name shall give nothing away."""


@dataclass(frozen=True, slots=True)
class Row:
    """One curated output and its labels."""

    output: str
    gold: frozenset[str]


def sample(count: int, path: Path = DEFAULT_PATH, seed: int = 0) -> list[Row]:
    """`count` rows drawn without repetition (all, when there are fewer), the same every time.

    Raises ConfigError naming the file and line.
    """
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            rows.append(Row(entry["output"], frozenset(entry["gold"])))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(path, f"line {number}", f"not a labelled row ({error})") from error
    return random.Random(seed).sample(rows, min(count, len(rows)))
