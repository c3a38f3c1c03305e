"""`docs/evaluation.md`, its pictures, and the figures of the model card.

In: held-out rows and every method's result on them. Out: Markdown and PNG files. It knows how
figures are shown, not how answers came about.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.data.labelled import DataError
from export.evaluation.adversarial import Told
from export.evaluation.comparison import (
    ALONE,
    GATE,
    OURS,
    Held,
    Novelty,
    Result,
)
from export.evaluation.pages.served import gate_figures, hostile_texts, whole_ensemble
from export.evaluation.pages.tables import (
    by_category,
    calibrations,
    categories,
    confused,
    groups,
    misses,
    rule_kinds,
    shares,
)
from export.evaluation.pictures import draw_confusion, draw_reliability
from export.evaluation.served import Report, category_of
from export.measures import metrics
from tools.markdown import render

Chosen = npt.NDArray[np.bool_]

RULES = "rules alone"
PAGE, CARD = "evaluation.md", "model-card.md"
RELIABILITY, CONFUSION = "img/reliability.png", "img/confusion.png"

_INTRO = """\
# Evaluation

<!-- Written by `make evaluate`; changes by hand are lost. -->

How right the Llama is about detectors that nobody has curated, beside simpler ways to do the same.

- **Rows.** The curated pairs of `export/data/vocabulary.jsonl`: what a detector says, and the label
  set it deserves. An answer is exact when its whole label set is the gold set.
- **Held out by family.** All detectors of a vendor or line are one family, and a family is wholly
  in one of three folds or in the gate (`export/data/folds.yaml`). A fold is answered by what has
  seen the two other folds; the gate, by what has seen all three. The gate is never trained on.
- **Hidden means hidden.** From the rules the family's YAML, names and entries are removed, from the
  neighbours and the training its rows. Its detector is sent as `custom-guard`.
- **Confidence** is each method's own score through an isotonic curve that was fitted on the other
  folds (never on the gate) where that lowers the log loss by more than chance (a 95 % bootstrap
  interval over families lies above zero), else as it is: so thresholds mean the same in every row.
  In `OTHER.Unknown` it is 0.5 at most.
- **Intervals** are 95 % bootstrap intervals that draw whole families. A calibration error (ECE) is
  biased upwards, and of drawn rows more so: its interval may lie above the figure. Formulas and
  sources stand in `export/measures/metrics.py`.
- Our Llama and the untuned base answer in float32 from committed predictions
  (`export/artefacts/oof/`). The published int8 version is measured by
  `make evaluate DATA=file.jsonl`.

| method | is |
|---|---|
| rules alone | signal reader and curated rules of the other families, as in mode `rules_only` |
| nearest string | the training text with the highest rapidfuzz `ratio`, both in normal form |
| nearest sentence | the training text with the highest cosine of all-MiniLM-L6-v2 embeddings |
| untuned base | our prompt and answer rows before the first step of training: no LoRA, each row \
the mean of its labels' words |
| Llama without retrieval | LoRA and one answer row a label set, one forward pass |
| our Llama | the same, mixed with what its training texts say (`engine/neighbours.py`), as in \
every published version: the answer to the very words weighs 0.9 against the model's 0.1, else the \
answers to the 20 nearest sentences weigh 0.68 together, less where the nearest is farther than a \
cosine of 0.7, and only as far as they say `OTHER.Unknown` where the model is sure of `OTHER.Safe` \
(0.8) |

Training texts are the same for all: label names, descriptions and aliases, our phrase lists
(`export/data/meanings/`), documents by country (`export/data/countries.yaml`), attempts to tell the
mapper its answer (`export/data/attempts.yaml`, all of them `OTHER.Unknown`), and the rows of
families that may be seen. The phrase lists are the same in every fold and were written with the
field's words in mind, so a held-out text may stand in them; the table "Was the text there to
be learned?" keeps those texts apart. The weights of the neighbours were chosen on the out-of-fold
rows, which flatters the figures there a little; of the gate only its calibration error had a part,
in the last digit of one.
"""


def write_pages(
    held: Held,
    results: Mapping[str, Result],
    served: Mapping[str, Any],
    whole: Report,
    told: Mapping[str, Sequence[Told]],
    docs: Path,
) -> list[Path]:
    """Write the page and its pictures, and fill the card; returns the files.

    served: the manifest of a published version that has passed the quality gate; whole: its answers
    to the gate's rows with reader, rules and guard around it; told: to hostile texts, likewise.

    Raises DataError, before anything is written, when the card has no place for the figures.
    """
    card = fill((docs / CARD).read_text("utf-8"), _card(held, results[OURS]))
    _draw(held, results[OURS], docs)
    (docs / PAGE).write_text(page(held, results, served, whole, told), "utf-8")
    (docs / CARD).write_text(card, "utf-8")
    return [docs / name for name in (PAGE, CARD, RELIABILITY, CONFUSION)]


def fill(text: str, figures: str) -> str:
    """The text of the card with `figures` in their place. Raises DataError without one."""
    try:
        return render(text, {"figures": f"\n{figures.strip()}\n\n"})
    except ValueError as error:
        raise DataError(f"{CARD}: {error}") from error


def page(
    held: Held,
    results: Mapping[str, Result],
    served: Mapping[str, Any],
    whole: Report,
    told: Mapping[str, Sequence[Told]],
) -> str:
    """The whole page."""
    gate = np.array([part == GATE for part in held.part])
    ours = results[OURS]
    novelty = groups(held.novelty)
    sections = [
        _INTRO,
        f"## Out of fold\n\n{_overall(held, results, ~gate)}",
        f"## Gate families\n\n{_overall(held, results, gate)}",
        f"## All held-out rows\n\n{_overall(held, results, gate | ~gate)}",
        f"## Targets\n\n{_targets(held, results, gate, whole.at[0.0])}",
        f"## As served\n\n{gate_figures(served)}\n\n{whole_ensemble(whole)}",
        f"## What deserves no confident answer\n\n{hostile_texts(told)}",
        "## Was the text there to be learned?\n\n"
        "Exact match, all held-out rows. Texts are compared in normal form. `only in our phrase"
        " lists`: no family that may be seen says it, but we wrote it down for a label.\n\n"
        + shares("text", {str(n): novelty[n] for n in Novelty if n in novelty}, results),
        "## By category\n\nExact match, all held-out rows, by the category of the most specific"
        " gold label.\n\n" + shares("category", by_category(held), results),
        "## By family\n\nExact match, all held-out rows.\n\n"
        + shares("family", dict(sorted(groups(held.family).items())), results),
        f"## Confidence\n\n![Reliability]({RELIABILITY})\n\nOur Llama; 15 bins of equal mass."
        f"\n\n{calibrations(held, ours)}",
        f"## Rules by kind of match\n\n{rule_kinds(held, results[RULES])}",
        f"## Confusions of our Llama\n\n![Confusion]({CONFUSION})\n\n{confused(held, ours)}",
        f"## Its surest misses\n\n{misses(held, ours)}",
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _overall(held: Held, results: Mapping[str, Result], chosen: Chosen) -> str:
    index = np.flatnonzero(chosen)
    family = [held.family[i] for i in index]
    lines = [
        f"{len(index)} rows of {len(set(family))} families.",
        "",
        "| method | exact at threshold 0 | micro F1 | macro over families"
        f" | exact at ≥ {metrics.SURE} | coverage | ECE |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        exact, confidence = result.exact[index], result.confidence[index]
        f1 = metrics.micro_f1([held.rows[i].gold for i in index], [result.labels[i] for i in index])
        sure = metrics.selective(exact, confidence, metrics.SURE)
        rate = _between(float(exact.mean()), _mean_of(exact), family, ".1%")
        ece = _between(
            metrics.calibration_error(exact, confidence),
            _error_of(exact, confidence),
            family,
            ".3f",
        )
        cells = [
            name,
            rate,
            f"{f1:.3f}",
            f"{metrics.macro(exact, family):.1%}",
            "-" if np.isnan(sure.accuracy) else f"{sure.accuracy:.1%}",
            f"{sure.coverage:.1%}",
            ece,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean_of(exact: metrics.Floats) -> Callable[[metrics.Ints], float]:
    return lambda index: float(exact[index].mean())


def _error_of(exact: metrics.Floats, confidence: metrics.Floats) -> Callable[[metrics.Ints], float]:
    return lambda index: metrics.calibration_error(exact[index], confidence[index])


def _between(
    value: float, figure: Callable[[metrics.Ints], float], groups: Sequence[str], digits: str
) -> str:
    found = metrics.bootstrap_interval(figure, groups)
    return f"{value:{digits}} [{found.low:{digits}}, {found.high:{digits}}]"


def _targets(
    held: Held, results: Mapping[str, Result], gate: Chosen, whole: Mapping[str, Any]
) -> str:
    ours = results[OURS]
    lines = [
        "Out of fold and gate: the float Llama on whole outputs, as in the tables above. Ensemble:"
        " the published int8 version with reader, rules and guard around it on the gate's rows, as"
        " in the section after this.",
        "",
        "| target | out of fold | gate | gate, ensemble |",
        "|---|---|---|---|",
    ]
    sides = [np.flatnonzero(~gate), np.flatnonzero(gate)]
    others = [r for name, r in results.items() if name not in (OURS, ALONE)]
    best = [max(r.exact[i].mean() for r in others) for i in sides]
    exact = [*(ours.exact[i].mean() for i in sides), whole["exact"]]
    best.append(best[-1])
    sure = [metrics.selective(ours.exact[i], ours.confidence[i], metrics.SURE) for i in sides]
    sure.append(metrics.Selective(whole["sure_exact"] or 0.0, whole["sure_coverage"]))
    lines += [
        _target("exact ≥ 82 %", [f"{x:.1%}" for x in exact], [x >= 0.82 for x in exact]),
        _target(
            "above every baseline",
            [f"{x - y:+.1%}" for x, y in zip(exact, best, strict=True)],
            [x > y for x, y in zip(exact, best, strict=True)],
        ),
        _target(
            f"≥ 93 % exact at confidence ≥ {metrics.SURE}",
            [f"{x.accuracy:.1%}" for x in sure],
            [x.accuracy >= 0.93 for x in sure],
        ),
        _target(
            "and that for ≥ 80 % of the rows",
            [f"{x.coverage:.1%}" for x in sure],
            [x.coverage >= 0.8 for x in sure],
        ),
    ]
    ece = metrics.calibration_error(ours.exact, ours.confidence)
    met = "met" if ece <= 0.04 else "**missed**"
    return "\n".join(lines) + (
        f"\n\nECE ≤ 0.04 over all {len(held.rows)} held-out rows: {ece:.3f}, {met}."
    )


def _target(name: str, cells: Sequence[str], met: Sequence[bool]) -> str:
    shown = [f"{c}, {'met' if ok else '**missed**'}" for c, ok in zip(cells, met, strict=True)]
    return f"| {name} | {' | '.join(shown)} |"


def _draw(held: Held, ours: Result, docs: Path) -> None:
    gate = np.array([part == GATE for part in held.part])
    panels = {
        name: metrics.calibration_bins(ours.exact[chosen], ours.confidence[chosen])
        for name, chosen in (("out of fold", ~gate), ("gate families", gate))
    }
    draw_reliability(panels, docs / RELIABILITY)
    pairs = [
        (category_of(row.gold), category_of(labels))
        for row, labels in zip(held.rows, ours.labels, strict=True)
    ]
    draw_confusion(pairs, categories(), docs / CONFUSION)


def _card(held: Held, ours: Result) -> str:
    gate = np.array([part == GATE for part in held.part])
    mine = {OURS: ours}
    return (
        f"Out of fold: {_overall(held, mine, ~gate)}\n\n"
        f"Gate families: {_overall(held, mine, gate)}\n\n"
        f"Its surest misses among all of these:\n\n{misses(held, ours)}"
    )
