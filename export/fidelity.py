"""How far the graph to serve is from the float graph, on prompts as they are served.

In: both graphs, the head and a sample of vocabulary rows. Out: figures for the manifest. It runs
the engine's own session, so the cached prefix and padded batches are part of what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.cores import usable_cores
from engine.prompt import PromptEncoder
from engine.session import LlamaSession
from engine.version import LlamaShape
from export.dataset import NEUTRAL, Row
from export.errors import ExportError

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Over `rows` prompts, of the state the answer begins from: cosine to the float graph's, and
    the share whose likeliest head row is the same."""

    rows: int
    cosine_mean: float
    cosine_min: float
    same_first_choice: float


def compare(
    served: Path,
    reference: Path,
    shape: LlamaShape,
    prompts: PromptEncoder,
    head: npt.NDArray[np.float32],
    rows: Sequence[Row],
) -> Fidelity:
    """Compare two graphs of one shape. Raises ExportError when a state is not finite."""
    ids = [prompts.suffix_ids(NEUTRAL, row.output) for row in rows]
    found, expected = (_last_states(graph, shape, prompts, ids) for graph in (served, reference))
    if not np.isfinite(found).all():
        raise ExportError("the quantised graph computes values that are not finite; use QUANT=none")
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (found * expected).sum(axis=1) / lengths
    same = (found @ head.T).argmax(axis=1) == (expected @ head.T).argmax(axis=1)
    return Fidelity(
        rows=len(rows),
        cosine_mean=round(float(cosine.mean()), 4),
        cosine_min=round(float(cosine.min()), 4),
        same_first_choice=round(float(same.mean()), 4),
    )


def _last_states(
    graph: Path, shape: LlamaShape, prompts: PromptEncoder, ids: Sequence[tuple[int, ...]]
) -> npt.NDArray[np.float32]:
    session = LlamaSession(graph, shape, threads=usable_cores(), prefix=prompts.prefix_ids)
    states = []
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        hidden = session.start(len(batch)).feed(batch, keep=False)
        states += [hidden[i, len(row) - 1] for i, row in enumerate(batch)]
    return np.stack(states)
