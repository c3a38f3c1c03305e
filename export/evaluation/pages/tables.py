"""The tables of `docs/evaluation.md`: groups of rows, calibration, confusions, misses."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from engine.confidence import MAX_UNSURE
from engine.decoder import UNKNOWN
from export.evaluation.comparison import (
    GATE,
    Held,
    Novelty,
    Result,
    all_capped,
    calibrate_apart,
)
from export.evaluation.pages.served import cell
from export.evaluation.served import category_of
from export.measures import metrics
from export.measures.calibration import scaled_odds
from fallback.rules.lookup import CONFIDENCE, MatchKind
from schemas.policies import PROFILES
from schemas.taxonomy import load_taxonomy

_T = TypeVar("_T")
_MISSES = 12
_CONFUSED = 15


def calibrations(held: Held, ours: Result) -> str:
    """The ways to get a confidence from the probability, each fitted on the other folds."""
    part = np.array(held.part)
    folds = np.flatnonzero(part != GATE)
    ways = {
        "unchanged": ours.score,
        "scaled odds (temperature and bias)": calibrate_apart(
            ours.score, ours.exact, held.part, scaled_odds
        ),
        "isotonic": calibrate_apart(ours.score, ours.exact, held.part),
    }
    ways = {name: all_capped(ours.labels, values) for name, values in ways.items()}
    lines = [
        "Out-of-fold rows, each curve fitted on the other folds; smaller figures are better."
        " Versions use the last way if its log loss is lower by more than chance, else the first"
        " (`make calibrate`).",
        "",
        "| probability to confidence | ECE | Brier score | log loss |",
        "|---|---|---|---|",
    ]
    exact = ours.exact[folds]
    for name, confidence in ways.items():
        error = metrics.calibration_error(exact, confidence[folds])
        brier = float(np.mean((confidence[folds] - exact) ** 2))
        loss = metrics.log_loss(exact, confidence[folds])
        lines.append(f"| {name} | {error:.3f} | {brier:.4f} | {loss:.4f} |")
    unknown = [i for i in folds if ours.labels[i] == UNKNOWN and ours.score[i] >= metrics.CONFIDENT]
    right = int(ours.exact[unknown].sum())
    return "\n".join(lines) + (
        f"\n\n`OTHER.Unknown` with a probability of at least {metrics.CONFIDENT} is right {right}"
        f" times of {len(unknown)}. So no confidence in it is higher than {MAX_UNSURE}."
    )


def rule_kinds(held: Held, rules: Result) -> str:
    """The right share of the rules without the family, by the confidence of their kind."""
    known = {round(value, 6): kind for kind, value in CONFIDENCE.items()}
    by_kind = groups([known.get(round(float(score), 6), "several") for score in rules.score])
    lines = [
        "Rules alone, all held-out rows: the kind of match, its confidence in"
        " `fallback/rules/lookup.py`, and the share of right answers. Entries of a detector's own"
        " vocabulary do not occur: the detector is hidden. `several`: outputs with more than one"
        " signal.",
        "",
        "| kind | confidence | exact | rows |",
        "|---|---|---|---|",
    ]
    for kind, index in sorted(by_kind.items()):
        given = f"{CONFIDENCE[MatchKind(kind)]:.2f}" if kind != "several" else "product"
        lines.append(f"| {kind} | {given} | {rules.exact[index].mean():.1%} | {len(index)} |")
    return "\n".join(lines)


def shares(title: str, groups: Mapping[str, metrics.Ints], results: Mapping[str, Result]) -> str:
    """Exact match of every method, a row per group; `groups` holds indices of rows."""
    head = f"| {title} | rows | {' | '.join(results)} |"
    lines = [head, "|---" * (len(results) + 2) + "|"]
    for name, index in groups.items():
        cells = [f"{result.exact[index].mean():.1%}" for result in results.values()]
        lines.append(f"| {name} | {len(index)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def groups(names: Sequence[_T]) -> dict[_T, metrics.Ints]:
    """The indices of equal names, in the order of their first occurrence."""
    return {
        name: np.array([i for i, other in enumerate(names) if other == name])
        for name in dict.fromkeys(names)
    }


def by_category(held: Held) -> dict[str, metrics.Ints]:
    """The indices of rows by the category of their most specific gold label."""
    found = groups([category_of(row.gold) for row in held.rows])
    return {name: found[name] for name in categories() if name in found}


def categories() -> list[str]:
    """The categories of the taxonomy, in its order."""
    return list(dict.fromkeys(label.parent for label in load_taxonomy().labels))


def confused(held: Held, ours: Result) -> str:
    """The most frequent wrong answers."""
    pairs = Counter(
        ("+".join(row.gold), "+".join(labels))
        for row, labels, right in zip(held.rows, ours.labels, ours.exact, strict=True)
        if not right
    )
    lines = ["The most frequent ones:", "", "| gold | answered | rows |", "|---|---|---|"]
    lines += [f"| `{gold}` | `{said}` | {n} |" for (gold, said), n in pairs.most_common(_CONFUSED)]
    return "\n".join(lines)


def backed_off(held: Held, ours: Result, rules: Result) -> str:
    """Unsure answers without a rule: the general label of a family that is sure."""
    families = load_taxonomy().families
    unsure = (ours.confidence < metrics.CONFIDENT) & (rules.score < metrics.CONFIDENT)
    found: defaultdict[str, list[tuple[float, bool, bool]]] = defaultdict(list)
    for i in np.flatnonzero(unsure):
        sure = [family for family in ours.families[i] if family[1] >= metrics.CONFIDENT]
        if sure:
            (general, share), gold = sure[0], held.rows[i].gold
            right = {*gold} <= {*families[general]}
            found[general].append((share, right, {*gold} == {general}))
    told = [one for those in found.values() for one in those]
    lines = [
        f"Of {len(held.rows)} held-out rows, {int(unsure.sum())} have no rule and no answer with a"
        f" confidence of at least {metrics.CONFIDENT}. {len(told)} of them get the general label of"
        " the smallest family whose answers together reach it; the others are unknown."
        " `in the family`: all gold labels belong to it.",
        "",
        "| general label | rows | mean confidence | in the family | exact |",
        "|---|---|---|---|---|",
    ]
    for name, those in [*sorted(found.items()), ("all", told)]:
        shares, inside, same = (float(np.mean(column)) for column in zip(*those, strict=True))
        lines.append(f"| {name} | {len(those)} | {shares:.2f} | {inside:.1%} | {same:.1%} |")
    return "\n".join(lines) if told else lines[0]


def profiles(held: Held, ours: Result) -> str:
    """Coverage and share of right answers at the named thresholds of the policy file."""
    folds = np.array([part != GATE for part in held.part])
    new = np.array([novelty is Novelty.NEW for novelty in held.novelty])
    groups = {
        "out of fold": folds,
        "out of fold, new texts": folds & new,
        "gate": ~folds,
        "gate, new texts": ~folds & new,
    }
    lines = ["| threshold | rows | exact | coverage |", "|---|---|---|---|"]
    for name, threshold in PROFILES.items():
        for about, chosen in groups.items():
            sure = metrics.selective(ours.exact[chosen], ours.confidence[chosen], threshold)
            exact = "-" if np.isnan(sure.accuracy) else f"{sure.accuracy:.1%}"
            lines.append(f"| `{name}`, {threshold:g} | {about} | {exact} | {sure.coverage:.1%} |")
    return "\n".join(lines)


def misses(held: Held, ours: Result) -> str:
    """The wrong answers with the highest confidence."""
    wrong = [i for i in np.argsort(-ours.confidence, kind="stable") if not ours.exact[i]]
    lines = ["| family | text | gold | answered | confidence |", "|---|---|---|---|---|"]
    for i in wrong[:_MISSES]:
        row = held.rows[i]
        text, gold, said = cell(row.output), "+".join(row.gold), "+".join(ours.labels[i])
        lines.append(
            f"| {held.family[i]} | `{text}` | `{gold}` | `{said}` | {ours.confidence[i]:.2f} |"
        )
    return "\n".join(lines)
