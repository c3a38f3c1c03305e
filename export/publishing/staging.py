"""Publishing a version directory at once or not at all.

In: the folder of a Triton model and what fills a version. Out: the next free number. While it is
built, a version is `.staging-*`, which Triton ignores; a rename makes it visible. Knows nothing
of what a version contains.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.common.errors import ExportError

_PREFIX = ".staging-"


@contextmanager
def staging(model_folder: Path) -> Iterator[Path]:
    """A fresh directory to build a version in, gone when the block ends unpublished.

    Remains of exports that were killed are removed first. Raises ExportError while another
    export builds here.
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
    """Make a finished staging directory the next version; returns where it is now.

    Everything is on disk before the rename, so a crash leaves the whole version or none.
    """
    folder.chmod(0o755)
    for file in folder.iterdir():
        _sync(file)
    _sync(folder)
    number = 1 + max((int(d.name) for d in model_folder.iterdir() if d.name.isdigit()), default=0)
    while True:
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


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
