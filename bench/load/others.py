"""The effect of hostile batches on other callers, in figures.

Out: the waiting times of other callers for a `/map`, and the longest turn of the event loop. The
facade runs in its own process and without a model, so that its own reader and rules answer
everything.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import Final

import httpx
import uvicorn

from bench.load.hostile import bodies
from bench.load.open_loop import own_process, percentile
from bench.processes import eventually, free_ports
from client_api.app import create_app
from client_api.http.interface.bodies import MAX_BATCH
from client_api.http.server import server_config
from client_api.settings import LogLevel, Settings
from client_api.telemetry import logs
from fallback.rules.catalog import load_detectors

#: Objectives: seconds of one turn of the loop, and of 99 % of the other callers' waits.
LONGEST_TURN_S: Final = 0.05
P99_S: Final = 0.25

_BATCHES: Final = 3
_ORDINARY: Final = {"detector": "openai-moderation", "output": "hate"}


class Watch:
    """Measures the event loop that it runs in: its own CPU time between two heartbeats.

    Unlike wall time, it does not grow with other load of the machine.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._beaten = asyncio.Event()

    async def beat(self) -> None:
        """Run until cancelled."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now
            self._beaten.set()

    async def next_beat(self) -> None:
        """Wait for the end of a heartbeat that begins now or later."""
        self._beaten.clear()
        await self._beaten.wait()


@dataclass(frozen=True, slots=True)
class Noticed:
    """waits_s: of each `/map` that another caller sent meanwhile; longest_turn_s: of the loop."""

    waits_s: tuple[float, ...]
    longest_turn_s: float

    @property
    def p99_s(self) -> float:
        return percentile(self.waits_s, 0.99)

    @property
    def kept(self) -> bool:
        """Whether both objectives were met."""
        return self.p99_s <= P99_S and self.longest_turn_s <= LONGEST_TURN_S

    def __str__(self) -> str:
        return (
            f"While batches named every detector for the first time and then held the hostile"
            f" corpus {_BATCHES} times, all answered by rules, another caller sent"
            f" {len(self.waits_s)} `/map`, one after another: 99 % were answered within"
            f" {self.p99_s * 1000:.0f} ms (objective {P99_S * 1000:.0f} ms). The event loop's"
            f" longest turn took {self.longest_turn_s * 1000:.0f} ms of CPU time (objective"
            f" {LONGEST_TURN_S * 1000:.0f} ms)."
        )


def measure() -> Noticed:
    """Serve, attack and measure; takes half a minute."""
    with (
        facade() as running,
        own_process() as pool,
        httpx.Client(base_url=running.url) as http,
    ):
        attack = pool.submit(_attack, running.url)
        waits = waits_until(attack.done, http)
        attack.result()
        return Noticed(tuple(waits), running.longest_turn_s())


def waits_until(done: Callable[[], bool], http: httpx.Client) -> list[float]:
    """Seconds that each `/map` takes, one after another."""
    waits = []
    while not done():
        begun = time.perf_counter()
        http.post("/map", json=_ORDINARY).raise_for_status()
        waits.append(time.perf_counter() - begun)
    return waits


def _attack(url: str) -> None:
    """The first output of a detector takes longer than the next: every detector is named once."""
    batch = [body for _, body in bodies()][:MAX_BATCH]
    with httpx.Client(base_url=url, timeout=60.0) as http:
        name_all_detectors(http)
        for _ in range(_BATCHES):
            http.post("/map/batch", json={"requests": batch}).raise_for_status()


def name_all_detectors(http: httpx.Client) -> None:
    """Send one output of every detector, in batches."""
    items = [{"detector": name, "output": "hate"} for name in load_detectors()]
    for start in range(0, len(items), MAX_BATCH):
        part = items[start : start + MAX_BATCH]
        http.post("/map/batch", json={"requests": part}).raise_for_status()


@dataclass(frozen=True, slots=True)
class Facade:
    """A facade without a model, in a process of its own."""

    url: str
    pid: int
    orders: Connection

    def longest_turn_s(self) -> float:
        """The longest turn of its event loop since it was ready, in seconds; call it once."""
        self.orders.send("tell")
        seconds: float = self.orders.recv()
        return seconds


@contextmanager
def facade() -> Iterator[Facade]:
    """A facade that is ready."""
    ours, theirs = Pipe()
    port, nobody = free_ports(2)
    process = get_context("spawn").Process(target=_serve, args=(port, nobody, theirs))
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url), within_s=60.0)
        ours.send("watch")
        assert process.pid is not None
        yield Facade(url, process.pid, ours)
    finally:
        process.terminate()
        process.join()


def _answers(url: str) -> bool:
    """Whether the rules answer because the model is known to be lost."""
    try:
        answer = httpx.post(f"{url}/map", json=_ORDINARY).json()
    except httpx.TransportError:
        return False
    return bool(answer["fallback_reason"] == "model_error")


def _serve(port: int, nobody: int, orders: Connection) -> None:
    """nobody: a port without Triton."""
    settings = Settings(port=port, triton_url=f"127.0.0.1:{nobody}", log_level=LogLevel.ERROR)
    logs.configure(settings.log_level)
    server = uvicorn.Server(server_config(create_app(settings), settings))
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_serve_watched(server, orders))


async def _serve_watched(server: uvicorn.Server, orders: Connection) -> None:
    serving = asyncio.create_task(server.serve())
    # Its own thread: the readers use those of the loop.
    with ThreadPoolExecutor(1) as threads:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(threads, orders.recv)
        watch = Watch()
        beating = asyncio.create_task(watch.beat())
        await loop.run_in_executor(threads, orders.recv)
        beating.cancel()
        orders.send(watch.longest_s)
    await serving
