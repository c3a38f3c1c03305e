"""Writes small files that a running service may be reading."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """As `write_whole`, readable by its owner only."""
    write_whole(path, text, 0o600)


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace the file as a whole; it survives a power cut. mode: its permissions.

    Raises OSError; unless it is the folder that cannot be synced, the file is then as it was.
    """
    # A file of mkstemp is 0600 from the start, and the rename shows readers all or nothing.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    # Sync the folder too: without this a revoked key may come back after a power cut.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
