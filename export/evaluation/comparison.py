"""Compares the Llama and its baselines on families that are hidden from all of them.

In: the folds, the training data, prediction files of the trained parts. Out: `Result`s over the
same held-out rows: labels, whether exact, calibrated confidence. Independent of their presentation.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.confidence import cap_unknown
from engine.decoder import Votes, counted_votes, interpolate, no_finding_rows
from export.data.folds import FOLDS, family_of, load_folds, split
from export.data.items import Item, build_items
from export.data.labelled import DataError
from export.data.rows import DATA, Answer, Row
from export.data.rules import rules_without
from export.evaluation.baselines import (
    Baseline,
    Guess,
    NearestSentence,
    NearestString,
    RulesAlone,
    neighbours,
)
from export.evaluation.retrieval import votes_among
from export.measures import metrics
from export.measures.calibration import Curve, isotonic_curve
from export.onnx.encoder import sentence_encoder
from export.publishing.datastore import Stores, phrases_of
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise

OOF = DATA.parent / "artefacts" / "oof"
GATE = "gate"
BASE, ALONE, OURS = "untuned base", "Llama without retrieval", "our Llama"
TRAINED = {BASE: "base-", ALONE: ""}
"""Methods that answer from prediction files, and the prefixes of the files' names."""


_FAMILIES = {general: {*labels} for general, labels in load_taxonomy().families.items()}

Ranking = list[Guess]
"""The likeliest answers of one row, best first."""


class Novelty(StrEnum):
    """Whether a held-out text, in normal form, was in the training data."""

    FAMILY = "said by a training family"
    PHRASE = "only in our phrase lists"
    NEW = "nowhere"


@dataclass(frozen=True, slots=True)
class Part:
    """One held-out part: one fold, or the gate.

    seen: curated rows for training; rows: to be answered; hidden: families hidden from all methods,
    always including the gate's.
    """

    name: str
    seen: Sequence[Row]
    rows: Sequence[Row]
    hidden: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """All held-out rows, part by part; the lists run in parallel."""

    rows: list[Row]
    part: list[str]
    novelty: list[Novelty]

    @property
    def family(self) -> list[str]:
        """The detector family of each row."""
        return [family_of(row.detector) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Result:
    """One method's answers to all held-out rows; `confidence` is its score, calibrated on other
    rows; `families`: general labels with the probability of their families' answers together."""

    labels: list[tuple[str, ...]]
    exact: metrics.Floats
    score: metrics.Floats
    confidence: metrics.Floats
    families: list[tuple[tuple[str, float], ...]]


def load_parts() -> list[Part]:
    """The folds in order, then the gate."""
    folds = load_folds()
    names: list[tuple[str, str, int | None]] = [(f"fold{k}", str(k), k) for k in range(FOLDS)]
    return [
        Part(name, *split(training), folds.held_out(fold))
        for name, training, fold in [*names, (GATE, "final", None)]
    ]


def read_guesses(parts: Sequence[Part], folder: Path = OOF) -> dict[str, list[Ranking]]:
    """The answers of TRAINED methods, for the rows of `parts` in order.

    Raises DataError with every missing or outdated file and the command that writes it.
    """
    problems: list[str] = []
    found: dict[str, list[Ranking]] = {}
    for method, prefix in TRAINED.items():
        found[method] = []
        for part in parts:
            file = folder / f"{prefix}{part.name}.jsonl"
            try:
                found[method] += _read_file(file, part.rows)
            except DataError as error:
                problems.append(f"{error}; make it: {_command(method, part)}")
    if problems:
        raise DataError("\n".join(problems))
    return found


def _read_file(file: Path, rows: Sequence[Row]) -> list[Ranking]:
    try:
        lines = file.read_text(encoding="utf-8").strip().split("\n")
    except OSError:
        raise DataError(f"{file}: is missing") from None
    try:
        values = [json.loads(line) for line in lines]
        about = [(v["detector"], v["output"], set(v["gold"])) for v in values]
        guesses = [[Guess(tuple(top), float(p)) for top, p in v["top"]] for v in values]
        if not all(guesses):
            raise ValueError("a row without an answer")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{file}: is not a prediction file ({error!r})") from error
    if about != [(row.detector, row.output, set(row.gold)) for row in rows]:
        raise DataError(f"{file}: was made for other rows than today's data holds out")
    return guesses


def _command(method: str, part: Part) -> str:
    fold = "final" if part.name == GATE else part.name.removeprefix("fold")
    if not TRAINED[method]:
        return f"make train FOLD={fold}"
    return f".venv-export/bin/python -m export.training.train --fold {fold} --untrained"


def hold_out(parts: Sequence[Part], items: Mapping[str, Sequence[Item]]) -> Held:
    """The rows of all parts, and whether their texts were in the training data; `items` by part
    name."""
    held = Held([], [], [])
    for part in parts:
        said = {normalise(row.output) for row in part.seen}
        told = neighbours(items[part.name])
        for row in part.rows:
            text = normalise(row.output)
            new = Novelty.PHRASE if text in told else Novelty.NEW
            held.rows.append(row)
            held.part.append(part.name)
            held.novelty.append(Novelty.FAMILY if text in said else new)
    return held


def ask_baselines(
    parts: Sequence[Part], items: Mapping[str, Sequence[Item]]
) -> dict[str, list[Guess]]:
    """The answers of each baseline, for the rows of `parts` in order; `items` by part name."""
    stored = Stores().english
    makers: dict[str, Callable[[Part], Baseline]] = {
        "rules alone": lambda part: RulesAlone(rules_without(part.hidden)),
        "nearest string": lambda part: NearestString(items[part.name]),
        "nearest sentence": lambda part: NearestSentence(
            items[part.name], sentence_encoder(), stored
        ),
    }
    found: dict[str, list[Guess]] = {name: [] for name in makers}
    for part in tqdm(parts, desc="baselines", unit="part"):
        for name, make in makers.items():
            found[name] += make(part).answer([row.output for row in part.rows])
    return found


def with_neighbours(
    parts: Sequence[Part], items: Mapping[str, Sequence[Item]], rankings: Sequence[Ranking]
) -> list[Guess]:
    """The model's answers mixed with the neighbours' votes, as in `engine.decoder.mix`. The model's
    probability of an answer that is not among its likeliest counts as 0."""
    answered = iter(rankings)
    found: list[Guess] = []
    for part in parts:
        phrases = phrases_of(items[part.name])
        votes, answers = votes_among(phrases, [row.output for row in part.rows])
        found += [_mixed(next(answered), one, answers) for one in votes]
    return found


def _mixed(ranking: Ranking, votes: Votes, answers: Sequence[Answer]) -> Guess:
    known = dict.fromkeys([*answers, *(guess.labels for guess in ranking)])
    rows = {labels: row for row, labels in enumerate(known)}
    shares = np.zeros(len(rows))
    for guess in ranking:
        shares[rows[guess.labels]] = guess.score
    shares = interpolate(shares, counted_votes(shares, votes, no_finding_rows(list(rows))))
    best = int(shares.argmax())
    families = tuple(
        (general, sum(shares[row] for labels, row in rows.items() if members.issuperset(labels)))
        for general, members in _FAMILIES.items()
    )
    return Guess(list(rows)[best], float(shares[best]), families)


def judge(held: Held, guesses: Sequence[Guess]) -> Result:
    """Compare with gold, and compute a confidence from the score, on a curve of other folds if it
    needs one."""
    labels = [guess.labels for guess in guesses]
    exact = metrics.exact_matches([row.gold for row in held.rows], labels)
    score = np.array([guess.score for guess in guesses])
    fitted = curve_helps(guesses, exact, held.part, held.family)
    confidence = calibrate_apart(score, exact, held.part) if fitted else score
    families = [guess.families for guess in guesses]
    return Result(labels, exact, score, all_capped(labels, confidence), families)


def curve_helps(
    guesses: Sequence[Guess], exact: metrics.Floats, part: Sequence[str], family: Sequence[str]
) -> bool:
    """Whether an isotonic curve lowers the log loss of the scores out of fold, by more than the
    differences between families explain."""
    labels = [guess.labels for guess in guesses]
    score = np.array([guess.score for guess in guesses])
    ways = [all_capped(labels, c) for c in (score, calibrate_apart(score, exact, part))]
    folds = np.flatnonzero(np.array(part) != GATE)

    def gain(index: metrics.Ints) -> float:
        rows = folds[index]
        before, after = (metrics.log_loss(exact[rows], c[rows]) for c in ways)
        return before - after

    return metrics.bootstrap_interval(gain, [family[i] for i in folds]).low > 0


def all_capped(labels: Sequence[Answer], confidence: metrics.Floats) -> metrics.Floats:
    """The engine's confidence from the calibrated confidences [n] of answers."""
    return np.array([cap_unknown(a, c) for a, c in zip(labels, confidence, strict=True)])


def calibrate_apart(
    score: metrics.Floats,
    exact: metrics.Floats,
    part: Sequence[str],
    fit: Callable[[metrics.Floats, metrics.Floats], Curve] = isotonic_curve,
) -> metrics.Floats:
    """Calibrated confidence: for each part from the other folds, never from the gate."""
    name = np.array(part)
    confidence = np.zeros(len(score))
    for mine in dict.fromkeys(part):
        others = (name != mine) & (name != GATE)
        if not others.any():
            raise ValueError(f"part {mine}: no other fold is left to calibrate on")
        confidence[name == mine] = fit(score[others], exact[others])(score[name == mine])
    return confidence


def compare(
    parts: Sequence[Part], trained: Mapping[str, list[Ranking]]
) -> tuple[Held, dict[str, Result]]:
    """The results of all methods; trained: those of `read_guesses`. Takes minutes."""
    items = {
        part.name: build_items(part.seen) for part in tqdm(parts, desc="neighbours", unit="part")
    }
    held = hold_out(parts, items)
    guesses = ask_baselines(parts, items)
    guesses |= {name: [ranking[0] for ranking in found] for name, found in trained.items()}
    guesses[OURS] = with_neighbours(parts, items, trained[ALONE])
    return held, {name: judge(held, found) for name, found in guesses.items()}
