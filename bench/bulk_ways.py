"""The ways of `mapper bulk` to the model: the service, Triton, the engine in the process; and one
endpoint compared with several.

In: whether to run quickly. Out: seconds, CPU time and peak of resident memory by run, and the block
`ways` of docs/bulk.md. Each run has phrases of its own, so that none is known from an earlier one.
Two Tritons on one machine share its cores, so endpoints are compared with stand-ins: servers
without a model, each of which takes a given time for an item. The block `wide` has the peak of
memory by the width of rows; there a stand-in takes no time.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.bulk import Run, run_command
from bench.harness.stack import serving
from bench.harness.stand_in import by_rules
from bench.harness.workers import ROOT
from bench.report import Target, number, table, targets

#: Seconds that a stand-in takes for an item, about those of the model on 2 cores.
_ITEM_S = 0.03
_STAND_INS = (1, 2, 4)
#: Bytes that a row has besides its detector and output, and rows.
_WIDTHS = {0: 200_000, 2_000: 200_000, 20_000: 50_000}
_QUICK_ROWS, _WIDE_DISTINCT = 50, 20
_LIMIT_MB = 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """ways: runs by the option of the command; stand_ins: by the number of endpoints."""

    ways: dict[str, Run]
    stand_ins: dict[int, Run]


def measure(quick: bool) -> Measured:
    """Start the service, then stand-ins, and map."""
    rows, distinct = (200, 20) if quick else (10_000, 500)
    (build := ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = Path(name)

        def run(where: tuple[str, ...], seed: int) -> Run:
            return run_command(folder, where, rows, distinct, asked=False, seed=seed)

        ways = {}
        with serving(folder) as running:
            ways["--url"] = run(("--url", running.url), 2)
            ways["--triton"] = run(("--triton", running.grpc), 3)
        ways["--in-process"] = run(("--in-process",), 4)
        stand_ins = {}
        for count in _STAND_INS:
            with ExitStack() as stack:
                addresses = [stack.enter_context(by_rules(_ITEM_S).running()) for _ in range(count)]
                stand_ins[count] = run(tuple(_options(addresses)), 5)
    return Measured(ways, stand_ins)


def _options(addresses: list[str]) -> Iterator[str]:
    for address in addresses:
        yield from ("--triton", address)


def render(measured: Measured) -> str:
    """A table of the ways, and one of the stand-ins."""
    heads = ("CPU of the command, s", "its peak memory, MB")
    ways = table(
        ("", "rows", "different", "took, s", *heads),
        [
            (f"`mapper bulk {name}`", *_counts(run), number(run.cpu_s), number(run.peak_mb))
            for name, run in measured.ways.items()
        ],
    )
    stand_ins = table(
        ("stand-ins", "rows", "different", "took, s", "at least, s"),
        [
            (str(count), *_counts(run), number(run.distinct * _ITEM_S / count))
            for count, run in measured.stand_ins.items()
        ],
    )
    return (
        f"{ways}\n\n"
        f"Stand-ins without a model, each of which takes {1000 * _ITEM_S:.0f} ms for an item, one "
        f"batch at a time:\n\n{stand_ins}"
    )


def _counts(run: Run) -> tuple[str, str, str]:
    return f"{run.rows:,}", f"{run.distinct:,}", number(run.seconds)


@dataclass(frozen=True, slots=True)
class Wide:
    """runs: by the bytes that a row has besides its detector and output."""

    runs: dict[int, Run]


def measure_wide(quick: bool) -> Wide:
    """Start a stand-in, and map."""
    (build := ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    runs = {}
    with tempfile.TemporaryDirectory(dir=build) as name, by_rules(0).running() as address:
        for width, rows in _WIDTHS.items():
            count, where = _QUICK_ROWS if quick else rows, ("--triton", address)
            runs[width] = run_command(
                Path(name), where, count, _WIDE_DISTINCT, asked=False, extra_bytes=width
            )
    return Wide(runs)


def render_wide(measured: Wide) -> str:
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
