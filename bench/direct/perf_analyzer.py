"""`python -m bench.direct.perf_analyzer`: NVIDIA's perf_analyzer on a running Triton, by gRPC.

In: an address, a model, inputs in its format. Out: its own report, or from `measure` answers per
second and latencies at one concurrency. The program has its own environment.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import UnavailableError
from bench.harness.workers import ROOT

INPUTS = ROOT / "bench" / "perf_analyzer.json"
TENSORS = ("DETECTOR", "OUTPUT", "METADATA", "OPTIONS")
_PROGRAM = ROOT / ".venv-perf" / "bin" / "perf_analyzer"
_WINDOWS = 3  # measurement windows of the program
_ANY_SPREAD = 1_000_000  # percent, so that the first windows are measured


@dataclass(frozen=True, slots=True)
class Point:
    """Answers per second, and latencies in ms."""

    per_second: float
    p50: float
    p95: float
    p99: float


def measure(
    url: str, model: str, concurrency: int, window_s: float, inputs: Path = INPUTS
) -> Point:
    """The figures at a concurrency, over three windows of `window_s`.

    Raises UnavailableError without the program, RuntimeError with its output when it fails.
    """
    if not _PROGRAM.is_file():
        raise UnavailableError(f"{_PROGRAM.parents[1].name} is missing; run `make bench`")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.csv"
        windows = ("--measurement-interval", str(int(1000 * window_s)), "-f", str(report))
        ran = subprocess.run(
            [
                *_command(url, model, inputs, str(concurrency), _ANY_SPREAD),
                *windows,
                *("--percentile", "95", "--max-trials", str(_WINDOWS)),
            ],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if ran.returncode:
            end = "\n".join(ran.stdout.splitlines()[-8:])
            raise RuntimeError(f"perf_analyzer on {model} at {concurrency}: {end}")
        [row] = csv.DictReader(report.read_text("utf-8").splitlines())
    return _point(row)


def _point(row: Mapping[str, str]) -> Point:
    """The figures of a line of its report, whose times are in microseconds."""
    p50, p95, p99 = (float(row[f"p{q} latency"]) / 1000 for q in (50, 95, 99))
    return Point(float(row["Inferences/Second"]), p50, p95, p99)


def _command(
    url: str, model: str, inputs: Path, concurrency: str, stability: float
) -> Sequence[str]:
    shapes = (word for name in TENSORS for word in ("--shape", f"{name}:1"))
    return (
        *(str(_PROGRAM), "-m", model, "-i", "grpc", "-u", url, "--input-data", str(inputs)),
        *(*shapes, "--concurrency-range", concurrency, "--stability-percentage", str(stability)),
    )


def _environment() -> dict[str, str]:
    return os.environ | {"LD_LIBRARY_PATH": str(_PROGRAM.parents[1] / "lib")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program on the ensemble; returns its exit code."""
    parser = argparse.ArgumentParser(prog="bench.direct.perf_analyzer", description=__doc__)
    parser.add_argument("--url", default="localhost:8001")
    parser.add_argument("--concurrency", default="1:8", help="from:to, or one number")
    parser.add_argument("--stability", default="10", help="percent by which windows may differ")
    given = parser.parse_args(arguments)
    command = _command(given.url, "mapper", INPUTS, given.concurrency, given.stability)
    windows = ("--measurement-mode", "count_windows", "--measurement-request-count", "100")
    return subprocess.run([*command, *windows], env=_environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
