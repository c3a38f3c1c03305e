"""Time, memory and size of the evidence of many rows, and of its check.

In: whether to run quickly. Out: seconds, CPU time and peaks of resident memory of `mapper evidence`
and of `--verify`, sizes of input and folder, and the block for docs/evidence.md. The rows are
mapped by `mapper bulk` at the service before; the detectors' words are known, so the model is not
asked.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.harness.stack import serving
from bench.harness.workers import ROOT
from bench.report import number, table

#: Detector and output; more than half of the rows are incidents.
_SAID = (
    *(("presidio", said) for said in ("US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER", "[]")),
    *(("llama-guard-3", said) for said in ("unsafe\nS1", "unsafe\nS10", "unsafe\nS2,S10")),
    *(("llama-guard-3", "safe"),) * 3,
    *(("openai-moderation", said) for said in ("hate", "violence")),
)
_TENANTS = tuple(f"tenant-{number}" for number in range(10))
_FROM, _DAYS = datetime(2026, 1, 1, tzinfo=UTC), 365
#: Runs a command and prints its CPU seconds and its peak of resident memory in KiB. It is a process
#: of its own, since the system counts the memory of the starting process for the command too.
_SPENT = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds, seconds of CPU, and the peak of resident memory."""

    seconds: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """input_mb: the mapped rows; files_mb: of the folder, by name."""

    rows: int
    input_mb: float
    export: Spent
    verify: Spent
    files_mb: dict[str, float]


def measure(quick: bool) -> Measured:
    """Start the service, map rows, and make and check their evidence."""
    rows = 2_000 if quick else 1_000_000
    (build := ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = Path(name)
        logs, mapped, out = folder / "logs.jsonl", folder / "mapped.jsonl", folder / "evidence"
        make_logs(logs, rows)
        with serving(folder) as running:
            service = ("--url", running.url)
            _spend("bulk", str(logs), str(mapped), *service)
            columns = ("--time-column", "at", "--tenant-column", "tenant")
            export = _spend("evidence", str(mapped), "--out", str(out), *columns, *service)
        verify = _spend("evidence", "--verify", str(out))
        sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(out.iterdir())}
        return Measured(rows, mapped.stat().st_size / 1e6, export, verify, sizes)


def make_logs(file: Path, rows: int) -> None:
    """Write JSON Lines of detector, output, time and tenant, over a year."""
    chance = random.Random(1)
    with file.open("w") as lines:
        for index in range(rows):
            detector, output = chance.choice(_SAID)
            at = (_FROM + timedelta(days=_DAYS * index / rows)).isoformat()
            row = {"detector": detector, "output": output, "at": at}
            lines.write(json.dumps(row | {"tenant": chance.choice(_TENANTS)}) + "\n")


def _spend(*arguments: str) -> Spent:
    """Run `mapper`. Raises CalledProcessError when it fails."""
    mapper = (sys.executable, "-m", "llama_mapper.cli", *arguments)
    began = time.monotonic()
    command = [sys.executable, "-c", _SPENT, *mapper]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    cpu_s, peak_kib = map(float, done.stdout.split())
    return Spent(time.monotonic() - began, cpu_s, peak_kib * 1024 / 1e6)


def render(measured: Measured) -> str:
    """The two commands, and the largest files."""
    whole = sum(measured.files_mb.values())
    rows = f"{measured.rows:,}"
    commands = table(
        ("", "rows", "reads, MB", "writes, MB", "time, s", "CPU, s", "peak memory, MB"),
        [
            _command("mapper evidence", rows, measured.input_mb, whole, measured.export),
            _command("mapper evidence --verify", rows, whole, float("nan"), measured.verify),
        ],
    )
    largest = sorted(measured.files_mb.items(), key=lambda one: -one[1])[:3]
    files = ", ".join(f"`{name}` {number(size)} MB" for name, size in largest)
    return f"{commands}\n\nThe largest files: {files}."


def _command(name: str, rows: str, read_mb: float, written_mb: float, spent: Spent) -> list[str]:
    figures = (read_mb, written_mb, spent.seconds, spent.cpu_s, spent.peak_mb)
    return [f"`{name}`", rows, *map(number, figures)]
