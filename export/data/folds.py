"""The folds of detector families for training: three folds, and the gate, which is always held out.

In: `folds.yaml` and the detectors' `family`. Out: the family of a detector, the fold of a family.
`python -m export.data.folds` assigns the families again, the largest first, to the smallest fold.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from export.data.items import catalogue
from export.data.rows import Row, load_rows

FOLDS = 3
PATH = Path(__file__).with_name("folds.yaml")
_HEADER = (
    "# Detector families. Written by `python -m export.data.folds`; `gate` is chosen by hand.\n"
)


@dataclass(frozen=True, slots=True)
class Folds:
    """`gate`: families never trained on; `folds[k]`: families held out in fold k."""

    gate: frozenset[str]
    folds: tuple[frozenset[str], ...]

    def held_out(self, fold: int | None) -> frozenset[str]:
        """Families that a training must not see: the gate, and fold `fold` (None: the final)."""
        return self.gate if fold is None else self.gate | self.folds[fold]


def load_folds(path: Path = PATH) -> Folds:
    """Read `folds.yaml`. Raises ValueError when a family is named twice."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = [raw["gate"], *raw["folds"]]
    names = Counter(name for group in groups for name in group)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise ValueError(f"{path}: in more than one group: {', '.join(twice)}; keep each once")
    return Folds(frozenset(raw["gate"]), tuple(frozenset(group) for group in raw["folds"]))


@cache
def family_of(detector: str) -> str:
    """The family of a detector by name; a detector without an entry is its own family."""
    found = catalogue().resolve(detector)
    return found.family if found else detector


def gate_rows() -> list[Row]:
    """Curated rows of the gate's families, which no training has seen."""
    return split("final")[1]


def split(fold: str) -> tuple[list[Row], list[Row]]:
    """Curated rows for training, and the fold's held-out rows (`final`: those of the gate)."""
    folds = load_folds()
    hidden = folds.held_out(None if fold == "final" else int(fold))
    tested = folds.gate if fold == "final" else folds.folds[int(fold)]
    rows = load_rows()
    return (
        [row for row in rows if family_of(row.detector) not in hidden],
        [row for row in rows if family_of(row.detector) in tested],
    )


def deal(rows: Sequence[Row], gate: frozenset[str]) -> list[list[str]]:
    """Families outside the gate, assigned to FOLDS groups of nearly equal row counts."""
    sizes = Counter(family_of(row.detector) for row in rows)
    groups: list[list[str]] = [[] for _ in range(FOLDS)]
    totals = [0] * FOLDS
    for family, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        if family not in gate:
            smallest = totals.index(min(totals))
            groups[smallest].append(family)
            totals[smallest] += size
    return [sorted(group) for group in groups]


def main() -> None:
    """Assign the families again, keeping the gate."""
    gate = load_folds().gate
    groups = {"gate": sorted(gate), "folds": deal(load_rows(), gate)}
    PATH.write_text(_HEADER + yaml.safe_dump(groups, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
