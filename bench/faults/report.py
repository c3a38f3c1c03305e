"""The generated table in docs/reliability.md."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from bench.faults.cases import Outcome
from tools import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def table(outcomes: Iterable[Outcome]) -> str:
    """A Markdown table, one row per fault."""
    head = (
        "fault", "items", "status", "source (reason)", "p50 / p95 / longest, ms", "late", "wrong",
        "lost", "counted", "health (ready, model)", "model back after",
    )  # fmt: skip
    return markdown.table(head, map(_row, outcomes)).removesuffix("\n")


def _row(outcome: Outcome) -> tuple[str, ...]:
    # A batch has the budgets of all its items, so its time is not that of an item.
    single = sorted(one.took_s for one in outcome.seen if one.items == 1 and one.status)
    quantiles = (single[int(q * (len(single) - 1))] for q in (0.5, 0.95, 1.0))
    status: dict[str, int] = {}
    for one in outcome.seen:
        what = str(one.status) if one.status else one.problem
        status[what] = status.get(what, 0) + 1
    sources = sorted(outcome.reasons().items(), key=lambda entry: -entry[1])
    return (
        outcome.case,
        str(outcome.sent),
        ", ".join(f"{what} ({count})" for what, count in sorted(status.items())),
        ", ".join(
            f"{count} {source}{f' ({reason})' if reason else ''}"
            for (source, reason), count in sources
        ),
        " / ".join(f"{seconds * 1000:.0f}" for seconds in quantiles),
        str(outcome.late),
        str(outcome.wrong),
        str(outcome.lost),
        str(outcome.counted),
        outcome.health,
        f"{outcome.back_s:.1f} s",
    )


def machine() -> str:
    """The machine of the figures."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return (
        f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f}"
    )


def write(text: str) -> None:
    """Put the text between the markers of the page."""
    page = markdown.render(PAGE.read_text(encoding="utf-8"), {"faults": f"{text}\n"})
    PAGE.write_text(page, encoding="utf-8")
