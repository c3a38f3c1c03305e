"""Compares the engine with other engines, with its own bound, and with simpler classifiers.

In: whether to run quickly. Out: times, memory and size by contender, the accuracy of those made for
this task, and the block for the page. All answer the same inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.contenders import Ask, Told, UnavailableError
from bench.harness import assets
from bench.harness.inputs import WARM_UP, unseen
from bench.harness.rounds import interleave
from bench.harness.services import Service, nearest_service, whole_service
from bench.harness.stats import Timing, timing
from bench.harness.workers import Worker
from bench.report import Target, number, share, table, targets
from engine.runtime.cores import usable_cores
from export.data.folds import gate_rows
from export.data.rows import NEUTRAL
from export.data.rows import Row as Labelled
from export.measures.metrics import exact_matches

LABEL, CACHED = "**label tokens** (served)", "label tokens, cached answer"
TEXT, DRAFTED = "**JSON text**, undrafted", "JSON text, drafted"
BOUND, TEXT_BOUND = "bound: one pass, signal", "bound: one pass, prompt and JSON"
LLAMA_CPP, GENAI, TRANSFORMERS = "llama.cpp, Q4_1", "ONNX Runtime GenAI, int4", "transformers, fp32"
SERVICE, RULES = "the whole service, REST", "rules alone"
NEAREST, TRAINED = "sentence encoder, nearest phrase, FastAPI", "sentence encoder, trained head"
#: Other engines -> the objective for their time, in times of label tokens.
_PEERS = {LLAMA_CPP: 10, GENAI: 8, TRANSFORMERS: 10}
#: Contenders made for this task, which can be measured without curation of the gate's families.
_JUDGED = (LABEL, NEAREST, TRAINED, RULES)
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Contender:
    """files: the file or folder with its weights or rules."""

    start: Callable[[], AbstractContextManager[Worker | Service]]
    files: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class Row:
    """passes: mean per answer; same: share of answers with the labels of TEXT; exact: share of the
    gate's rows answered with exactly the gold set; cold_s: from the start of its process to its
    first answer; resident_mb: of its processes; disk_mb: of its files; reason: why it has no
    figures."""

    timing: Timing
    passes: float = float("nan")
    same: float = float("nan")
    exact: float = float("nan")
    cold_s: float = float("nan")
    resident_mb: float = float("nan")
    disk_mb: float = float("nan")
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Peers:
    """gate: number of the gate's rows, for `exact`."""

    rows: Mapping[str, Row]
    inputs: int
    gate: int
    threads: int


def measure(quick: bool) -> Peers:
    """Send all inputs to all contenders, in one run."""
    threads = usable_cores()
    contenders = _contenders(threads)
    rows: dict[str, Row] = {}
    gate = gate_rows()[:: 40 if quick else 1]
    with ExitStack() as stack:
        started: dict[str, Worker | Service] = {}
        cold: dict[str, float] = {}
        for name, contender in contenders.items():
            try:
                one = started[name] = stack.enter_context(contender.start())
            except UnavailableError as error:
                rows[name] = Row(timing(()), reason=" ".join(str(error).split()))
                continue
            cold[name] = one.ready_s + one.ask([WARM_UP]).seconds
        # Drafts and the text bound need the answers; the cache must be filled.
        asks = [
            replace(ask, labels=started[TEXT].ask([ask]).told[0].labels)
            for ask in unseen(2 if quick else 40, seed=1)
        ]
        for ask in asks:
            started[CACHED].ask([ask])
        told: dict[str, list[Told]] = {name: [] for name in started}
        took = interleave(
            {name: partial(_seconds, one, told[name]) for name, one in started.items()},
            asks,
            WARM_UP,
        )
        for name, one in started.items():
            rows[name] = Row(
                timing(took[name]),
                *_told(told[name], asks),
                exact=_exact(one, gate) if name in _JUDGED else float("nan"),
                cold_s=cold[name],
                resident_mb=one.resident_mb(),
                disk_mb=assets.size_mb(contenders[name].files()),
            )
    return Peers({name: rows[name] for name in contenders}, len(asks), len(gate), threads)


def _contenders(threads: int) -> dict[str, Contender]:
    served, text = assets.served_version(), assets.text_versions().int8

    def own(module: str, version: Path, **options: Any) -> Contender:
        start = partial(
            Worker, assets.SERVE, module, version=str(version), threads=threads, **options
        )
        return Contender(start, lambda: version)

    def peer(
        module: str, files: Callable[[], Path], option: str = "", python: Path = assets.PEERS
    ) -> Contender:
        """option: the parameter of `load` for the files, if it has one."""

        def start() -> Worker:
            options = {option: str(files())} if option else {}
            return Worker(python, module, version=str(text), threads=threads, **options)

        return Contender(start, files)

    def nearest() -> Path:
        return assets.classifiers() / "nearest"

    def trained() -> Path:
        return assets.classifiers() / "trained"

    def classify() -> Worker:
        folder = str(trained())
        return Worker(assets.SERVE, "trained_classifier", folder=folder, threads=threads)

    return {
        LABEL: own("own_engine", served),
        BOUND: own("one_pass", served, keeps_prefixes=True),
        CACHED: own("own_engine", served, cache=True),
        TEXT: own("own_text", text),
        DRAFTED: own("own_text", text, draft=True),
        TEXT_BOUND: own("one_pass", text, answered=True),
        LLAMA_CPP: peer("llama_cpp", assets.gguf, "gguf"),
        GENAI: peer("ort_genai", assets.genai_model, "folder"),
        TRANSFORMERS: peer("hf_transformers", assets.gguf, python=assets.EXPORT),
        SERVICE: Contender(whole_service, lambda: served),
        NEAREST: Contender(lambda: nearest_service(nearest(), threads), nearest),
        TRAINED: Contender(classify, trained),
        RULES: Contender(lambda: Worker(assets.SERVE, "rules_alone"), lambda: assets.RULES),
    }


def _seconds(one: Worker | Service, told: list[Told], ask: Ask) -> float:
    reply = one.ask([ask])
    if ask is not WARM_UP:
        told += reply.told
    return reply.seconds


def _told(told: Sequence[Told], asks: Sequence[Ask]) -> tuple[float, float]:
    """Passes of an answer, and the share with the text version's labels."""
    passes = [one.passes for one in told if one.passes is not None]
    same = [one.labels == ask.labels for one, ask in zip(told, asks, strict=True) if one.labels]
    return (
        sum(passes) / len(passes) if passes else float("nan"),
        sum(same) / len(same) if same else float("nan"),
    )


def _exact(one: Worker | Service, gate: Sequence[Labelled]) -> float:
    """The inputs under an unknown detector name."""
    asks = [Ask(NEUTRAL, row.output) for row in gate]
    told = [
        answer
        for start in range(0, len(asks), _BATCH)
        for answer in one.ask(asks[start : start + _BATCH]).told
    ]
    return float(exact_matches([r.gold for r in gate], [t.labels for t in told]).mean())


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
            "exact, gate",
            "cold start, s",
            "resident, MB",
            "on disk, MB",
        ),
        [
            (
                name,
                number(row.timing.median),
                number(row.timing.p95),
                number(row.timing.median / median[LABEL]),
                number(row.passes),
                # The others are tuned for the task, so their agreement has no meaning.
                share(row.same) if name in (TEXT, DRAFTED, *_PEERS) else "-",
                share(row.exact),
                number(row.cold_s),
                number(row.resident_mb),
                number(row.disk_mb),
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
                f"{name}, times label tokens", median[name] / median[LABEL], times, at_least=True
            )
            for name, times in _PEERS.items()
        ),
    ]
    counts = (
        f"{peers.inputs} inputs, {peers.gate} rows of the gate, "
        f"{peers.threads} thread{'s' * (peers.threads > 1)}."
    )
    return f"{shown}\n\n{counts}{left_out}\n\n{targets(judged)}"
