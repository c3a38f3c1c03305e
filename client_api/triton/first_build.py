"""Builds the default model version where none is published, while the rules answer.

In: the model repository. Out: a published version, or the word that there is none. The build is a
process of its own: it takes gigabytes for half a minute, and ends with this one.
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
    """Whether a version of a model is published, if need be after building one.

    model: the model's folder in the repository. stop: ends the build when set. A build that fails
    says why on standard error.
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
