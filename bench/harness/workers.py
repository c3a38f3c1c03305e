"""Contenders as processes that take turns.

In: a contender and its environment. Out: its answers and their time. All other processes are
stopped meanwhile, so that their spinning threads do not take CPU time from the measured one.
"""

import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from bench.contenders import Ask, Told, UnavailableError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Reply:
    told: list[Told]
    seconds: float


class Worker:
    """A context manager; ready when created. ready_s: seconds until then."""

    def __init__(self, python: Path, contender: str, **options: Any) -> None:
        """python: of the environment that has the engine; options: of the contender's `load`.

        Raises UnavailableError with the reason when the engine cannot be measured.
        """
        self._name = contender
        if not python.is_file():
            raise UnavailableError(f"{python.parent.parent.name} is missing; run `make bench`")
        begun = time.perf_counter()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", "bench.harness.worker", contender, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            text=True,
            bufsize=1,
        )
        try:
            first = self._read()
            if "unavailable" in first:
                raise UnavailableError(first["unavailable"])
        except BaseException:
            self.close()
            raise
        self.ready_s = time.perf_counter() - begun
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, asks: Sequence[Ask]) -> Reply:
        """One call of the contender."""
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        line = json.dumps([dataclasses.asdict(one) for one in asks])
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._read()
        self._process.send_signal(signal.SIGSTOP)
        told = [Told(tuple(one["labels"]), one["passes"]) for one in answer["told"]]
        return Reply(told, answer["seconds"])

    def resident_mb(self) -> float:
        return float(psutil.Process(self._process.pid).memory_info().rss / 1e6)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log):
            if file is not None:
                file.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            end = "\n".join(self._log.read().decode(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"the worker {self._name} ended; the end of its log:\n{end}")
        read: dict[str, Any] = json.loads(line)
        return read
