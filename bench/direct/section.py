"""Triton's ensemble over gRPC, compared with its bound and with one fused model.

In: whether to run quickly. Out: answers per second and latencies by concurrency, and the block for
the page. All models are in one Triton and are measured in turn.
"""

import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.direct import repository
from bench.direct.perf_analyzer import INPUTS, TENSORS, Point
from bench.direct.perf_analyzer import measure as analyze
from bench.direct.repository import ENSEMBLE, FUSED, NOOP
from bench.harness.inputs import unseen
from bench.processes import free_ports
from bench.report import number, share, table
from client_api.__main__ import MODELS
from client_api.triton.server import LocalTriton, Ports

_NAMES = {
    NOOP: "bound: three steps that compute nothing",
    ENSEMBLE: "**ensemble** (served)",
    FUSED: "one fused Python model",
}
_CONCURRENCY = {False: (1, 4, 16, 64), True: (1, 16)}  # by `quick`
_WINDOW_S = {False: 2.0, True: 0.3}
#: Different inputs.
_INPUTS = {False: 1009, True: 41}
_LOADED_WITHIN_S = 180.0

Points = Mapping[str, Mapping[str, Point]]
"""By concurrency, then by model."""


@dataclass(frozen=True, slots=True)
class Direct:
    """cached: inputs that were sent before; uncached: new labels, without a cache."""

    cached: Points
    uncached: Points


def measure(quick: bool) -> Direct:
    """With the answer cache, then without it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        models, inputs = repository.write(folder / "models"), folder / "inputs.json"
        inputs.write_text(json.dumps({"data": _rows(_INPUTS[quick])}), "utf-8")
        with running(models) as url:
            cached = _points(url, (NOOP, ENSEMBLE, FUSED), INPUTS, quick)
        with running(models, MAPPER_CACHE_ENTRIES="0") as url:
            uncached = _points(url, (ENSEMBLE, FUSED), inputs, quick)
    return Direct(cached, uncached)


def _rows(count: int) -> list[dict[str, list[str]]]:
    return [
        {name: [""] for name in TENSORS} | {"DETECTOR": [ask.detector], "OUTPUT": [ask.signal]}
        for ask in unseen(count, seed=6)
    ]


@contextmanager
def running(models: Path, **settings: str) -> Iterator[str]:
    """Serve all compared models; yields the address. settings: more environment."""
    with LocalTriton(
        models,
        MODELS,
        ready_model=ENSEMBLE,
        ports=Ports(*free_ports(3)),
        log_path=models.parent / "triton.log",
        extra_env=settings,
    ) as triton:
        for model in repository.COMPARED:  # one by one: Triton may crash if so many start at once
            triton.load(model, timeout_s=_LOADED_WITHIN_S)
        yield triton.grpc_url


def _points(url: str, models: Sequence[str], inputs: Path, quick: bool) -> Points:
    rng, window_s = random.Random(1), _WINDOW_S[quick]
    for model in models:  # not counted: fills caches and loads pages
        analyze(url, model, 1, 0.3, inputs)
    return {
        str(concurrency): {
            model: analyze(url, model, concurrency, window_s, inputs)
            for model in rng.sample(models, len(models))
        }
        for concurrency in _CONCURRENCY[quick]
    }


def render(direct: Direct) -> str:
    """The tables."""
    return "\n\n".join(
        table(
            (what, "concurrency", "answers/s", f"of {of}", "p50, ms", "p95, ms", "p99, ms"),
            [
                (
                    _NAMES[model],
                    concurrency,
                    number(by_model[model].per_second),
                    share(by_model[model].per_second / by_model[base].per_second),
                    number(by_model[model].p50),
                    number(by_model[model].p95),
                    number(by_model[model].p99),
                )
                for model in _NAMES
                for concurrency, by_model in points.items()
                if model in by_model
            ],
        )
        for what, of, base, points in (
            ("sent before", "the bound's", NOOP, direct.cached),
            ("new labels, no cache", "the ensemble's", ENSEMBLE, direct.uncached),
        )
    )
