"""`python -m bench.load.soak`: a long load of ordinary and hostile requests, and resource growth.

In: minutes, requests per second. Out: a table of docs/reliability.md with the slope of memory,
descriptors, threads and shared memory; exit status 1 if one grows, or a request is not answered or
not counted. The first fifth of the time warms up caches and is not judged.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.faults.report import PAGE, machine
from bench.harness.stack import Running, serving
from bench.load.hostile import bodies
from bench.load.open_loop import Result, drive_apart, own_process
from tools import markdown

_SAMPLES: Final = 60
_WARM_UP: Final = 0.2  # of the time
_HOSTILE_PAUSE_S: Final = 0.5
_NO_KEEPING: Final = httpx.Limits(max_keepalive_connections=0)
#: Allowed growth over the judged time: absolute, and as a share of the mean.
_ALLOWED: Final[Mapping[str, tuple[float, float]]] = {
    "memory, MB": (16.0, 0.05),
    "descriptors": (4.0, 0.05),
    "threads": (4.0, 0.05),
    "/dev/shm, MB": (1.0, 0.05),
}
Values = dict[tuple[str, str], float]
"""(process, what is measured) -> value."""


@dataclass(frozen=True, slots=True)
class Trend:
    """slope: of a line through the judged samples, per hour; growth: of the line in their time."""

    process: str
    what: str
    first: float
    last: float
    slope: float
    growth: float
    flat: bool


def trends(times: Sequence[float], samples: Sequence[Values]) -> list[Trend]:
    """The trend of each value that all samples have. times: seconds, ascending."""
    begin = times[0] + _WARM_UP * (times[-1] - times[0])
    judged = [(t, values) for t, values in zip(times, samples, strict=True) if t >= begin]
    hours = np.array([t for t, _ in judged]) / 3600
    found = []
    for process, what in judged[0][1]:
        line = [values.get((process, what), float("nan")) for _, values in judged]
        slope = float(np.polyfit(hours, line, 1)[0])
        growth = slope * float(hours[-1] - hours[0])
        absolute, share = _ALLOWED[what]
        flat = growth <= max(absolute, share * float(np.mean(line)))
        found.append(Trend(process, what, line[0], line[-1], slope, growth, flat))
    return found


def measure(pid: int, port: int) -> Values:
    """Values of the facade with that pid and port, of Triton, of all its steps, and of the front of
    its HTTP. Connections that callers hold open are not counted as descriptors of the facade: on a
    slower machine callers open more of them.
    """
    found: Values = Counter()  # type: ignore[assignment]
    facade = psutil.Process(pid)
    shared = ""
    for process in (facade, *facade.children(recursive=True)):
        try:
            command = " ".join(process.cmdline())
            name = _name(command) if process != facade else "facade"
            found[name, "memory, MB"] += process.memory_info().rss / 1e6
            found[name, "descriptors"] += process.num_fds() - _callers(process, port)
            found[name, "threads"] += process.num_threads()
        except psutil.NoSuchProcess:
            continue
        if name == "Triton":
            shared = command.partition("shm-region-prefix-name=")[2].partition(" ")[0]
    segments = Path("/dev/shm").glob(f"{shared}*") if shared else ()
    found["Triton", "/dev/shm, MB"] = sum(file.stat().st_size for file in segments) / 1e6
    return found


def _callers(process: psutil.Process, port: int) -> int:
    """Connections to that port of the process which the peers have not closed."""
    return sum(
        one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
        for one in process.net_connections("inet")
    )


def _name(command: str) -> str:
    if "triton.front" in command:
        return "front"
    return "steps" if "/model.py" in command else "Triton"


class Hostile:
    """Sends the corpus repeatedly, one request after another, until the block ends."""

    def __init__(self, url: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Hostile":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30.0, limits=_NO_KEEPING) as http:
            for _, body in cycle(list(bodies())):
                if self._stop.wait(_HOSTILE_PAUSE_S):
                    return
                try:
                    self.statuses[http.post("/map", json=body).status_code] += 1
                except httpx.TransportError as error:
                    self.statuses[0] += 1
                    self.failures[f"hostile {type(error).__name__}"] += 1


def counted(url: str) -> int:
    """Items that the facade has counted as answered or as failed."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=30.0).text)
    samples = (sample for family in families for sample in family.samples)
    return int(sum(s.value for s in samples if s.name == "mapper_requests_total"))


def _sampled(stack: Running, load: "Future[Result]", every_s: float) -> Iterator[Values]:
    while not load.done():
        yield measure(stack.pid, int(stack.url.rpartition(":")[2]))
        time.sleep(every_s)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rps", type=float, default=50.0)
    parser.add_argument("--keep-page", action="store_true", help="only print the table")
    args = parser.parse_args()
    seconds = args.minutes * 60
    times: list[float] = []
    samples: list[Values] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        # Stored answers take memory on purpose; with a small limit the stores are soon full.
        serving(Path(folder), MAPPER_ITEM_CACHE_BYTES="1000000") as stack,
        own_process() as pool,
    ):
        before = counted(stack.url)
        with Hostile(stack.url) as hostile:
            load = drive_apart(pool, stack.url, 1, args.rps, seconds)
            for values in _sampled(stack, load, max(1.0, seconds / _SAMPLES)):
                times.append(time.monotonic())
                samples.append(values)
            ordinary = load.result()
        statuses = ordinary.statuses() + hostile.statuses
        failures = ordinary.failures() + hostile.failures
        grown = counted(stack.url) - before
    found = trends(times, samples)
    mapped = statuses[200] + sum(n for status, n in statuses.items() if status >= 500)
    right = not statuses[0] and mapped == grown and all(trend.flat for trend in found)
    said = (
        f"{args.minutes:g} minutes at {args.rps:g} requests per second, together with the hostile"
        f" corpus: {sum(statuses.values())} sent, {sum(statuses.values()) - statuses[0]} answered"
        f" ({_spelled(statuses)}), {mapped} of them mapped or failed, {grown} counted."
    ) + (f" Without an answer: {_spelled(failures)}." if failures else "")
    text = f"{said}\n\n{_table(found)}\nMeasured on {machine()}.\n"
    print(text)
    if not args.keep_page:
        PAGE.write_text(markdown.render(PAGE.read_text("utf-8"), {"soak": text}), "utf-8")
    return 0 if right else 1


def _spelled(statuses: Mapping[int, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))


def _table(found: Sequence[Trend]) -> str:
    head = ("process", "what", "after warm-up", "at the end", "slope per hour", "flat")
    return markdown.table(
        head,
        (
            (
                t.process,
                t.what,
                f"{t.first:.1f}",
                f"{t.last:.1f}",
                f"{t.slope:+.1f}",
                "yes" if t.flat else f"no, {t.growth:+.1f}",
            )
            for t in sorted(found, key=lambda t: (t.process, t.what))
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
