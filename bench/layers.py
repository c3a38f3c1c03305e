"""The time that each layer adds: the engine, Triton's ensemble over gRPC, the facade over REST.

In: whether to run quickly. Out: times of a single client with and without the answer cache,
throughput of one client and of many, resident sizes, and the block for the page.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.contenders import Ask
from bench.harness import assets
from bench.harness.callers import Caller, batch_caller, grpc_caller, rest_caller
from bench.harness.closed_loop import Throughput, throughput
from bench.harness.inputs import WARM_UP, unseen
from bench.harness.rounds import interleave
from bench.harness.stack import FACADE, MODEL, TRITON, Running, serving
from bench.harness.stats import Timing, median_difference_ms, timing
from bench.harness.workers import Worker
from bench.load import batches
from bench.load.open_loop import own_process
from bench.report import Target, number, share, table, targets
from engine.runtime.cores import usable_cores

ENGINE, GRPC, REST = "engine, in process", "Triton's ensemble, gRPC", "facade, REST"
_MANY = (16, 64, 100)
_BATCH = 100
_ASKED = 0.95


@dataclass(frozen=True, slots=True)
class Layer:
    """adds_ms: at the median, to the layer below over the same inputs; asked: share of answers that
    the model gave in time."""

    timing: Timing
    adds_ms: float
    asked: float

    def judged(self, value: float) -> float:
        """The value; NaN if the rules answered so often that it is theirs."""
        return value if self.asked >= _ASKED else float("nan")


@dataclass(frozen=True, slots=True)
class Load(Throughput):
    """cpu_ms: CPU per answer, by process."""

    cpu_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Layers:
    """throughput: by gRPC or REST, then by the number of clients; batch: of cached items; batches:
    of uncached ones."""

    uncached: Mapping[str, Layer]
    cached: Mapping[str, Layer]
    throughput: Mapping[str, Mapping[str, Load]]
    cached_throughput: Mapping[str, Mapping[str, Load]]
    batch: Timing
    batches: batches.Batches
    resident_mb: Mapping[str, float]


def measure(quick: bool) -> Layers:
    """A stack without the answer cache first, then one with it."""
    asks, seconds = unseen(10 if quick else 150, seed=4), 2.0 if quick else 15.0
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder), MAPPER_CACHE_ENTRIES="0", MAPPER_ITEM_CACHE_BYTES="0") as stack:
            uncached = _sequential(stack, asks, cache=False)
            loads = _throughput(stack, unseen(40 if quick else 400, seed=5), seconds)
            resident = stack.resident_mb()
            uncached_batches = batches.measure(stack, quick)
        with serving(Path(folder)) as stack:
            cached = _sequential(stack, asks, cache=True)
            cached_loads = _throughput(stack, asks, seconds)
            batch = _batch(stack, asks, 5 if quick else 50)
    return Layers(uncached, cached, loads, cached_loads, batch, uncached_batches, resident)


def _sequential(stack: Running, asks: Sequence[Ask], *, cache: bool) -> dict[str, Layer]:
    callers = {GRPC: grpc_caller(stack.grpc), REST: rest_caller(stack.url)}
    asked: dict[str, list[bool]] = {name: [] for name in callers}
    with Worker(
        assets.SERVE,
        "own_engine",
        version=str(assets.served_version()),
        threads=usable_cores(),
        cache=cache,
    ) as engine:
        if cache:
            for ask in asks:
                engine.ask([ask])
                for call in callers.values():
                    call(ask)
        timed: dict[str, Callable[[Ask], float]] = {
            ENGINE: lambda ask: engine.ask([ask]).seconds,
            **{name: partial(_seconds, call, asked[name]) for name, call in callers.items()},
        }
        took = interleave(timed, asks, WARM_UP)
    below = {ENGINE: took[ENGINE], GRPC: took[ENGINE], REST: took[GRPC]}
    return {
        name: Layer(
            timing(seconds),
            median_difference_ms(seconds, below[name]),
            sum(asked[name]) / len(asked[name]) if name in asked else 1.0,
        )
        for name, seconds in took.items()
    }


def _seconds(call: Caller, asked: list[bool], ask: Ask) -> float:
    begun = time.perf_counter()
    answered = call(ask)
    took = time.perf_counter() - begun
    if ask is not WARM_UP:
        asked.append(answered)
    return took


def _throughput(stack: Running, asks: Sequence[Ask], seconds: float) -> dict[str, dict[str, Load]]:
    with own_process() as pool:
        return {
            name: {
                str(clients): _load(
                    stack, partial(throughput, pool, address, clients, seconds, asks)
                )
                for clients in (1, *_MANY)
            }
            for name, address in {GRPC: stack.grpc, REST: stack.url}.items()
        }


def _load(stack: Running, run: Callable[[], Throughput]) -> Load:
    before = stack.cpu_s()
    one = run()
    used = {part: after - before[part] for part, after in stack.cpu_s().items()}
    per_answer = {part: 1000 * cpu_s / one.timing.count for part, cpu_s in used.items()}
    return Load(one.per_second, one.asked, one.timing, per_answer)


def _batch(stack: Running, asks: Sequence[Ask], times: int) -> Timing:
    """Whole batches of items that were sent before, one after another."""
    call = batch_caller(stack.url)
    batch = [asks[n % len(asks)] for n in range(_BATCH)]
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        call(batch)
        took.append(time.perf_counter() - begun)
    return timing(took)


def render(layers: Layers) -> str:
    """The tables, and the objectives."""
    sequential = [
        (
            f"{name}, {what}",
            number(layer.timing.median),
            number(layer.timing.p95),
            "-" if name == ENGINE else number(layer.adds_ms),
            share(layer.asked),
        )
        for what, by_name in (("uncached", layers.uncached), ("cached", layers.cached))
        for name, layer in by_name.items()
    ]
    loads = [
        (
            f"{name}, {what}, {clients} client{'s' * (clients != '1')}",
            number(one.per_second),
            number(one.goodput),
            number(one.timing.median),
            number(one.timing.p95),
            share(one.asked),
            *(number(one.cpu_ms[part]) for part in (FACADE, TRITON, MODEL)),
        )
        for what, by_name in (
            ("uncached", layers.throughput),
            ("cached", layers.cached_throughput),
        )
        for name, by_clients in by_name.items()
        for clients, one in by_clients.items()
    ]
    uncached, cached = layers.uncached[REST], layers.cached[REST]
    direct, through = layers.throughput[GRPC], layers.throughput[REST]
    one, many = direct["1"], direct[str(_MANY[0])]
    shared = layers.cached_throughput[REST][str(_MANY[0])]
    judged = [
        Target("uncached through REST, p95", uncached.judged(uncached.timing.p95), 60, " ms"),
        Target("cached through REST, median", cached.judged(cached.timing.median), 3, " ms"),
        Target("cached through REST, p95", cached.judged(cached.timing.p95), 5, " ms"),
        Target(
            f"cached through REST, {_MANY[0]} clients, answers per second",
            shared.per_second,
            1000,
            at_least=True,
        ),
        Target(f"a batch of {_BATCH} cached items, median", layers.batch.median, 15, " ms"),
        Target("REST adds to gRPC, median, uncached", uncached.judged(uncached.adds_ms), 3, " ms"),
        Target("REST adds to gRPC, median, cached", cached.judged(cached.adds_ms), 3, " ms"),
        Target(
            f"uncached throughput, {_MANY[0]} clients, times one client's",
            many.per_second / one.per_second,
            1.4,
            at_least=True,
        ),
        *(
            target
            for clients in map(str, _MANY)
            for target in (
                Target(
                    f"the model's goodput through REST, {clients} clients, times Triton's",
                    through[clients].goodput / direct[clients].goodput,
                    0.9,
                    at_least=True,
                ),
                Target(
                    f"all answers through REST, {clients} clients, p95",
                    through[clients].timing.p95,
                    250,
                    " ms",
                ),
            )
        ),
        *batches.judged(layers.batches),
        Target("model process, resident", layers.resident_mb[MODEL], 700, " MB"),
    ]
    return "\n\n".join(
        (
            table(
                (
                    "one client, one request at a time",
                    "median, ms",
                    "p95, ms",
                    "adds, ms",
                    "by the model",
                ),
                sequential,
            ),
            table(
                (
                    "closed loop",
                    "answers per second",
                    "goodput",
                    "median, ms",
                    "p95, ms",
                    "by the model",
                    "CPU per answer: facade, ms",
                    "Triton and the other steps, ms",
                    "model process, ms",
                ),
                loads,
            ),
            batches.render(layers.batches),
            table(
                ("after that load", "resident, MB"),
                [(name, number(size)) for name, size in layers.resident_mb.items()],
            ),
            targets(judged),
        )
    )
