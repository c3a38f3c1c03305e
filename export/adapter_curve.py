"""`make calibrate`: the confidence of the committed adapter, from its out-of-fold answers.

In: the committed predictions of the folds. Out: `export/adapter/calibration.json`, from where
`make export-model` takes it. The answers are those of a served version: a known phrase has its
say, the family's own rows being hidden from the phrases as from the training.
"""

import json

import numpy as np

from export import metrics
from export.calibrate import fit
from export.comparison import ALONE, GATE, load_parts, read_guesses, with_phrases
from export.dataset import build_items
from export.publish import DEFAULT_ADAPTER


def main() -> None:
    """Write the curve."""
    parts = [part for part in load_parts() if part.name != GATE]
    items = {part.name: build_items(part.seen) for part in parts}
    guesses = with_phrases(parts, items, read_guesses(parts)[ALONE])
    gold = [row.gold for part in parts for row in part.rows]
    exact = metrics.exact_matches(gold, [guess.labels for guess in guesses])
    curve = fit(np.array([guess.score for guess in guesses]), exact)
    file = DEFAULT_ADAPTER / "calibration.json"
    file.write_text(json.dumps(curve | {"rows": len(exact)}, indent=1) + "\n", "utf-8")
    print(f"{file.name}: {len(curve['x'])} points from {len(exact)} rows, {exact.mean():.1%} exact")


if __name__ == "__main__":
    main()
