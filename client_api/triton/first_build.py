"""Builds the default model version if none is published, while the rules answer.

In: the model repository. Out: a published version, or False. The build runs in its own process,
since it needs gigabytes of memory for half a minute; it ends with this process.
"""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import structlog

from engine.versions import published_versions

_BUILD: Final = "export.publishing.build"
_POLL_S: Final = 0.1

_log = structlog.get_logger()


def build_when_none(model: Path, stop: threading.Event) -> bool:
    """Build a version if none is published; returns whether one is published.

    model: the model's folder in the repository. stop: ends the build when set. A failed build
    prints the reason to standard error.
    """
    if published_versions(model):
        return True
    command = [sys.executable, "-m", _BUILD, "--model-folder", str(model.resolve())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while process.poll() is None and not stop.wait(_POLL_S):
            pass
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode and not stop.is_set():
        _log.error("no model version was built; the rules answer", code=process.returncode)
    return process.returncode == 0
