"""The evaluation's pictures, as PNG files.

In: bins, or counts by category. Out: one file per picture, the same on every machine with the same
matplotlib.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from export.measures.metrics import Bins

_BLUE, _GREY = "#1f5fb4", "#888888"
_DPI = 110
_WITHOUT_DATES = {"Software": None}

mpl.rcParams["font.size"] = 9


def draw_reliability(panels: Mapping[str, Bins], file: Path) -> None:
    """One panel per name: the exact share of each bin over its mean confidence, and the diagonal.

    The area of a dot is its bin's number of rows.
    """
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    for axes, (name, bins) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="perfect")
        axes.vlines(bins.confidence, bins.confidence, bins.accuracy, color=_BLUE, linewidth=1)
        axes.scatter(bins.confidence, bins.accuracy, s=bins.size, color=_BLUE, label="a bin")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="exact share")
        axes.set_title(f"{name}, {bins.size.sum()} rows in {len(bins.size)} bins")
        axes.set_aspect("equal")
        axes.legend(loc="upper left", frameon=False)
    _save(figure, file)


def draw_confusion(pairs: Sequence[tuple[str, str]], order: Sequence[str], file: Path) -> None:
    """(gold, answered) categories as a matrix: the shade is the share of the gold category's rows,
    the number is rows. Categories are in `order`, without those that never occur."""
    names = [name for name in order if any(name in pair for pair in pairs)]
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), np.int64)
    for gold, answered in pairs:
        counts[place[gold], place[answered]] += 1
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        shade = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="answered", ylabel="gold")
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI, metadata=_WITHOUT_DATES)
