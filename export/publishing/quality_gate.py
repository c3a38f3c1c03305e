"""The quality gate for publishing a version: its answers on families that no training has seen.

In: an engine on the built files, the gate's rows, the agreement of the served graph with the float
graph, thresholds. Out: figures, each with its threshold. The caller handles a failed version.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.mapper import MapperEngine
from export.data.folds import load_folds
from export.data.rows import NEUTRAL, Row
from export.data.rules import rules_without
from export.measures import metrics
from fallback.decision.decision import MappingGuard
from pipeline.steps import Pipeline
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.config_file import ConfigModel, Share, read_config
from schemas.contract import Mode
from schemas.event import candidate_errors
from schemas.frameworks import load_frameworks
from schemas.slo import Indicator, load_slo
from schemas.taxonomy import load_taxonomy

THRESHOLDS = Path(__file__).with_name("gate.yaml")
_BATCH = 16


class _Thresholds(ConfigModel):
    exact_min: Share
    llama_alone_min: Share
    ece_max: Share
    agreement_min: Share


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the gate. least: `limit` is a minimum, else a maximum."""

    name: str
    value: float
    limit: float
    least: bool

    @property
    def passes(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Way:
    """The exact share of one way to answer: over all rows, and over those whose text is not in the
    version's training texts (None: there are none)."""

    exact: float
    exact_new: float | None


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's figures, and figures without a threshold: the share of answers with a confidence
    of at least 0.6, their exact share (None: there are none), and the answers of the version's
    parts alone. new: rows whose text is not in the training texts."""

    rows: int
    new: int
    ways: Mapping[str, Way]
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
        lines.append(f"  exact of {self.new} rows with a new text, and of all:")
        for name, way in self.ways.items():
            new = "-" if way.exact_new is None else f"{way.exact_new:.3f}"
            lines.append(f"    {name:12}{new:>8}{way.exact:8.3f}")
        sure = "-" if self.sure_exact is None else f"{self.sure_exact:.3f}"
        lines.append(
            f"  confidence >= {metrics.CONFIDENT}: {sure} exact"
            f" at coverage {self.sure_coverage:.3f}"
        )
        return "\n".join(lines)

    def to_json(self, *, forced: bool) -> dict[str, Any]:
        """For the manifest."""
        return {
            "rows": self.rows,
            "new_rows": self.new,
            "ways": {name: _rounded(asdict(way)) for name, way in self.ways.items()},
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
) -> GateResult:
    """Answer the rows under a neutral detector name, the gate's families hidden from the rules.
    agreement: 0..1, of the served graph with the float one."""
    texts = [row.output for row in rows]
    answers = _answered(engine, texts)
    ways: dict[str, Sequence[Iterable[str]]] = {
        "together": [a.labels for a in answers],
        "llama": [a.labels for a in _answered(engine.without_retrieval(), texts)],
        "retrieval": engine.retrieve(texts),
        "rules": _by_rules(texts),
    }
    gold = [row.gold for row in rows]
    right = {name: metrics.exact_matches(gold, labels) for name, labels in ways.items()}
    exact = right["together"]
    new = np.array([engine.known(text) is None for text in texts])
    confidence = np.array([answer.confidence for answer in answers])
    sure = metrics.selective(exact, confidence, metrics.CONFIDENT)
    judged = (
        ("exact", float(exact.mean()), "exact_min", True),
        ("llama_alone", float(right["llama"].mean()), "llama_alone_min", True),
        ("schema_valid", float(np.mean([_valid(a) for a in answers])), "schema_valid_min", True),
        ("ece", metrics.calibration_error(exact, confidence), "ece_max", False),
        ("agreement", agreement, "agreement_min", True),
    )
    return GateResult(
        rows=len(rows),
        new=int(new.sum()),
        ways={
            name: Way(float(found.mean()), float(found[new].mean()) if new.any() else None)
            for name, found in right.items()
        },
        figures=tuple(Figure(name, v, thresholds[key], least) for name, v, key, least in judged),
        sure_coverage=sure.coverage,
        sure_exact=None if np.isnan(sure.accuracy) else sure.accuracy,
    )


def _answered(engine: MapperEngine, texts: Sequence[str]) -> list[Candidate]:
    answers: list[Candidate] = []
    with tqdm(total=len(texts), desc="      answering", unit="row") as bar:
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            answers += engine.answer([Query(NEUTRAL, text) for text in part])
            bar.update(len(part))
    return answers


def _by_rules(texts: Sequence[str]) -> list[Sequence[str]]:
    rules = rules_without(load_folds().gate)
    pipeline = Pipeline(MappingGuard(rules, load_taxonomy(), load_frameworks()))
    return [
        list(decision.label_confidence)
        for text in texts
        for decision in [pipeline.decide(pipeline.read(NEUTRAL, text), mode=Mode.RULES_ONLY)]
    ]


def _rounded(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if f is None else round(f, 4) for name, f in figures.items()}


def _valid(answer: Candidate) -> bool:
    """Whether the text passes the guard's first checks of a candidate."""
    if answer.status is not CandidateStatus.OK:
        return False
    try:
        return not candidate_errors(json.loads(answer.text))
    except ValueError:
        return False
