"""Atomic publication of a version directory.

In: the folder of a Triton model and the files of a version. Out: the next number, which no version
had before, deleted ones included. An incomplete version is `.staging-*`, which Triton ignores; a
rename publishes it. Independent of the content of a version.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.versions import version_numbers
from export.common.errors import ExportError
from schemas.config.files import write_private

_PREFIX = ".staging-"
# The highest number of any version so far.
_LAST = ".last-version"


@contextmanager
def staging(model_folder: Path) -> Iterator[Path]:
    """A new directory for a version, removed when the block ends without publication.

    Files of killed exports are removed first. Raises ExportError while another export builds here.
    """
    model_folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(model_folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(f"{model_folder}: another export is running here") from None
        for stale in model_folder.glob(f"{_PREFIX}*"):
            shutil.rmtree(stale)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=model_folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def publish(folder: Path, model_folder: Path) -> Path:
    """Make a finished staging directory the next version; returns its new path.

    Everything is on disk before the rename, so a crash leaves the whole version or none.
    """
    folder.chmod(0o755)
    for file in folder.iterdir():
        _sync(file)
    _sync(folder)
    number = 1 + _highest(model_folder)
    while True:
        # Recorded first: a crash between both steps leaves a gap and never repeats a number.
        write_private(model_folder / _LAST, f"{number}\n")
        target = model_folder / str(number)
        try:
            folder.rename(target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            number += 1
    _sync(model_folder)
    return target


def _highest(model_folder: Path) -> int:
    """The highest version number that the model has or had; 0 before the first."""
    file = model_folder / _LAST
    try:
        last = int(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        last = 0
    except ValueError:
        raise ExportError(f"{file}: no number; write the highest version that there was") from None
    return max((last, *version_numbers(model_folder)))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
