"""Batches of new labels through REST, and the delay of other callers meanwhile.

In: a service without the answer cache. Out: the times of a batch, of the same number of items
directly at Triton, and of single requests beside batches.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.contenders import Ask
from bench.harness.callers import batch_caller, grpc_batch_caller, rest_caller
from bench.harness.inputs import unseen
from bench.harness.stack import Running
from bench.harness.stats import Timing, timing
from bench.report import Target, number, share, table

_BATCH = 100
#: Items per call directly at Triton: the most that join the same pass of the model.
_PASS = 16
_TIMES = {False: 15, True: 1}  # by `quick`
_SINGLE = {False: 150, True: 5}


@dataclass(frozen=True, slots=True)
class Row:
    """asked: the share of the items that the model answered in time."""

    timing: Timing
    asked: float


@dataclass(frozen=True, slots=True)
class Batches:
    """direct: the same number of items at Triton, in calls of `_PASS`; beside: single requests
    while another caller sends batches.
    """

    direct: Row
    through: Row
    beside: Row


def measure(stack: Running, quick: bool) -> Batches:
    """Batches by both ways in turn, then single requests beside batches."""
    whole, parts = batch_caller(stack.url), grpc_batch_caller(stack.grpc)
    direct: list[float] = []
    through: list[float] = []
    asked = [0, 0]
    for turn in range(_TIMES[quick]):
        asks = unseen(_BATCH, seed=100 + 2 * turn)
        begun = time.perf_counter()
        for start in range(0, _BATCH, _PASS):
            asked[0] += parts(asks[start : start + _PASS])
        direct.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        asked[1] += whole(unseen(_BATCH, seed=101 + 2 * turn))
        through.append(time.perf_counter() - begun)
    items = _BATCH * _TIMES[quick]
    return Batches(
        Row(timing(direct), asked[0] / items),
        Row(timing(through), asked[1] / items),
        _beside(stack, unseen(_SINGLE[quick], seed=8)),
    )


def _beside(stack: Running, asks: Sequence[Ask]) -> Row:
    ended = threading.Event()

    def send_batches() -> None:
        call, turn = batch_caller(stack.url), 0
        while not ended.is_set():
            turn += 1
            call(unseen(_BATCH, seed=1000 + turn))

    other = threading.Thread(target=send_batches)
    other.start()
    call = rest_caller(stack.url)
    took, asked = [], 0
    try:
        for ask in asks:
            begun = time.perf_counter()
            asked += call(ask)
            took.append(time.perf_counter() - begun)
    finally:
        ended.set()
        other.join()
    return Row(timing(took), asked / len(asks))


def render(batches: Batches) -> str:
    """The table."""
    rows = {
        f"{_BATCH} items, Triton's ensemble, gRPC, {_PASS} per call": batches.direct,
        f"{_BATCH} items, facade, `/map/batch`": batches.through,
        "one item, facade, `/map`, while another caller sends such batches": batches.beside,
    }
    return table(
        ("new labels", "median, ms", "p95, ms", "by the model"),
        [
            (name, number(row.timing.median), number(row.timing.p95), share(row.asked))
            for name, row in rows.items()
        ],
    )


def judged(batches: Batches) -> list[Target]:
    """The objectives."""
    times = batches.through.timing.median / batches.direct.timing.median
    return [
        Target(
            f"a batch of {_BATCH} new labels, by the model",
            100 * batches.through.asked,
            100,
            " %",
            at_least=True,
        ),
        Target(f"a batch of {_BATCH} new labels, times its passes", times, 1.1),
        Target("one item beside batches, p95", batches.beside.timing.p95, 250, " ms"),
    ]
