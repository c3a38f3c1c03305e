"""Predictions of a label model for rows that it was not trained on.

In: a `LabelModel`, its answers, rows. Out: `Prediction`s with the three likeliest answers, a file
of them, a short report. Detectors are sent under a neutral name.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from export.data.folds import family_of
from export.data.rows import NEUTRAL, Answer, Row
from export.training.model import LabelModel

_BATCH = 64
_TOP = 3


@dataclass(frozen=True, slots=True)
class Prediction:
    """A row and the likeliest answers with their probabilities, best first."""

    row: Row
    top: tuple[tuple[Answer, float], ...]

    @property
    def right(self) -> bool:
        """Whether the likeliest answer is the whole gold set."""
        return set(self.top[0][0]) == set(self.row.gold)


@torch.inference_mode()  # type: ignore[untyped-decorator]  # torch is not where mypy runs
def predict(model: LabelModel, answers: Sequence[Answer], rows: Sequence[Row]) -> list[Prediction]:
    """Predictions in the order of `rows`."""
    model.eval()
    suffixes = [model.encoder.suffix_ids(NEUTRAL, row.output) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(suffixes[i]))
    found: dict[int, Prediction] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        likely = model([suffixes[i] for i in part]).softmax(-1).topk(_TOP)
        for i, ps, ids in zip(part, likely.values.tolist(), likely.indices.tolist(), strict=True):
            top = tuple((answers[j], round(p, 5)) for j, p in zip(ids, ps, strict=True))
            found[i] = Prediction(rows[i], top)
    return [found[i] for i in range(len(rows))]


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """One JSON object per line: detector, output, gold, top (labels, probability)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps(
            {
                "detector": p.row.detector,
                "output": p.row.output,
                "gold": list(p.row.gold),
                "top": [[list(answer), probability] for answer, probability in p.top],
            },
            ensure_ascii=False,
        )
        for p in predictions
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report(predictions: Sequence[Prediction], seen: Collection[str]) -> str:
    """Exact match over all rows, by family, and by whether the string was trained on.

    `seen`: case-folded strings of the training families.
    """
    by_family: defaultdict[str, list[Prediction]] = defaultdict(list)
    for p in predictions:
        by_family[family_of(p.row.detector)].append(p)
    ranked = sorted(predictions, key=lambda p: -p.top[0][1])
    sure = [p for p in predictions if p.top[0][1] >= 0.6]
    new = [p for p in predictions if p.row.output.casefold() not in seen]
    old = [p for p in predictions if p.row.output.casefold() in seen]
    lines = [
        f"all                 {_share(predictions)}",
        f"string seen         {_share(old)}",
        f"string not seen     {_share(new)}",
        f"probability >= 0.6  {_share(sure)} at coverage {len(sure) / len(predictions):.1%}",
        f"at 80 % coverage    {_share(ranked[: len(ranked) * 8 // 10])}",
        f"macro over families {sum(_rate(g) for g in by_family.values()) / len(by_family):.1%}",
        *(f"  {family:18}{_share(group)}" for family, group in sorted(by_family.items())),
        "misses:",
        *(
            f"  {p.row.detector} | {p.row.output[:70]!r} | {'+'.join(p.row.gold)}"
            f" | {'+'.join(p.top[0][0])} {p.top[0][1]:.2f}"
            for p in predictions
            if not p.right
        ),
    ]
    return "\n".join(lines) + "\n"


def _rate(group: Sequence[Prediction]) -> float:
    return sum(p.right for p in group) / len(group) if group else 0.0


def _share(group: Sequence[Prediction]) -> str:
    return f"{_rate(group):6.1%} of {len(group)}"
