"""The bound: one forward pass of a version's graph over an answer's tokens, and nothing else.

Options remove single levers to measure their effect.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.contenders import Ask, Told
from bench.contenders.prompt import encoder, prompt_ids
from engine.decoder import argmax_with_probability, candidate_text
from engine.runtime.session import CachedPrefix, LlamaSession
from engine.version import read_version


class OnePass:
    def __init__(
        self,
        version: Path,
        threads: int,
        *,
        answered: bool,
        prefix_cached: bool,
        keeps_prefixes: bool,
        head: npt.NDArray[np.float32] | None,
    ) -> None:
        published = read_version(version)
        self._prompts = encoder(version)
        self._answered = answered
        self._prefix_cached = prefix_cached
        self._keeps_prefixes = keeps_prefixes
        self._prefixes: dict[str, CachedPrefix] = {}
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
        prefix = self._prefix(asks[0].detector) if self._keeps_prefixes else None
        hidden = self._session.start(len(rows), prefix).forward(rows, keep=False)
        if self._head is not None:
            for row, ids in enumerate(rows):
                argmax_with_probability(hidden[row][len(ids) - 1], self._head)
        return [Told((), 1) for _ in asks]

    def _ids(self, ask: Ask) -> list[int]:
        if self._prefix_cached:
            ids = list(self._prompts.suffix_ids(ask.detector, ask.signal))
        else:
            ids = prompt_ids(self._prompts, ask.detector, ask.signal)
        if self._answered:
            ids += self._prompts.continuation_ids(candidate_text(ask.labels))
        return ids[len(self._prompts.detector_ids(ask.detector)) :] if self._keeps_prefixes else ids

    def _prefix(self, detector: str) -> CachedPrefix:
        if detector not in self._prefixes:
            ids = self._prompts.detector_ids(detector)
            batch = self._session.start(1)
            batch.forward([ids])
            self._prefixes[detector] = self._session.cached_prefix(batch, len(ids))
        return self._prefixes[detector]


def load(
    version: str,
    threads: int,
    answered: bool = False,
    prefix_cached: bool = True,
    keeps_prefixes: bool = False,
    head: str | None = None,
) -> OnePass:
    """answered: read the text answer as well, as with a draft; keeps_prefixes: read the detector's
    part of the prompt, common to all asks of a call, only once; head: a matrix for the product with
    the last state."""
    return OnePass(
        Path(version),
        threads,
        answered=answered,
        prefix_cached=prefix_cached,
        keeps_prefixes=keeps_prefixes,
        head=None if head is None else np.load(head, mmap_mode="r"),
    )
