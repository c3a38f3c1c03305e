"""Peak memory of `mapper bulk` by the width of rows.

In: whether to run quickly. Out: runs by width, and the block `wide` of docs/bulk.md. A stand-in
without a model answers, so that the time is that of reading, joining and writing.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.bulk import Run, run_command
from bench.bulk_ways import stand_in
from bench.harness.workers import ROOT
from bench.report import Target, number, table, targets

#: Bytes that a row has besides its detector and output, and rows.
_WIDTHS = {0: 200_000, 2_000: 200_000, 20_000: 50_000}
_QUICK_ROWS, _DISTINCT = 50, 20
_LIMIT_MB = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """runs: by the bytes that a row has besides its detector and output."""

    runs: dict[int, Run]


def measure(quick: bool) -> Measured:
    """Start a stand-in, and map."""
    (build := ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    runs = {}
    with tempfile.TemporaryDirectory(dir=build) as name, stand_in(0).running() as address:
        for width, rows in _WIDTHS.items():
            count, where = _QUICK_ROWS if quick else rows, ("--triton", address)
            runs[width] = run_command(
                Path(name), where, count, _DISTINCT, asked=False, extra_bytes=width
            )
    return Measured(runs)


def render(measured: Measured) -> str:
    """A table, and the objective."""
    cells = [
        (f"{width:,}", f"{run.rows:,}", number(run.seconds), number(run.cpu_s), number(run.peak_mb))
        for width, run in measured.runs.items()
    ]
    heads = ("more bytes of a row", "rows", "took, s", "CPU of the command, s")
    shown = table((*heads, "its peak memory, MB"), cells)
    peak = max(run.peak_mb for run in measured.runs.values())
    judged = Target("peak memory of the command, wide rows", peak, _LIMIT_MB, " MB")
    return f"{shown}\n\n{targets([judged])}"
