"""Every section of the bench runs, with few inputs, and leaves the page as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import report

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.model
@pytest.mark.export
@pytest.mark.parametrize("section", ["peers", "levers", "layers", "direct", "load"])
def test_a_section_runs(section: str) -> None:
    page = report.PAGE.read_text("utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--only", section],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"`make bench ONLY={section} QUICK=1` on " in done.stdout
    assert "Not measured" not in done.stdout
    assert report.PAGE.read_text("utf-8") == page
