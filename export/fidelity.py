"""How far the graph to serve is from the float graph, on prompts as they are served.

In: both graphs, the prefix's cache and the head. Out: figures for the manifest. It runs the
engine's own session, so the stored prefix and batching are part of what is compared.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.cores import usable_cores
from engine.prompt import PromptEncoder
from engine.session import LlamaSession
from engine.version import LlamaShape
from export.dataset import NEUTRAL, Row, load_rows
from export.errors import ExportError
from export.folds import gate_rows
from schemas.text import normalise

PROMPTS = 1000
"""Prompts compared: all of the gate, and curated ones by chance; one decides 0.1 %."""

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Over `prompts`, of the state the answer begins from: cosine to the float graph's, and the
    share whose likeliest head row is the same, of all and of the `gate` prompts among them.
    same_answer: the share whose answer is the same, which a known phrase decides."""

    prompts: int
    gate: int
    cosine_mean: float
    cosine_min: float
    same_first_choice: float
    same_first_choice_gate: float
    same_answer: float


def compare(
    served: Path,
    reference: Path,
    prefix: Path,
    shape: LlamaShape,
    prompts: PromptEncoder,
    head: npt.NDArray[np.float32],
    phrases: Collection[str] = (),
) -> Fidelity:
    """Compare two graphs of one shape. Raises ExportError when a state is not finite."""
    texts = _texts(prompts, [*gate_rows(), *load_rows()])
    gate = list(_texts(prompts, gate_rows()))
    others = [ids for ids in texts if ids not in set(gate)]
    random.Random(0).shuffle(others)
    ids = [*gate, *others][: max(PROMPTS, len(gate))]
    found, expected = (
        _last_states(graph, prefix, shape, prompts, ids) for graph in (served, reference)
    )
    if not np.isfinite(found).all():
        raise ExportError("the quantised graph computes values that are not finite; use QUANT=none")
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (found * expected).sum(axis=1) / lengths
    same = (found @ head.T).argmax(axis=1) == (expected @ head.T).argmax(axis=1)
    decided = np.array([normalise(texts[i]) in phrases for i in ids])
    return Fidelity(
        prompts=len(ids),
        gate=len(gate),
        cosine_mean=round(float(cosine.mean()), 4),
        cosine_min=round(float(cosine.min()), 4),
        same_first_choice=round(float(same.mean()), 4),
        same_first_choice_gate=round(float(same[: len(gate)].mean()), 4),
        same_answer=round(float((same | decided).mean()), 4),
    )


def _texts(prompts: PromptEncoder, rows: Sequence[Row]) -> dict[tuple[int, ...], str]:
    """Each prompt once, in order, and the text it asks about."""
    return {prompts.suffix_ids(NEUTRAL, row.output): row.output for row in rows}


def _last_states(
    graph: Path,
    prefix: Path,
    shape: LlamaShape,
    prompts: PromptEncoder,
    ids: Sequence[tuple[int, ...]],
) -> npt.NDArray[np.float32]:
    session = LlamaSession(
        graph, shape, threads=usable_cores(), prefix=prompts.prefix_ids, prefix_file=prefix
    )
    states = []
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        states += [row[-1] for row in session.start(len(batch)).feed(batch, keep=False)]
    return np.stack(states)
