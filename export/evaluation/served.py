"""The accuracy of a published version on labelled rows, answered as in the service.

In: a version in this process and rows. Out: a `Report`. The pipeline is that of the service,
without deadline, cache and policy file.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from export.data.rows import Row
from export.measures import metrics
from fallback.decision.decision import DEFAULT_THRESHOLD, Decision
from fallback.rules.lookup import CURATED_KINDS
from pipeline.local import LocalPipeline
from schemas.taxonomy import load_taxonomy

THRESHOLDS = (0.0, DEFAULT_THRESHOLD)

_ROWS_AT_ONCE = 16
_WRONG_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """`model`: the version's identifier. `at`: figures by threshold, as JSON values. `wrong`: the
    rows whose label set is not the gold set at the default threshold, surest first, as JSON
    values."""

    model: str
    rows: int
    at: dict[float, dict[str, Any]]
    wrong: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The whole report as one JSON object; shares are 0..1, null without rows."""
        return {
            "model": self.model,
            "rows": self.rows,
            "thresholds": {f"{threshold:g}": found for threshold, found in self.at.items()},
            "wrong": self.wrong,
        }


def decide(version: LocalPipeline, rows: Sequence[Row]) -> list[dict[float, Decision]]:
    """Per row the decision at each of THRESHOLDS, from one answer of the model."""
    items = [version.steps.read(row.detector, row.output) for row in rows]
    return [
        {t: version.steps.decide(item, candidates, threshold=t) for t in THRESHOLDS}
        for item, candidates in zip(items, version.ask(items), strict=True)
    ]


def report(version: LocalPipeline, rows: Sequence[Row], detector: str | None = None) -> Report:
    """Answer the rows and measure the answers at each of THRESHOLDS. detector: the name under which
    all are sent; None: each under its own."""
    decided: list[dict[float, Decision]] = []
    with tqdm(total=len(rows), desc="answering", unit="row") as bar:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            batch = rows[start : start + _ROWS_AT_ONCE]
            decided += decide(version, [replace(r, detector=detector or r.detector) for r in batch])
            bar.update(len(batch))
    at = {t: measure(rows, [decisions[t] for decisions in decided]) for t in THRESHOLDS}
    wrong = wrong_rows(rows, [decisions[DEFAULT_THRESHOLD] for decisions in decided])
    return Report(version.model_id, len(rows), at, wrong)


def wrong_rows(rows: Sequence[Row], decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Rows whose answer is not the gold set, with the answer, the highest confidence first."""
    found = [
        {
            "line": row.line,
            "detector": row.detector,
            "output": row.output,
            "gold": list(row.gold),
            "answered": _labels(decision),
            "confidence": decision.confidence,
            "source": decision.source.value,
        }
        for row, decision in zip(rows, decisions, strict=True)
        if set(_labels(decision)) != set(row.gold)
    ]
    return sorted(found, key=lambda row: (-float(row["confidence"]), row["line"]))


def measure(rows: Sequence[Row], decisions: Sequence[Decision]) -> dict[str, Any]:
    """The contract's figures over all rows, and exact match by category, detector and curation."""
    gold = [row.gold for row in rows]
    answers = [_labels(d) for d in decisions]
    exact = metrics.exact_matches(gold, answers)
    confidence = np.array([d.confidence for d in decisions])
    detectors = [row.detector for row in rows]
    asked = [d for d in decisions if d.fallback_reason is None or d.fallback_reason.has_candidate]
    fell_back = [d.fallback_reason for d in decisions if d.fallback_reason is not None]
    sure = metrics.selective(exact, confidence, metrics.CONFIDENT)
    right = np.array([_right(g, a) for g, a in zip(gold, answers, strict=True)], np.float64)
    sure_right = metrics.selective(right, confidence, metrics.CONFIDENT)

    def interval(figure: Callable[[metrics.Ints], float]) -> list[float]:
        found = metrics.bootstrap_interval(figure, detectors)
        return [found.low, found.high]

    return {
        "exact": float(exact.mean()),
        "exact_interval": interval(lambda i: float(exact[i].mean())),
        "micro_f1": metrics.micro_f1(gold, answers),
        "sure_exact": None if np.isnan(sure.accuracy) else sure.accuracy,
        "sure_right": None if np.isnan(sure_right.accuracy) else sure_right.accuracy,
        "sure_coverage": sure.coverage,
        "ece": metrics.calibration_error(exact, confidence),
        "ece_interval": interval(lambda i: metrics.calibration_error(exact[i], confidence[i])),
        "macro_over_detectors": metrics.macro(exact, detectors),
        "schema_valid": sum(d.schema_valid for d in asked) / len(asked) if asked else None,
        "fallback": len(fell_back) / len(rows),
        "fallback_reasons": dict(Counter(reason.value for reason in fell_back)),
        "sources": dict(Counter(d.source.value for d in decisions)),
        "by_curation": _by(exact, ["curated" if _curated(d) else "not curated" for d in decisions]),
        "by_category": _by(exact, [category_of(row.gold) for row in rows]),
        "by_detector": _by(exact, detectors),
    }


def _right(gold: Sequence[str], answer: Sequence[str]) -> bool:
    """Whether an answer is exact, or the general label of a family that has all of gold."""
    family = load_taxonomy().families.get(answer[0], ()) if len(answer) == 1 else ()
    return {*gold} == {*answer} or {*gold} <= {*family}


def category_of(labels: Sequence[str]) -> str:
    """The taxonomy category of a label set: of its most specific label."""
    taxonomy = load_taxonomy()
    return taxonomy[taxonomy.combine(labels)[0]].parent


def _labels(decision: Decision) -> list[str]:
    labels = decision.event["taxonomy"]
    assert isinstance(labels, list)
    return labels


def _curated(decision: Decision) -> bool:
    """Whether every signal is an entry of the detector's own vocabulary, or a plain verdict."""
    return all(signal["rule"] in CURATED_KINDS for signal in decision.signals)


def _by(exact: metrics.Floats, groups: Sequence[Hashable]) -> dict[str, dict[str, float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for group, right in zip(groups, exact, strict=True):
        found[str(group)].append(float(right))
    return {
        group: {"rows": len(rights), "exact": sum(rights) / len(rights)}
        for group, rights in sorted(found.items())
    }


def render_wrong(found: Report, file: str) -> str:
    """The surest wrong rows as text for a terminal, each with its line in `file`."""
    shown = found.wrong[:_WRONG_SHOWN]
    lines = [f"wrong at threshold {DEFAULT_THRESHOLD:g}: {len(found.wrong)} of {found.rows} rows"]
    if len(shown) < len(found.wrong):
        lines[0] += f", the {len(shown)} surest shown; JSON= lists all"
    for row in shown:
        output = " ".join(row["output"].split())[:60]
        lines.append(f"  {file}:{row['line']}: {row['detector']}: {output}")
        lines.append(f"    gold {'+'.join(row['gold'])}, answered {'+'.join(row['answered'])}")
        lines.append(f"    confidence {row['confidence']:.2f}, source {row['source']}")
    return "\n".join(lines)


def render(found: Report) -> str:
    """The report as text for a terminal."""
    columns = list(found.at.values())

    def line(name: str, *cells: str) -> str:
        return f"{name:34}" + "".join(f"{cell:>24}" for cell in cells)

    def share(key: str) -> list[str]:
        return [_percent(column[key]) for column in columns]

    def between(key: str, digits: str) -> list[str]:
        return [
            f"{column[key]:{digits}} [{low:{digits}}, {high:{digits}}]"
            for column in columns
            for low, high in [column[f"{key}_interval"]]
        ]

    lines = [
        f"{found.model}: {found.rows} rows",
        "",
        line("threshold", *(f"{threshold:g}" for threshold in found.at)),
        line("exact match [95 %]", *between("exact", ".1%")),
        line("micro F1 over labels", *share("micro_f1")),
        line(f"exact where confidence >= {metrics.CONFIDENT}", *share("sure_exact")),
        line(f"right where confidence >= {metrics.CONFIDENT}", *share("sure_right")),
        line(f"coverage of confidence >= {metrics.CONFIDENT}", *share("sure_coverage")),
        line("ECE, 15 equal-mass bins [95 %]", *between("ece", ".3f")),
        line("exact match, macro over detectors", *share("macro_over_detectors")),
        line("schema-valid candidates", *share("schema_valid")),
        line("fallback", *share("fallback")),
    ]
    for title, key in (("fallback: ", "fallback_reasons"), ("source: ", "sources")):
        for name in sorted({name for column in columns for name in column[key]}):
            cells = [f"{column[key].get(name, 0) / found.rows:.1%}" for column in columns]
            lines.append(line(f"  {title}{name}", *cells))
    for title, key in (
        ("exact match by curation of the words", "by_curation"),
        ("exact match by category", "by_category"),
        ("exact match by detector", "by_detector"),
    ):
        lines += ["", line(title, *(f"{t:g}" for t in found.at), "rows")]
        for name, first in columns[0][key].items():
            cells = [_percent(column[key].get(name, {}).get("exact")) for column in columns]
            lines.append(line(f"  {name}", *cells, str(first["rows"])))
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
