"""Measures the entries of a draft that need no change, on drafts of unseen detectors.

In: the curated rows of held-out families, and a published version. Out: figures, as a table. Each
detector is drafted as a user's would be, under a neutral name, from its words alone; its family is
hidden from the rules. The version itself answers the gate's families, on which it was not trained.
The families of the folds get the committed predictions of models that had not seen them, mixed with
their neighbours as in the engine, under the version's own calibration.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from engine.confidence import cap_unknown
from engine.decoder import counted_votes, interpolate, no_finding_rows
from engine.version import read_version
from export.data.folds import FOLDS, load_folds, split
from export.data.items import build_items
from export.data.labelled import DataError
from export.data.rows import DATA, NEUTRAL, Row
from export.data.rules import rules_without
from export.evaluation.retrieval import votes_among
from export.publishing.datastore import phrases_of
from fallback.decision.decision import MappingGuard
from fallback.drafts.asking import opinion, question, rule_question
from fallback.drafts.entries import Entry, Opinion, State, Word, decide
from fallback.rules.catalog import Labels
from pipeline.local import LocalPipeline
from pipeline.steps import Pipeline
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy

PREDICTIONS = DATA.parent / "artefacts" / "oof"
_LIKELY = 4

Likely = tuple[tuple[Labels, float], ...]
Drafted = list[tuple[Row, Entry]]
"""Entries with the rows of their words."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one part. right: entries that need no change; codes: words without a legend, which
    are not entries; certain_right: right ones among the certain; offered: doubtful ones with the
    right answer among those shown.
    """

    detectors: int
    entries: int
    right: int
    codes: int
    certain: int
    certain_right: int
    offered: int

    @classmethod
    def of(cls, drafted: Drafted) -> "Figures":
        """The figures of entries."""
        made = [(row, e) for row, e in drafted if e.state is not State.CODE]
        certain = [(row, e) for row, e in made if e.state is State.CERTAIN]
        doubtful = [(row, e) for row, e in made if e.state is State.DOUBTFUL]
        shown = [
            {frozenset(labels) for labels, _ in e.likely} | {frozenset(e.labels)}
            for _, e in doubtful
        ]
        return cls(
            len({row.detector for row, _ in drafted}),
            len(made),
            _right(made),
            len(drafted) - len(made),
            len(certain),
            _right(certain),
            sum(
                frozenset(row.gold) in offered
                for (row, _), offered in zip(doubtful, shown, strict=True)
            ),
        )


def draft_gate(version: Path) -> Drafted:
    """Drafts of the gate's detectors by a version."""
    hidden = load_folds().gate
    local = LocalPipeline(version, _pipeline(hidden))

    def opinions(words: Sequence[Word]) -> list[Opinion]:
        asked = [(NEUTRAL, question(word)) for word in words]
        rules = [local.steps.read(NEUTRAL, rule_question(word)).rules[0] for word in words]
        return list(map(opinion, words, rules, local.decide(asked, threshold=0.0)))

    return list(_drafts(split("final")[1], opinions))


def draft_folds(version: Path, predictions: Path = PREDICTIONS) -> Drafted:
    """Drafts of the folds' detectors by models that had not seen them."""
    confidence = read_version(version).calibration
    drafted: Drafted = []
    for fold in range(FOLDS):
        seen, rows = split(str(fold))
        pipeline = _pipeline(load_folds().held_out(fold))
        likely = _likely(seen, rows, predictions / f"fold{fold}.jsonl")
        drafted += _drafts(rows, partial(_predicted, likely, confidence, pipeline))
    return drafted


def _predicted(
    likely: Mapping[str, Likely],
    confidence: Callable[[float], float],
    pipeline: Pipeline,
    words: Sequence[Word],
) -> list[Opinion]:
    """The opinion that `opinion` computes from the same answers of a version."""
    found = []
    for word in words:
        (best, share), *_ = answers = likely[word.text]
        rule = pipeline.read(NEUTRAL, rule_question(word)).rules[0]
        sure = cap_unknown(best, confidence(share))
        if rule.draft is not None and set(rule.labels) == set(best):
            sure = max(sure, rule.confidence)
        found.append(Opinion(word, rule, sure, answers))
    return found


def table(parts: Mapping[str, Figures]) -> str:
    """The figures as a table of Markdown."""
    lines = [
        "| families | detectors | entries | need no change | certain | of these right "
        "| of the doubtful the right answer shown | codes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, f in parts.items():
        cells = (
            name,
            f.detectors,
            f.entries,
            f"{f.right / f.entries:.1%}",
            f"{f.certain / f.entries:.1%}",
            f"{f.certain_right / f.certain:.1%}",
            f"{f.offered / (f.entries - f.certain):.1%}",
            f.codes,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _pipeline(hidden: Iterable[str]) -> Pipeline:
    rules = rules_without(frozenset(hidden))
    return Pipeline(MappingGuard(rules, load_taxonomy(), load_frameworks()))


def _drafts(
    rows: Sequence[Row], opinions: Callable[[Sequence[Word]], list[Opinion]]
) -> Iterator[tuple[Row, Entry]]:
    """One draft for each detector of the rows."""
    by_detector: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_detector[row.detector].append(row)
    for own in by_detector.values():
        words = [Word(row.output) for row in own]
        yield from zip(own, decide(opinions(words)), strict=True)


def _likely(seen: Sequence[Row], rows: Sequence[Row], file: Path) -> dict[str, Likely]:
    """The likeliest answers to each word: the predictions with the neighbours' votes."""
    votes, answers = votes_among(phrases_of(build_items(seen)), [row.output for row in rows])
    lines = file.read_text(encoding="utf-8").splitlines()
    found: dict[str, Likely] = {}
    for row, vote, line in zip(rows, votes, map(json.loads, lines), strict=True):
        if line["output"] != row.output:
            raise DataError(f"{file}: was made for other rows; make it: `make train FOLD=...`")
        top = {tuple(labels): share for labels, share in line["top"]}
        known = list(dict.fromkeys([*answers, *top]))
        shares = np.array([top.get(labels, 0.0) for labels in known])
        mixed = interpolate(shares, counted_votes(shares, vote, no_finding_rows(known)))
        best = np.argsort(-mixed)[:_LIKELY]
        found[row.output] = tuple((known[i], float(mixed[i])) for i in best if mixed[i] > 0)
    return found


def _right(drafted: Iterable[tuple[Row, Entry]]) -> int:
    return sum(set(entry.labels) == set(row.gold) for row, entry in drafted)
