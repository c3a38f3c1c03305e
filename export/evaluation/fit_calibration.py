"""`make calibrate`: the confidence of the committed adapter, from its out-of-fold answers.

In: the committed predictions of the folds. Out: `export/artefacts/adapter/calibration.json`, which
`make export-model` reads. The answers are those of a served version: they include retrieval, from
which the family's own rows are hidden as from the training.
"""

import json

import numpy as np

from export.data.folds import family_of
from export.data.items import build_items
from export.evaluation.comparison import (
    ALONE,
    GATE,
    curve_helps,
    load_parts,
    read_guesses,
    with_neighbours,
)
from export.measures import metrics
from export.measures.calibration import fit
from export.publishing.publish import DEFAULT_ADAPTER

_AS_IT_IS = {"kind": "isotonic", "x": [0.0, 1.0], "y": [0.0, 1.0]}


def main() -> None:
    """Write the curve, a straight line if the probability needs no curve."""
    parts = [part for part in load_parts() if part.name != GATE]
    items = {part.name: build_items(part.seen) for part in parts}
    guesses = with_neighbours(parts, items, read_guesses(parts)[ALONE])
    gold = [row.gold for part in parts for row in part.rows]
    exact = metrics.exact_matches(gold, [guess.labels for guess in guesses])
    score = np.array([guess.score for guess in guesses])
    part = [part.name for part in parts for _ in part.rows]
    family = [family_of(row.detector) for part in parts for row in part.rows]
    helps = curve_helps(guesses, exact, part, family)
    curve = fit(score, exact) if helps else _AS_IT_IS
    file = DEFAULT_ADAPTER / "calibration.json"
    file.write_text(json.dumps(curve | {"rows": len(exact)}, indent=1) + "\n", "utf-8")
    found = f"{len(curve['x'])} points" if helps else "the probability as it is"
    print(f"{file.name}: {found}, from {len(exact)} rows, {exact.mean():.1%} exact")


if __name__ == "__main__":
    main()
