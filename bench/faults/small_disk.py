"""A small disk that can be filled: a tmpfs. Mounting it needs root, or sudo."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

_BYTES: Final = 64 * 1024 * 1024
_FILLER: Final = "filler"


class SmallDisk:
    """Mounted until it is closed."""

    def __init__(self, folder: Path) -> None:
        """folder: the mount point, which is created."""
        self.folder = folder
        folder.mkdir()
        _as_root("mount", "-t", "tmpfs", "-o", f"size={_BYTES},uid={os.getuid()}", "mapper", folder)

    def fill(self) -> None:
        """Fill the disk."""
        with (self.folder / _FILLER).open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(64 * 1024))

    def free(self) -> None:
        """Undo `fill`."""
        (self.folder / _FILLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount; open files stay until they are closed."""
        _as_root("umount", "--lazy", self.folder)


def _as_root(*command: str | Path) -> None:
    subprocess.run([*(() if os.getuid() == 0 else ("sudo", "-n")), *command], check=True)
