"""Contenders that are called by REST: the whole service, and a peer.

In: their files. Out: as from a `Worker`. Times are those of a client with an open connection. A
service without requests computes nothing, so it is not stopped.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.contenders import Ask, Told
from bench.harness.callers import Answer, answer_caller
from bench.harness.stack import serving
from bench.harness.workers import ROOT, Reply
from bench.processes import eventually, free_ports

_READY_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Service:
    """ready_s: seconds from the start of its processes until it answered."""

    call: Callable[[Ask], Answer]
    pid: int
    ready_s: float

    def ask(self, asks: Sequence[Ask]) -> Reply:
        """One request after another; passes: 1 each, but 0 if rules answered instead."""
        begun = time.perf_counter()
        answers = [self.call(ask) for ask in asks]
        seconds = time.perf_counter() - begun
        return Reply([Told(one.labels, int(one.asked)) for one in answers], seconds)

    def resident_mb(self) -> float:
        """The memory of all its processes."""
        own = psutil.Process(self.pid)
        return sum(one.memory_info().rss / 1e6 for one in (own, *own.children(recursive=True)))


@contextmanager
def whole_service() -> Iterator[Service]:
    """The service as started by `make serve`, without its caches."""
    begun = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), MAPPER_CACHE_ENTRIES="0", MAPPER_ITEM_CACHE_BYTES="0") as running,
    ):
        ready_s = time.perf_counter() - begun
        yield Service(answer_caller(running.url), running.pid, ready_s)


@contextmanager
def nearest_service(folder: Path, threads: int) -> Iterator[Service]:
    """An embedding classifier on FastAPI; folder: one that `bench.making.classifiers` wrote."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    options = (str(folder), str(threads), str(port))
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.contenders.nearest_app", *options], cwd=ROOT
    )
    try:
        eventually(lambda: _answers(url, process), within_s=_READY_WITHIN_S)
        yield Service(answer_caller(url), process.pid, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, f"the service ended with code {process.returncode}"
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False
