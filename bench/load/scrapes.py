"""The effect of one scrape of `/metrics` per second on other callers, in figures.

In: whether to run quickly. Out: the waiting time for a `/map` with and without scrapes, in turn,
and the cost of a scrape. The facade runs in its own process and without a model, so its rules
answer everything in a few milliseconds, in which a scrape would be visible. Before the measurement
every detector is sent once, so that all series exist.
"""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from bench.load.open_loop import cpu_seconds, own_process, percentile
from bench.load.others import Facade, facade, name_all_detectors, waits_until
from bench.report import Target, number, table

_ROUND_S = {False: 5, True: 1}  # by `quick`
_ROUNDS = {False: 6, True: 1}
_SCRAPES = {False: 50, True: 5}
_CPU_MS, _TIMES = 10, 1.1


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of another caller in milliseconds, over `count` answers."""

    count: int
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True)
class Scraping:
    """cpu_ms: of the facade for one scrape; longest_turn_ms: of its event loop meanwhile;
    kilobytes: of the text before it is compressed."""

    without: Waits
    scraped: Waits
    cpu_ms: float
    longest_turn_ms: float
    series: int
    kilobytes: float


def _is_past(end: float) -> bool:
    return time.monotonic() >= end


def measure(quick: bool) -> Scraping:
    """Rounds with scrapes and without, in turn."""
    without: list[float] = []
    scraped: list[float] = []
    with (
        facade() as running,
        own_process() as pool,
        httpx.Client(base_url=running.url, timeout=60.0) as http,
    ):
        name_all_detectors(http)
        pool.submit(_scrape_each_second, running.url, 1).result()  # the process is up
        for _ in range(_ROUNDS[quick]):
            end = time.monotonic() + _ROUND_S[quick]
            without += waits_until(functools.partial(_is_past, end), http)
            scrapes = pool.submit(_scrape_each_second, running.url, _ROUND_S[quick])
            scraped += waits_until(scrapes.done, http)
            scrapes.result()
        longest_turn_s = running.longest_turn_s()
        cpu_s = _cpu_of_a_scrape(running, http, _SCRAPES[quick])
        text = http.get("/metrics").text
    series = sum(not line.startswith("#") for line in text.splitlines())
    return Scraping(
        _waits(without),
        _waits(scraped),
        1000 * cpu_s,
        1000 * longest_turn_s,
        series,
        len(text) / 1000,
    )


def _scrape_each_second(url: str, seconds: int) -> None:
    with httpx.Client(base_url=url, timeout=60.0) as http:
        begun = time.monotonic()
        for second in range(1, seconds + 1):
            http.get("/metrics").raise_for_status()
            time.sleep(max(0.0, begun + second - time.monotonic()))


def _cpu_of_a_scrape(running: Facade, http: httpx.Client, times: int) -> float:
    before = cpu_seconds([running.pid])
    for _ in range(times):
        http.get("/metrics").raise_for_status()
    return (cpu_seconds([running.pid]) - before) / times


def _waits(seconds: Sequence[float]) -> Waits:
    p50, p99, p999 = (1000 * percentile(seconds, q) for q in (0.5, 0.99, 0.999))
    return Waits(len(seconds), p50, p99, p999)


def render(scraping: Scraping) -> str:
    """The table, and the cost of a scrape."""
    rows = {"without scrapes": scraping.without, "one scrape per second": scraping.scraped}
    shown = table(
        ("another caller of `/map`", "p50, ms", "p99, ms", "p99.9, ms", "answers"),
        [
            (name, number(w.p50), number(w.p99), number(w.p999), str(w.count))
            for name, w in rows.items()
        ],
    )
    return (
        f"{shown}\n\n{scraping.series} series of all detectors, {scraping.kilobytes:.0f} KB before "
        f"compression; the event loop's longest turn was {number(scraping.longest_turn_ms)} ms."
    )


def judged(scraping: Scraping) -> list[Target]:
    """The objectives."""
    times = scraping.scraped.p99 / scraping.without.p99
    return [
        Target("CPU of one scrape of `/metrics`", scraping.cpu_ms, _CPU_MS, " ms"),
        Target("p99 while `/metrics` is read, times without", times, _TIMES),
    ]
