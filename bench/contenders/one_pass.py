"""The bound: one forward pass of a version's graph over an answer's tokens, and nothing else.

Options take a lever away, so that its worth shows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.contenders import Ask, Told
from bench.contenders.prompt import encoder, prompt_ids
from engine.decoder import candidate_text, choose
from engine.runtime.session import Begun, LlamaSession
from engine.version import read_version


class OnePass:
    def __init__(
        self,
        version: Path,
        threads: int,
        *,
        answered: bool,
        prefix_cached: bool,
        lead_kept: bool,
        head: npt.NDArray[np.float32] | None,
    ) -> None:
        published = read_version(version)
        self._prompts = encoder(version)
        self._answered = answered
        self._prefix_cached = prefix_cached
        self._lead_kept = lead_kept
        self._leads: dict[str, Begun] = {}
        self._head = head
        self._session = LlamaSession(
            published.graph,
            published.shape,
            threads=threads,
            prefix=self._prompts.prefix_ids if prefix_cached else (),
            prefix_file=published.prefix,
        )

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        rows = [self._ids(ask) for ask in asks]
        begun = self._begun(asks[0].detector) if self._lead_kept else None
        hidden = self._session.start(len(rows), begun).feed(rows, keep=False)
        if self._head is not None:
            for row, ids in enumerate(rows):
                choose(hidden[row][len(ids) - 1], self._head)
        return [Told((), 1) for _ in asks]

    def _ids(self, ask: Ask) -> list[int]:
        if self._prefix_cached:
            ids = list(self._prompts.suffix_ids(ask.detector, ask.signal))
        else:
            ids = prompt_ids(self._prompts, ask.detector, ask.signal)
        if self._answered:
            ids += self._prompts.continuation_ids(candidate_text(ask.labels))
        return ids[len(self._prompts.lead_ids(ask.detector)) :] if self._lead_kept else ids

    def _begun(self, detector: str) -> Begun:
        if detector not in self._leads:
            lead = self._prompts.lead_ids(detector)
            batch = self._session.start(1)
            batch.feed([lead])
            self._leads[detector] = self._session.begun(batch, len(lead))
        return self._leads[detector]


def load(
    version: str,
    threads: int,
    answered: bool = False,
    prefix_cached: bool = True,
    lead_kept: bool = False,
    head: str | None = None,
) -> OnePass:
    """answered: the text answer is read as well, as a drafted one is; lead_kept: what the prompt
    says of the detector, one for all asks of a call, is read once; head: a matrix that the last
    state is multiplied with."""
    return OnePass(
        Path(version),
        threads,
        answered=answered,
        prefix_cached=prefix_cached,
        lead_kept=lead_kept,
        head=None if head is None else np.load(head, mmap_mode="r"),
    )
