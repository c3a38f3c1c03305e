"""The effect of each lever of the engine: the same pass with the lever and without it.

In: whether to run quickly. Out: times by variant and by batch, the shares of the operators in a
pass, and the block for the page.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from bench.contenders import Ask
from bench.contenders.prompt import encoder
from bench.harness import assets
from bench.harness.inputs import WARM_UP, unseen
from bench.harness.rounds import interleave
from bench.harness.stats import Timing, timing
from bench.harness.workers import Worker
from bench.report import Target, number, share, table, targets
from engine.runtime.cores import has_vnni, usable_cores
from engine.runtime.session import LlamaSession
from engine.version import read_version

_SERVED = "as served"
_BATCHES = (1, 2, 4, 8, 16)
_OPERATORS = 8
_INPUTS, _ROUNDS = {False: 60, True: 2}, {False: 12, True: 1}  # by `quick`


@dataclass(frozen=True, slots=True)
class Levers:
    """variants: one answer or pass; batches: by number of answers; operators: share of a pass's
    time, largest first."""

    variants: Mapping[str, Timing]
    batches: Mapping[str, Timing]
    operators: Mapping[str, float]


def measure(quick: bool) -> Levers:
    threads = usable_cores()
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(assets.SERVE, contender, **options))
            for name, (contender, options) in _variants(threads).items()
        }
        asks = [replace(ask, labels=WARM_UP.labels) for ask in unseen(_INPUTS[quick], seed=2)]
        took = interleave(
            {name: partial(_seconds, worker) for name, worker in workers.items()},
            asks,
            WARM_UP,
        )
        batches = _batches(workers[_SERVED], _ROUNDS[quick])
    variants = {name: timing(seconds) for name, seconds in took.items()}
    return Levers(variants, batches, operators(assets.served_version(), asks, threads))


def _variants(threads: int) -> dict[str, tuple[str, dict[str, Any]]]:
    served, text = assets.served_version(), assets.text_versions()
    own = {"version": str(served), "threads": threads}
    base = {"version": str(text.int8), "threads": threads}
    return {
        _SERVED: ("own_engine", own),
        "one thread": ("own_engine", own | {"threads": 1}),
        "one pass alone": ("one_pass", own | {"keeps_prefixes": True}),
        "the neighbours looked up": ("neighbours", own),
        "one pass, the detector's part read each time": ("one_pass", own),
        "one pass, the prefix read each time": ("one_pass", own | {"prefix_cached": False}),
        "one pass, then the head's whole vocabulary": (
            "one_pass",
            own | {"keeps_prefixes": True, "head": str(read_version(text.int8).head)},
        ),
        "one pass of the base, int8": ("one_pass", base),
        "one pass of the base, int8, unsigned weights": (
            "one_pass",
            base | {"version": str(text.unsigned)},
        ),
        "one pass of the base, float32": ("one_pass", base | {"version": str(text.float32)}),
    }


def _seconds(worker: Worker, ask: Ask) -> float:
    return worker.ask([ask]).seconds


def _batches(worker: Worker, rounds: int) -> dict[str, Timing]:
    asks = unseen(rounds * max(_BATCHES), seed=3)
    took: dict[int, list[float]] = {size: [] for size in _BATCHES}
    worker.ask([WARM_UP])
    for number_ in range(rounds):
        for size in _BATCHES:
            start = number_ * max(_BATCHES)
            took[size].append(worker.ask(asks[start : start + size]).seconds)
    return {str(size): timing(seconds) for size, seconds in took.items()}


def operators(version: Path, asks: Sequence[Ask], threads: int) -> dict[str, float]:
    """ONNX Runtime's own profile of the served graph, one row after the cached prefix."""
    published, prompts = read_version(version), encoder(version)
    cache = LlamaSession(
        published.graph,
        published.shape,
        threads=threads,
        prefix=prompts.prefix_ids,
        prefix_file=published.prefix,
    ).prefix_cache()
    pairs = [(i, part) for i in range(published.shape.layers) for part in ("key", "value")]
    past = {
        f"past_key_values.{i}.{part}": array for (i, part), array in zip(pairs, cache, strict=True)
    }
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # As in the engine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not has_vnni():
            options.add_session_config_entry("session.x64quantprecision", "1")
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "pass")
        session = ort.InferenceSession(
            str(published.graph), options, providers=["CPUExecutionProvider"]
        )
        for ask in asks:
            ids = prompts.suffix_ids(ask.detector, ask.signal)
            session.run(["last_hidden_state"], _feeds(ids, len(prompts.prefix_ids)) | past)
        events = json.loads(Path(session.end_profiling()).read_text())
    spent: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    total = spent.total()
    return {name: count / total for name, count in spent.most_common(_OPERATORS)}


def _feeds(ids: Sequence[int], read: int) -> dict[str, npt.NDArray[Any]]:
    """The inputs of one row with so many read tokens, in the form of `export.onnx.fuse`."""
    count = len(ids)
    slots = np.arange(count)
    ahead = np.triu(np.full((count, read + count), -1e9, np.float32), read + 1)
    return {
        "input_ids": np.array(ids, np.int64),
        "slots": slots[None],
        "places": slots,
        "position_ids": read + slots[None],
        "attention_bias": ahead[None, None],
    }


def render(levers: Levers) -> str:
    """The tables, and the objectives for CPUs with AVX2."""
    together = str(_BATCHES[-1])
    judged = [
        Target("as served, median", levers.variants[_SERVED].median, 30, " ms"),
        Target(
            f"{together} answers together, answers per second",
            1000 * int(together) / levers.batches[together].median,
            75,
            at_least=True,
        ),
    ]
    variants = table(
        ("variant", "median, ms", "p95, ms"),
        [(name, number(t.median), number(t.p95)) for name, t in levers.variants.items()],
    )
    batches = table(
        ("answers together", "median, ms", "answers per second"),
        [
            (size, number(t.median), number(1000 * int(size) / t.median))
            for size, t in levers.batches.items()
        ],
    )
    operators = table(
        ("operator of the served graph", "share of a pass"),
        [(name, share(part)) for name, part in levers.operators.items()],
    )
    return "\n\n".join((variants, batches, operators, targets(judged)))
