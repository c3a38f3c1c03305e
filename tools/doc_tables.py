"""Tables from data and from other pages: taxonomy, comparison, blocks that are not run.

In: the taxonomy, the generated tables of `docs/evaluation.md` and `docs/performance.md`, the marks
of blocks. Out: Markdown tables.
"""

import re
from collections.abc import Iterable

from schemas.taxonomy import FIRST_VERSION, load_taxonomy
from tools.doc_blocks import ROOT, Kind, blocks, pages
from tools.markdown import table

_ACCURACY = ("All held-out rows", "Gate families")


def history_table() -> str:
    """One row per label of the first version, with the labels that later versions split off."""
    labels = load_taxonomy().labels
    return table(
        (f"label of {FIRST_VERSION}", "meaning", "labels of 2026.11 that it covered"),
        (
            (
                f"`{first.name}`",
                first.description,
                ", ".join(f"`{one.name}`" for one in labels if one.coarsens_to == first.name),
            )
            for first in labels
            if first.since == FIRST_VERSION
        ),
    )


def accuracy_table() -> str:
    """Exact match by method on both groups of rows, and coverage and ECE on all of them."""
    everything, gate = (_table_below(f"## {name}", "evaluation.md") for name in _ACCURACY)
    heads = [f"exact, {name[0].lower()}{name[1:]}" for name in _ACCURACY]
    return table(
        ("method", *heads, "coverage", "ECE"),
        (
            (row[0], row[1], other[1], row[5], row[6])
            for row, other in zip(everything, gate, strict=True)
        ),
    )


def speed_table() -> str:
    """Time of one answer and accuracy by way, without the bounds and the cached answer."""
    rows = _table_below("<!-- generated: peers -->", "performance.md")
    answers = [row for row in rows if not row[0].startswith("bound") and "cached" not in row[0]]
    return table(
        ("an answer by", "median, ms", "p95, ms", "times label tokens", "passes", "exact, gate"),
        ((*row[:5], row[6]) for row in answers),
        numbers=True,
    )


def not_run_table() -> str:
    """One row per block that no test runs or compares."""
    marked = [b for page in pages() for b in blocks(page) if b.mark and b.mark.kind is Kind.NOT_RUN]
    return table(
        ("page", "first command", "reason"),
        (
            (b.page.removeprefix("docs/"), f"`{_command(b.text)}`", b.mark.reason)
            for b in marked
            if b.mark
        ),
    )


def _command(text: str) -> str:
    line = re.sub(r"\s+#.*", "", text.splitlines()[0]).rstrip(" \\")
    return line.replace("|", "\\|")


def _table_below(begin: str, page: str) -> list[list[str]]:
    """The cells of the first table after a line of a page, without its head."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"{begin}\n")
    if not found:
        raise ValueError(f"docs/{page} has no line {begin!r}")
    lines = rest[rest.index("\n|") :].strip().splitlines()
    return list(_cells(lines))[2:]


def _cells(lines: Iterable[str]) -> Iterable[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]
