"""The service under the generated traffic: open loop, Poisson arrivals, one rate after the other.

In: whether to run quickly. Out: the clients' results at each rate, and the block for the page.
Every run restarts the service, so that its answer cache has only the version's own answers. Every
rate is run with two seeds, because the seed decides which items are frequent.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.harness.stack import FACADE, MODEL, TRITON, serving
from bench.load import scrapes
from bench.load.open_loop import Result, drive_apart, own_process
from bench.load.scrapes import Scraping
from bench.report import Target, number, share, table, targets
from engine.runtime.cores import usable_cores

#: Requests per second -> objectives: p95 in ms, fallback and CPU in percent.
_OBJECTIVES = {5: (), 25: (), 50: (250, 10, 70), 100: (100, 5, 60), 200: (250, 10)}
_PARTS = (MODEL, TRITON, FACADE)
_WARM_UP = {"seed": 0, "rps": 5, "seconds": 2}  # of the generator as well as of the service


@dataclass(frozen=True, slots=True)
class Rate:
    """Latencies in ms from the due time of a request. fallback: share without garbage; failed:
    share without an answer of 200; cpu: share of the machine's cores by process; hits: the cache's
    share; lag_p99: the sending delay of the generator."""

    requests: int
    p50: float
    p95: float
    p99: float
    fallback: float
    failed: float
    cpu: Mapping[str, float]
    hits: float
    lag_p99: float

    @property
    def all_cpu(self) -> float:
        """The share of all these processes."""
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Load:
    rates: Mapping[str, Rate]
    seconds: float  # of each run
    seeds: int
    scraping: Scraping


def measure(quick: bool) -> Load:
    """Every rate, every seed."""
    rates, seconds, seeds = ((5, 50), 4.0, 1) if quick else (tuple(_OBJECTIVES), 30.0, 2)
    measured = {str(rps): _rate(rps, seconds, seeds) for rps in rates}
    return Load(measured, seconds, seeds, scrapes.measure(quick))


def _rate(rps: float, seconds: float, seeds: int) -> Rate:
    results, hits = [], 0.0
    cpu: defaultdict[str, float] = defaultdict(float)
    for seed in range(1, seeds + 1):
        with (
            tempfile.TemporaryDirectory() as folder,
            serving(Path(folder)) as stack,
            own_process() as pool,
        ):
            drive_apart(pool, stack.url, **_WARM_UP).result()
            before, begun = stack.cpu_s(), time.monotonic()
            results.append(drive_apart(pool, stack.url, seed, rps, seconds).result())
            elapsed = time.monotonic() - begun  # the last answers included
            for part, used_s in stack.cpu_s().items():
                cpu[part] += (used_s - before[part]) / (elapsed * usable_cores() * seeds)
            hits += stack.cache_hits()
    together = Result([one for result in results for one in result.seen], seconds * seeds)
    return Rate(
        requests=len(together.seen),
        p50=together.latency_ms(0.5),
        p95=together.latency_ms(0.95),
        p99=together.latency_ms(0.99),
        fallback=together.without_garbage().fallback_share(),
        failed=1 - together.statuses()[200] / len(together.seen),
        cpu=cpu,
        hits=hits / seeds,
        lag_p99=together.lag_ms(0.99),
    )


def render(load: Load) -> str:
    """The table, and the objectives."""
    shown = table(
        (
            "requests per second",
            "p50, ms",
            "p95, ms",
            "p99, ms",
            "fallback",
            "failed",
            "CPU",
            *_PARTS,
            "cache hits",
            "sent late, p99, ms",
        ),
        [
            (
                rps,
                number(rate.p50),
                number(rate.p95),
                number(rate.p99),
                share(rate.fallback),
                share(rate.failed),
                share(rate.all_cpu),
                *(share(rate.cpu[part]) for part in _PARTS),
                share(rate.hits),
                number(rate.lag_p99),
            )
            for rps, rate in load.rates.items()
        ],
    )
    judged = [
        Target(f"{rps} per second, {what}", value, limit, unit)
        for rps, rate in load.rates.items()
        for (what, value, unit), limit in zip(
            (
                ("p95", rate.p95, " ms"),
                ("fallback", 100 * rate.fallback, " %"),
                ("CPU", 100 * rate.all_cpu, " %"),
            ),
            _OBJECTIVES[int(rps)],
            strict=False,
        )
    ]
    judged += scrapes.judged(load.scraping)
    return (
        f"{shown}\n\n{load.seconds:.0f} s per run, {load.seeds} seed{'s' * (load.seeds > 1)} per "
        f"rate.\n\n{scrapes.render(load.scraping)}\n\n{targets(judged)}"
    )
