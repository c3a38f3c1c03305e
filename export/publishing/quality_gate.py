"""Whether a version may be published: its answers on families that no training has seen.

In: an engine on the files just built, the gate's rows, how often the served graph answers as the
float one, thresholds. Out: figures, each beside its threshold. It does not know what becomes of a
version that fails.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.mapper import MapperEngine
from export.data.rows import NEUTRAL, Row
from export.measures import metrics
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.config_file import ConfigModel, Share, read_config
from schemas.event import candidate_errors
from schemas.slo import Indicator, load_slo

THRESHOLDS = Path(__file__).with_name("gate.yaml")
_BATCH = 16


class _Thresholds(ConfigModel):
    exact_min: Share
    ece_max: Share
    agreement_min: Share


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the gate; `least`: it must not be below `limit`, else not above."""

    name: str
    value: float
    limit: float
    least: bool

    @property
    def passes(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's figures, and what is told without being judged: the share of answers with a
    confidence of at least 0.6, and how many of those are exact (None: there are none)."""

    rows: int
    figures: tuple[Figure, ...]
    sure_coverage: float
    sure_exact: float | None

    @property
    def passes(self) -> bool:
        return all(figure.passes for figure in self.figures)

    def table(self) -> str:
        """For a terminal."""
        lines = [f"quality gate: {self.rows} rows of families that were never trained on"]
        for f in self.figures:
            bound = f"{'at least' if f.least else 'at most'} {f.limit:.3f}"
            lines.append(f"  {f.name:14}{f.value:8.3f}   {bound}   {'ok' if f.passes else 'FAILS'}")
        sure = "-" if self.sure_exact is None else f"{self.sure_exact:.3f}"
        lines.append(
            f"  confidence >= {metrics.SURE}: {sure} exact at coverage {self.sure_coverage:.3f}"
        )
        return "\n".join(lines)

    def to_json(self, *, forced: bool) -> dict[str, Any]:
        """For the manifest."""
        return {
            "rows": self.rows,
            **{figure.name: round(figure.value, 4) for figure in self.figures},
            "sure_exact": None if self.sure_exact is None else round(self.sure_exact, 4),
            "sure_coverage": round(self.sure_coverage, 4),
            "thresholds": {figure.name: figure.limit for figure in self.figures},
            "passed": self.passes,
            "forced": forced and not self.passes,
        }


def load_thresholds(path: Path = THRESHOLDS) -> dict[str, float]:
    """`gate.yaml` and the objective for schema-validity. Raises ConfigError naming the key."""
    good = load_slo().objectives[Indicator.SCHEMA_VALID].good_percent
    return dict(read_config(path, _Thresholds)) | {"schema_valid_min": good / 100}


def judge_version(
    engine: MapperEngine, rows: Sequence[Row], agreement: float, thresholds: dict[str, float]
) -> Verdict:
    """Answer the rows under a neutral detector name. agreement: 0..1, of the served graph with
    the float one."""
    answers: list[Candidate] = []
    with tqdm(total=len(rows), desc="      answering", unit="row") as bar:
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            answers += engine.answer([Query(NEUTRAL, row.output) for row in part])
            bar.update(len(part))
    exact = metrics.exact_matches([row.gold for row in rows], [a.labels for a in answers])
    confidence = np.array([answer.confidence for answer in answers])
    sure = metrics.selective(exact, confidence, metrics.SURE)
    judged = (
        ("exact", float(exact.mean()), "exact_min", True),
        ("schema_valid", float(np.mean([_valid(a) for a in answers])), "schema_valid_min", True),
        ("ece", metrics.calibration_error(exact, confidence), "ece_max", False),
        ("agreement", agreement, "agreement_min", True),
    )
    return Verdict(
        rows=len(rows),
        figures=tuple(Figure(name, v, thresholds[key], least) for name, v, key, least in judged),
        sure_coverage=sure.coverage,
        sure_exact=None if np.isnan(sure.accuracy) else sure.accuracy,
    )


def _valid(answer: Candidate) -> bool:
    """Whether the text is a candidate, as the guard's first checks see it."""
    if answer.status is not CandidateStatus.OK:
        return False
    try:
        return not candidate_errors(json.loads(answer.text))
    except ValueError:
        return False
