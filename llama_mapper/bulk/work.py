"""The folder of a run: finished work is kept when the process is killed at any moment.

In: parts, one per block. Out: the files of the run, when all parts are complete. A block is
complete if it has its counts, which are written last and atomically; other blocks are written
again.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llama_mapper.bulk.rows import Bad
from llama_mapper.bulk.streams import UsageError

Tally = dict[str, Any]


class Work:
    """`OUT.work`, beside OUT."""

    def __init__(self, target: Path, run: dict[str, Any]) -> None:
        """run: the arguments. Raises UsageError when the folder belongs to another run, or is in
        use."""
        self.folder = target.with_name(target.name + ".work")
        self._target = target
        self._done = target.with_name(target.name + ".work.done")
        shutil.rmtree(self._done, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("wb")
        if not _locked(self._lock.fileno()):
            raise UsageError(f"another process works in {self.folder}")
        kept = self.folder / "run.json"
        if not kept.exists():
            _write(kept, json.dumps(run).encode())
        elif json.loads(kept.read_bytes()) != json.loads(json.dumps(run)):
            raise UsageError(
                f"{self.folder} is of a run over other files, with other options or by another "
                "version of llama-mapper: remove it to start anew"
            )

    def answers(self) -> Path:
        """The journal of answers."""
        return self.folder / "answers.jsonl"

    def part(self, number: int) -> Path:
        """The rows of a block."""
        return self.folder / f"part-{number:07}"

    def is_done(self, number: int) -> bool:
        """Whether a block is complete."""
        return self._tally(number).exists()

    def tally(self, number: int) -> Tally:
        """The counts of a complete block."""
        found: Tally = json.loads(self._tally(number).read_bytes())
        return found

    def complete(self, number: int, bad: Sequence[Bad], tally: Tally) -> None:
        """Complete a block whose part is written."""
        _sync(self.part(number))
        _write(self._bad(number), "".join(json.dumps(one) + "\n" for one in bad).encode())
        _write(self._tally(number), json.dumps(tally).encode())

    def close(self) -> None:
        """Release the folder for other processes."""
        self._lock.close()

    def finish(
        self,
        blocks: int,
        reports: dict[str, str],
        join: Callable[[Sequence[Path], Path], None],
    ) -> None:
        """Make the files of the run and remove the folder. reports: texts by ending of their name.
        join: makes one file of all parts."""
        bad = self.folder / "bad"
        join_bytes([self._bad(number) for number in range(blocks)], bad)
        side = self._target.with_name(self._target.name + ".bad.jsonl")
        if bad.stat().st_size:
            os.replace(bad, side)
        else:
            side.unlink(missing_ok=True)
        for ending, text in reports.items():
            _write(self._target.with_name(self._target.name + ending), text.encode())
        whole = self.folder / "whole"
        join([self.part(number) for number in range(blocks)], whole)
        _sync(whole)
        os.replace(whole, self._target)
        os.replace(self.folder, self._done)
        shutil.rmtree(self._done)

    def _tally(self, number: int) -> Path:
        return self.folder / f"tally-{number:07}.json"

    def _bad(self, number: int) -> Path:
        return self.folder / f"bad-{number:07}.jsonl"


def _locked(handle: int) -> bool:
    """Lock the file; False if another process has it. The lock of a dead process is free."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def join_bytes(parts: Sequence[Path], target: Path) -> None:
    """One file of all parts, byte by byte."""
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole, 1 << 20)


def _write(file: Path, data: bytes) -> None:
    """Write the file atomically."""
    draft = file.with_name(file.name + ".draft")
    draft.write_bytes(data)
    _sync(draft)
    os.replace(draft, file)


def _sync(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())
