"""The bench of the engines, at a size that only shows that it runs."""

import subprocess
import sys

import pytest

from bench.processes import ROOT


def bench(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "bench.engines", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_it_measures_each_engine_by_workers_and_endpoints() -> None:
    few = ("--rows", "2000", "--distinct", "20", "--item-ms", "1")
    done = bench(*few, "--workers", "1", "2", "--endpoints", "2")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:2] for row in rows[2:]] == [
        *([engine, workers] for engine in ("DuckDB", "Spark", "Ray Data") for workers in "12"),
        ["endpoints alone, computed", "-"],
    ]
    assert rows[-1][2:] == ["0.01"]
    assert all(float(cell) > 0 for row in rows[2:] for cell in row[2:])


def test_it_takes_addresses_of_the_service(url: str) -> None:
    few = ("--engines", "duckdb", "--rows", "200", "--distinct", "20", "--workers", "1")
    done = bench(*few, "--endpoints", "1", "--url", url)
    assert done.returncode == 0, done.stderr
    assert "| DuckDB | 1 | " in done.stdout
    assert "stand-ins" not in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [("--triton", "localhost:1"), ("--url", "http://a", "--triton", "b:1", "--endpoints", "1")],
)
def test_addresses_that_do_not_fit_are_refused(wrong: tuple[str, ...]) -> None:
    done = bench(*wrong)
    assert done.returncode == 2
    assert "error: give --url or --triton" in done.stderr
