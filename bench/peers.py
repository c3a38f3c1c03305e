"""The engine beside others' engines and beside its own bound: same weights, prompt, schema, inputs.

In: whether it is to be quick. Out: times by contender, and the block for the page.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.contenders import Ask, Told, UnavailableError
from bench.harness import assets
from bench.harness.inputs import WARM_UP, unseen
from bench.harness.rounds import interleave
from bench.harness.stats import Timing, timing
from bench.harness.workers import Worker
from bench.report import Target, number, share, table, targets
from engine.runtime.cores import usable_cores

LABEL, CACHED = "**label tokens** (served)", "label tokens, cached answer"
TEXT, DRAFTED = "**JSON text**, undrafted", "JSON text, drafted"
BOUND, TEXT_BOUND = "bound: one pass, signal", "bound: one pass, prompt and JSON"
LLAMA_CPP, GENAI, TRANSFORMERS = "llama.cpp, Q4_1", "ONNX Runtime GenAI, int4", "transformers, fp32"
_PEERS = (LLAMA_CPP, GENAI, TRANSFORMERS)


@dataclass(frozen=True, slots=True)
class Row:
    """passes: mean of an answer; same: share of answers with the labels that TEXT gives;
    resident_mb: of its process; reason: why there are no figures."""

    timing: Timing
    passes: float = float("nan")
    same: float = float("nan")
    resident_mb: float = float("nan")
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Peers:
    rows: Mapping[str, Row]
    inputs: int
    threads: int


def measure(quick: bool) -> Peers:
    """Ask everyone everything, in one run."""
    threads = usable_cores()
    contenders = _contenders(threads)
    rows: dict[str, Row] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, start in contenders.items():
            try:
                workers[name] = stack.enter_context(start())
            except UnavailableError as error:
                rows[name] = Row(timing(()), reason=" ".join(str(error).split()))
        # Drafts and the text bound need the answer; the cache needs to have been asked.
        asks = [
            replace(ask, labels=workers[TEXT].ask([ask]).told[0].labels)
            for ask in unseen(2 if quick else 40, seed=1)
        ]
        for ask in asks:
            workers[CACHED].ask([ask])
        told: dict[str, list[Told]] = {name: [] for name in workers}
        took = interleave(
            {name: partial(_seconds, worker, told[name]) for name, worker in workers.items()},
            asks,
            WARM_UP,
        )
        for name, worker in workers.items():
            rows[name] = _row(took[name], told[name], asks, worker.resident_mb())
    return Peers({name: rows[name] for name in contenders}, len(asks), threads)


def _contenders(threads: int) -> dict[str, Callable[[], Worker]]:
    served = str(assets.served_version())
    text = str(assets.text_versions().int8)

    def own(contender: str, version: str, **options: Any) -> Callable[[], Worker]:
        return partial(Worker, assets.SERVE, contender, version=version, threads=threads, **options)

    def peer(
        contender: str, python: Path = assets.PEERS, **made: Callable[[], Path]
    ) -> Callable[[], Worker]:
        def start() -> Worker:
            options = {key: str(make()) for key, make in made.items()}
            return Worker(python, contender, version=text, threads=threads, **options)

        return start

    return {
        LABEL: own("own_engine", served),
        BOUND: own("one_pass", served, keeps_prefixes=True),
        CACHED: own("own_engine", served, cache=True),
        TEXT: own("own_text", text),
        DRAFTED: own("own_text", text, draft=True),
        TEXT_BOUND: own("one_pass", text, answered=True),
        LLAMA_CPP: peer("llama_cpp", gguf=assets.gguf),
        GENAI: peer("ort_genai", folder=assets.genai_model),
        TRANSFORMERS: peer("hf_transformers", assets.EXPORT),
    }


def _seconds(worker: Worker, told: list[Told], ask: Ask) -> float:
    reply = worker.ask([ask])
    if ask is not WARM_UP:
        told += reply.told
    return reply.seconds


def _row(
    took: Sequence[float], told: Sequence[Told], asks: Sequence[Ask], resident_mb: float
) -> Row:
    passes = [one.passes for one in told if one.passes is not None]
    same = [one.labels == ask.labels for one, ask in zip(told, asks, strict=True) if one.labels]
    return Row(
        timing(took),
        sum(passes) / len(passes) if passes else float("nan"),
        sum(same) / len(same) if same else float("nan"),
        resident_mb,
    )


def render(peers: Peers) -> str:
    """The tables, and the objectives."""
    median = {name: row.timing.median for name, row in peers.rows.items()}
    shown = table(
        (
            "an answer",
            "median, ms",
            "p95, ms",
            "times label tokens",
            "passes",
            "same labels as text",
            "resident, MB",
        ),
        [
            (
                name,
                number(row.timing.median),
                number(row.timing.p95),
                number(row.timing.median / median[LABEL]),
                number(row.passes),
                # Label tokens are another, tuned model: whether it agrees says nothing.
                share(row.same) if name not in (LABEL, CACHED) else "-",
                number(row.resident_mb),
            )
            for name, row in peers.rows.items()
        ],
    )
    left_out = "".join(
        f"\n\nNot measured: {name}: {row.reason}." for name, row in peers.rows.items() if row.reason
    )
    judged = [
        Target("label tokens, times one pass", median[LABEL] / median[BOUND], 1.25),
        Target("text drafted, times one pass", median[DRAFTED] / median[TEXT_BOUND], 1.25),
        Target("text undrafted, times one pass", median[TEXT] / median[TEXT_BOUND], 2.5),
        *(
            Target(
                f"{name}, times label tokens",
                median[name] / median[LABEL],
                10 if name == TRANSFORMERS else 5,
                at_least=True,
            )
            for name in _PEERS
        ),
        *(
            Target(
                f"moonshot: {name}, times label tokens",
                median[name] / median[LABEL],
                10,
                at_least=True,
            )
            for name in (LLAMA_CPP, GENAI)
        ),
    ]
    counts = f"{peers.inputs} inputs, {peers.threads} thread{'s' * (peers.threads > 1)}."
    return f"{shown}\n\n{counts}{left_out}\n\n{targets(judged)}"
