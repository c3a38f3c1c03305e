"""Time and memory of `mapper bulk`, compared with loops that send each row.

In: whether to run quickly. Out: seconds, CPU time and the peak of resident memory by run, and the
block for docs/bulk.md. The different outputs are phrases that no vocabulary has, so that each one
needs a pass of the model. A loop is timed on some of the rows, and its time for all is computed.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.contenders import Ask, UnavailableError
from bench.harness import assets
from bench.harness.rows import DETECTOR, make_rows, outputs
from bench.harness.stack import serving
from bench.harness.workers import ROOT, Worker
from bench.report import Target, number, table, targets
from engine.runtime.cores import usable_cores
from llama_mapper import MapperClient

#: Runs a command and writes what it used. The system counts the peak of a parent for its child
#: too, so the parent is small.
_LAUNCH = """
import json, resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[2:], check=True)
seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_s = used.ru_utime + used.ru_stime
with open(sys.argv[1], "w") as told:
    json.dump({"s": seconds, "cpu_s": cpu_s, "peak_kb": used.ru_maxrss}, told)
"""
#: Different pairs, and endpoints, of the computed figures.
_PAIRS, _MANY = 1_000_000, 20
_CLIENT, _LLAMA_CPP = "`MapperClient.map` in a loop", "llama.cpp, Q4_1, in a loop"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command. asked: whether the service had answered all outputs before; cpu_s,
    peak_mb: of the command alone, without the service."""

    rows: int
    distinct: int
    asked: bool
    seconds: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Loop:
    """One request per row, for `timed` rows; reason: why there are no figures."""

    name: str
    timed: int = 0
    seconds: float = float("nan")
    reason: str = ""

    def of(self, rows: int) -> float:
        """Seconds for so many rows, computed."""
        return self.seconds / self.timed * rows if self.timed else float("nan")


@dataclass(frozen=True, slots=True)
class Measured:
    """runs: the loops are compared with the first one."""

    runs: list[Run]
    loops: list[Loop]


def measure(quick: bool) -> Measured:
    """Start the service and map; the loops map rows of the first run."""
    few, many, distinct, timed = (
        (1_000, 2_000, 20, 5) if quick else (1_000_000, 10_000_000, 5_000, 200)
    )
    (build := ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = Path(name)
        with serving(folder) as running:
            where = ("--url", running.url)
            new = run_command(folder, where, few, distinct, asked=False)
            asks = [Ask(DETECTOR, output) for output in islice(outputs(few, distinct, 1), timed)]
            with MapperClient(running.url) as client:
                loop = _loop(_CLIENT, asks, lambda ask: client.map(ask.detector, ask.signal))
            known = run_command(folder, where, many, distinct, asked=True)
    return Measured([new, known], [loop, _llama_cpp(asks)])


def run_command(
    folder: Path,
    where: Sequence[str],
    rows: int,
    distinct: int,
    *,
    asked: bool,
    seed: int = 1,
    extra_bytes: int = 0,
) -> Run:
    """One run of `mapper bulk`. where: its options that say who maps; seed: of the phrases;
    extra_bytes: of a row besides its detector and output."""
    source, target = folder / "in.jsonl", folder / "out.jsonl"
    make_rows(source, rows, distinct, seed, extra_bytes)
    command = [sys.executable, "-m", "llama_mapper.cli", "bulk", str(source), str(target)]
    told = folder / "used.json"
    launched = [sys.executable, "-c", _LAUNCH, str(told), *command, *where, "--force"]
    subprocess.run(launched, cwd=ROOT, check=True)
    used = json.loads(told.read_bytes())
    return Run(rows, distinct, asked, used["s"], used["cpu_s"], used["peak_kb"] * 1024 / 1e6)


def _loop(name: str, asks: list[Ask], call: Callable[[Ask], object]) -> Loop:
    began = time.monotonic()
    for ask in asks:
        call(ask)
    return Loop(name, len(asks), time.monotonic() - began)


def _llama_cpp(asks: list[Ask]) -> Loop:
    """The base model on another engine, which writes a JSON text of labels per row."""
    try:
        if not assets.PEERS.is_file():  # first, since the assets take minutes
            raise UnavailableError(
                f"{assets.PEERS.parent.parent.name} is missing; run `make bench`"
            )
        version, threads = str(assets.text_versions().int8), usable_cores()
        gguf = str(assets.gguf())
        with Worker(assets.PEERS, "llama_cpp", gguf=gguf, version=version, threads=threads) as one:
            one.ask(asks[:1])
            return _loop(_LLAMA_CPP, asks, lambda ask: one.ask([ask]))
    except UnavailableError as error:
        return Loop(_LLAMA_CPP, reason=str(error))


def render(measured: Measured) -> str:
    """The table, and the objectives."""
    first, *_ = measured.runs
    cells = [
        (
            "`mapper bulk`",
            f"{run.rows:,}",
            f"{run.distinct:,}",
            "yes" if run.asked else "no",
            number(run.seconds),
            number(run.cpu_s),
            number(run.peak_mb),
        )
        for run in measured.runs
    ] + [
        (
            loop.name,
            f"{first.rows:,}",
            f"{first.distinct:,}",
            "yes" if loop.name == _CLIENT else "-",
            f"{number(loop.of(first.rows))}, computed",
            "-",
            "-",
        )
        for loop in measured.loops
        if loop.timed
    ]
    heads = ("", "rows", "different", "sent before", "time, s", "CPU of the command, s")
    shown = table((*heads, "its peak memory, MB"), cells)
    timed = " ".join(
        f"{loop.name}: {loop.timed:,} rows took {number(loop.seconds)} s."
        if loop.timed
        else f"Not measured: {loop.name}: {loop.reason}."
        for loop in measured.loops
    )
    judged = [_target(run, limit) for run, limit in zip(measured.runs, (120, 300), strict=True)]
    peak = max(run.peak_mb for run in measured.runs)
    judged.append(Target("peak memory of the command", peak, 1000, " MB"))
    return f"{shown}\n\n{timed}\n\n{targets(judged)}\n\n{_at_scale(measured)}"


def _at_scale(measured: Measured) -> str:
    """What the runs amount to for many more rows, computed. The first run needs the model for each
    pair; the last one reads and writes alone."""
    first, last = measured.runs[0], measured.runs[-1]
    pairs_per_s = first.distinct / first.seconds
    hours = _PAIRS / pairs_per_s / 3600
    cpu_hours = last.cpu_s / last.rows * 1e9 / 3600
    return (
        f"Computed from these runs: an endpoint maps {number(pairs_per_s)} different pairs per "
        f"second, so 1 million pairs take {number(hours)} hours at one and "
        f"{number(60 * hours / _MANY)} minutes at {_MANY}. Reading, joining and writing cost the "
        f"command {number(cpu_hours)} CPU-hours per billion rows, {number(10 * cpu_hours)} for 10 "
        "billion."
    )


def _target(run: Run, limit: float) -> Target:
    before = "sent before" if run.asked else "none sent before"
    return Target(
        f"{run.rows:,} rows, {run.distinct:,} different, {before}", run.seconds, limit, " s"
    )
