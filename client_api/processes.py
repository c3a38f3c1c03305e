"""What Linux says of a process's children."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Child:
    """ended: it died and its parent did not notice; command: empty then."""

    pid: int
    ended: bool
    command: tuple[str, ...]


def children(parent: int) -> Iterator[Child]:
    """The children of a process, as far as they do not vanish while one looks."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold spaces and brackets itself.
            state, ppid, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(ppid) == parent:
                command = (folder / "cmdline").read_text().split("\0")[:-1]
                yield Child(int(folder.name), state == "Z", tuple(command))
        except OSError:
            continue
