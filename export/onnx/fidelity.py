"""Measures the difference between the served graphs and the float graphs, on prompts as served.

In: both sides' graphs, the prefix's cache and the head. Out: figures for the manifest. It runs the
engine's own sessions, so the comparison includes the stored prefix and batching.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.decoder import NO_FINDING_ROWS, NoFindingRows, argmax_with_probability
from engine.manifest import LlamaShape
from engine.prompt import PromptEncoder
from engine.retrieval.neighbours import Neighbours
from engine.runtime.cores import usable_cores
from engine.runtime.session import LlamaSession
from export.common.errors import ExportError
from export.data.folds import gate_rows
from export.data.rows import NEUTRAL, Row, load_rows

PROMPTS = 1000
"""Prompts compared: all of the gate, and random curated ones; each counts 0.1 %."""

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of the states at the first answer token, over `prompts`: the cosine with the float graph's
    states, and the share with the same likeliest head row, of all and of the `gate` prompts.
    same_answer: the share with the same answer after the neighbours' votes."""

    prompts: int
    gate: int
    cosine_mean: float
    cosine_min: float
    same_first_choice: float
    same_first_choice_gate: float
    same_answer: float


@dataclass(frozen=True, slots=True)
class Side:
    """One side: the Llama's graph and the neighbours."""

    graph: Path
    neighbours: Neighbours


def compare(
    served: Side,
    reference: Side,
    prefix: Path,
    shape: LlamaShape,
    prompts: PromptEncoder,
    head: npt.NDArray[np.float32],
    empty: NoFindingRows = NO_FINDING_ROWS,
) -> Fidelity:
    """Compare two sides, graphs of one shape. Raises ExportError when a state is not finite."""
    texts = _texts(prompts, [*gate_rows(), *load_rows()])
    gate = list(_texts(prompts, gate_rows()))
    others = [ids for ids in texts if ids not in set(gate)]
    random.Random(0).shuffle(others)
    ids = [*gate, *others][: max(PROMPTS, len(gate))]
    found, expected = (
        _last_states(side.graph, prefix, shape, prompts, ids) for side in (served, reference)
    )
    if not np.isfinite(found).all():
        raise ExportError("the quantised graph computes values that are not finite; use QUANT=none")
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (found * expected).sum(axis=1) / lengths
    same = (found @ head.T).argmax(axis=1) == (expected @ head.T).argmax(axis=1)
    signals = [texts[i] for i in ids]
    answers = (
        _answers(states, head, side.neighbours, signals, empty)
        for states, side in ((found, served), (expected, reference))
    )
    agreed = [mine == other for mine, other in zip(*answers, strict=True)]
    return Fidelity(
        prompts=len(ids),
        gate=len(gate),
        cosine_mean=round(float(cosine.mean()), 4),
        cosine_min=round(float(cosine.min()), 4),
        same_first_choice=round(float(same.mean()), 4),
        same_first_choice_gate=round(float(same[: len(gate)].mean()), 4),
        same_answer=round(float(np.mean(agreed)), 4),
    )


def _answers(
    states: npt.NDArray[np.float32],
    head: npt.NDArray[np.float32],
    neighbours: Neighbours,
    signals: Sequence[str],
    empty: NoFindingRows,
) -> list[int]:
    votes = neighbours.votes(signals)
    pairs = zip(states, votes, strict=True)
    return [argmax_with_probability(state, head, votes, empty)[0] for state, votes in pairs]


def _texts(prompts: PromptEncoder, rows: Sequence[Row]) -> dict[tuple[int, ...], str]:
    """Each prompt once, in order, and its signal."""
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
        states += [row[-1] for row in session.start(len(batch)).forward(batch, keep=False)]
    return np.stack(states)
