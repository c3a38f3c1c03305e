"""An export that a signal or a full disk ends leaves nothing behind."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from export.publishing.publish import main
from tests.export.publishing.exports import ROOT, arguments, contents

pytestmark = pytest.mark.export


def command(folder: Path, model: Path) -> list[str]:
    return [sys.executable, "-m", "export.publishing.publish", *arguments(folder, model)]


def stopped_while_exporting(line: Sequence[str], how: signal.Signals) -> tuple[int, str]:
    """Run the command, send it a signal once it exports; its exit code and last words."""
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if said.startswith("[2/"):
                process.send_signal(how)
                break
        rest = process.stderr.read()
    return process.returncode, rest


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    checkpoint: Path, folder: Path, how: signal.Signals
) -> None:
    code, said = stopped_while_exporting(command(folder, checkpoint), how)
    assert code == 130
    assert said.splitlines()[-1] == "export-model: interrupted; nothing was published"
    assert contents(folder) == ["model.py"]


def test_what_a_killed_export_leaves_is_removed_by_the_next(checkpoint: Path, folder: Path) -> None:
    stopped_while_exporting(command(folder, checkpoint), signal.SIGKILL)
    assert any(name.startswith(".staging-") for name in contents(folder))
    assert main(arguments(folder, folder / "absent")) == 1
    assert contents(folder) == ["model.py"]


def test_a_disk_that_refuses_is_reported(checkpoint: Path, folder: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", *command(folder, checkpoint)]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is the disk full?" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert contents(folder) == ["model.py"]
