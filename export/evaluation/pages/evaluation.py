"""`docs/evaluation.md`, its pictures, and the figures of the model card.

In: held-out rows and every method's result on them. Out: Markdown and PNG files. Independent of the
methods.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.data.labelled import DataError
from export.evaluation.comparison import (
    ALONE,
    GATE,
    OURS,
    Held,
    Novelty,
    Result,
)
from export.evaluation.pages.pictures import draw_confusion, draw_reliability
from export.evaluation.pages.served import Version, sections
from export.evaluation.pages.tables import (
    backed_off,
    by_category,
    calibrations,
    categories,
    confused,
    groups,
    misses,
    profiles,
    rule_kinds,
    shares,
)
from export.evaluation.served import category_of
from export.measures import metrics
from tools.markdown import render

Chosen = npt.NDArray[np.bool_]

RULES = "rules alone"
PAGE, CARD = "evaluation.md", "model-card.md"
RELIABILITY, CONFUSION = "img/reliability.png", "img/confusion.png"

_INTRO = """\
# Evaluation

<!-- Written by `make evaluate`; changes by hand are lost. -->

The accuracy of the Llama on detectors without curated entries, compared with simpler methods.

- **Rows.** The curated pairs of `export/data/vocabulary.jsonl`: an output of a detector, and its
  gold label set. An answer is exact when its whole label set is the gold set.
- **Held out by family.** All detectors of a vendor or line are one family. Each family is in one of
  three folds or in the gate (`export/data/folds.yaml`). A fold is answered by a model that was
  trained on the two other folds; the gate, by one that was trained on all three. No model is
  trained on the gate.
- **Hidden everywhere.** The family's file, names and entries are removed from the rules, and its
  rows from training and retrieval. Its detector is sent as `custom-guard`.
- **Confidence** is each method's own score. It is mapped by an isotonic curve, fitted on the other
  folds (never on the gate), if that lowers the log loss by more than chance: a 95 % bootstrap
  interval over families is above zero. So thresholds mean the same in every row. In
  `OTHER.Unknown` it is capped at 0.5.
- **Intervals** are 95 % bootstrap intervals that draw whole families. A calibration error (ECE) is
  biased upwards, and more so for drawn rows: its interval may be above the figure. Formulas and
  sources are in `export/measures/metrics.py`.
- The answers of our Llama and of the untuned base are committed predictions in float32
  (`export/artefacts/oof/`). `make evaluate DATA=file.jsonl` measures the published int8 version.

| method | description |
|---|---|
| rules alone | signal reader and curated rules of the other families, as in mode `rules_only` |
| nearest string | the training text with the highest rapidfuzz `ratio`, both in normal form |
| nearest sentence | the training text with the highest cosine of all-MiniLM-L6-v2 embeddings |
| untuned base | our prompt and answer rows before the first step of training: no LoRA, each row \
the mean of its labels' words |
| Llama without retrieval | LoRA and one answer row per label set, one forward pass |
| our Llama | the same with retrieval among its training texts (`engine/retrieval/`), as in \
every published version: the answer to an equal text weighs 0.9 against the model's 0.1; otherwise \
the answers to the 20 nearest sentences weigh 0.75 together, and less below a cosine of 0.7. Two \
encoders share that weight: all-MiniLM-L6-v2 and, alone for other scripts than Latin, the \
multilingual Universal Sentence Encoder. If the model gives `OTHER.Safe` at least 0.8, \
retrieval counts only for `OTHER.Unknown` |

Training texts are the same for all: label names, descriptions and aliases, our phrase lists
(`export/data/meanings/`, `export/data/languages/phrases.yaml`), documents by country
(`export/data/countries.yaml`), prompt injections (`export/data/attempts.yaml`, all of them
`OTHER.Unknown`), and the rows of the training families. The phrase lists are the same in every
fold. They contain usual words of the field, so they may contain a held-out text; the table
"Texts in the training data" separates those texts. The weights of the retrieval were chosen on the
out-of-fold rows, so the figures there are slightly too high. The same sweep also printed the gate's
figures.
"""


def write_pages(
    held: Held,
    results: Mapping[str, Result],
    version: Version,
    docs: Path,
) -> list[Path]:
    """Write the page and its pictures, and fill the card; returns the files.

    Raises DataError, before anything is written, when the card has no place for the figures.
    """
    card = fill((docs / CARD).read_text("utf-8"), _card(held, results[OURS]))
    _draw(held, results[OURS], docs)
    (docs / PAGE).write_text(page(held, results, version), "utf-8")
    (docs / CARD).write_text(card, "utf-8")
    return [docs / name for name in (PAGE, CARD, RELIABILITY, CONFUSION)]


def fill(text: str, figures: str) -> str:
    """The text of the card with `figures` in their place. Raises DataError without a place."""
    try:
        return render(text, {"figures": f"\n{figures.strip()}\n\n"})
    except ValueError as error:
        raise DataError(f"{CARD}: {error}") from error


def page(
    held: Held,
    results: Mapping[str, Result],
    version: Version,
) -> str:
    """The whole page."""
    gate = np.array([part == GATE for part in held.part])
    ours = results[OURS]
    novelty = groups(held.novelty)
    parts = [
        _INTRO,
        "## Texts in the training data\n\n"
        "Exact match, all held-out rows. Texts are compared in normal form. `only in our phrase"
        " lists`: a phrase list has the text, and no training family.\n\n"
        + shares("text", {str(n): novelty[n] for n in Novelty if n in novelty}, results),
        f"## Out of fold\n\n{_overall(held, results, ~gate)}",
        f"## Gate families\n\n{_overall(held, results, gate)}",
        f"## All held-out rows\n\n{_overall(held, results, gate | ~gate)}",
        f"## Targets\n\n{_targets(held, results, gate, version.whole.at[0.0])}",
        *sections(version),
        "## By category\n\nExact match, all held-out rows, by the category of the most specific"
        " gold label.\n\n" + shares("category", by_category(held), results),
        "## By family\n\nExact match, all held-out rows.\n\n"
        + shares("family", dict(sorted(groups(held.family).items())), results),
        f"## Confidence\n\n![Reliability]({RELIABILITY})\n\nOur Llama; 15 bins of equal mass."
        f"\n\n{calibrations(held, ours)}\n\n{profiles(held, ours)}",
        f"## Back-off\n\n{backed_off(held, ours, results[RULES])}",
        f"## Rules by kind of match\n\n{rule_kinds(held, results[RULES])}",
        f"## Confusions of our Llama\n\n![Confusion]({CONFUSION})\n\n{confused(held, ours)}",
        f"## Wrong answers with the highest confidence\n\n{misses(held, ours)}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _overall(held: Held, results: Mapping[str, Result], chosen: Chosen) -> str:
    index = np.flatnonzero(chosen)
    family = [held.family[i] for i in index]
    lines = [
        f"{len(index)} rows of {len(set(family))} families.",
        "",
        "| method | exact at threshold 0 | micro F1 | macro over families"
        f" | exact at ≥ {metrics.CONFIDENT} | coverage | ECE |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        exact, confidence = result.exact[index], result.confidence[index]
        f1 = metrics.micro_f1([held.rows[i].gold for i in index], [result.labels[i] for i in index])
        sure = metrics.selective(exact, confidence, metrics.CONFIDENT)
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
        " the published int8 version with reader, rules and guard on the gate's rows, as in the"
        " next section.",
        "",
        "| target | out of fold | gate | gate, ensemble |",
        "|---|---|---|---|",
    ]
    sides = [np.flatnonzero(~gate), np.flatnonzero(gate)]
    others = [r for name, r in results.items() if name not in (OURS, ALONE)]
    best = [max(r.exact[i].mean() for r in others) for i in sides]
    exact = [*(ours.exact[i].mean() for i in sides), whole["exact"]]
    best.append(best[-1])
    sure = [metrics.selective(ours.exact[i], ours.confidence[i], metrics.CONFIDENT) for i in sides]
    sure.append(metrics.Selective(whole["sure_exact"] or 0.0, whole["sure_coverage"]))
    lines += [
        _target("exact ≥ 82 %", [f"{x:.1%}" for x in exact], [x >= 0.82 for x in exact]),
        _target(
            "above every baseline",
            [f"{x - y:+.1%}" for x, y in zip(exact, best, strict=True)],
            [x > y for x, y in zip(exact, best, strict=True)],
        ),
        _target(
            f"≥ 93 % exact at confidence ≥ {metrics.CONFIDENT}",
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
        f"Its wrong answers with the highest confidence:\n\n{misses(held, ours)}"
    )
