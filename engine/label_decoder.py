"""Answers of versions that write one token for a whole label set: one pass, one softmax.

In: prompts. Out: the candidate JSON of the likeliest answer in the manifest's list, after the
version's neighbours have voted.

The prompt's part with the detector is the same for all its signals, and about as long as a signal.
So the keys and values of the last detectors are cached, and a pass only reads signals.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from engine.decoder import (
    Prompt,
    Votes,
    candidate_text,
    counted_votes,
    interpolate,
    no_finding_rows,
    softmax,
    unfinished,
)
from engine.kinds import geometric_mean, is_of_kind, with_kind_odds
from engine.runtime.session import CachedPrefix, LlamaSession
from schemas.candidate import LEAST_LIKELY, MAX_LIKELY, Candidate, CandidateStatus, Neighbour
from schemas.contract import Kind
from schemas.taxonomy import load_taxonomy

Floats = npt.NDArray[np.float32]

_LEAST = 0.3
"""The lowest probability of a family in a candidate; no threshold is lower."""

KEPT_PREFIXES = 32
"""Detectors whose part of the prompt is cached: at most 1.6 MB each, for 34 tokens."""


class LabelDecoder:
    """The `Decoder` of `writes.kind == label_tokens`. A draft saves no pass here."""

    def __init__(
        self,
        session: LlamaSession,
        head: Floats,
        answers: tuple[tuple[str, ...], ...],
        kept_prefixes: int = KEPT_PREFIXES,
    ) -> None:
        """head [answers, hidden]: row i belongs to answers[i]."""
        self._session = session
        self._head = head
        self._answers = answers
        self._empty = no_finding_rows(answers)
        self._texts = tuple(candidate_text(labels) for labels in answers)
        self._families = {
            general: np.array([set(labels) <= {*members} for labels in answers])
            for general, members in load_taxonomy().families.items()
        }
        self._of_kind = {
            kind: np.array([is_of_kind(labels, kind) for labels in answers]) for kind in Kind
        }
        self._detector_prefixes: LRUCache[tuple[int, ...], CachedPrefix] = LRUCache(kept_prefixes)

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        """See `engine.decoder.Decoder`; one pass per detector among the prompts."""
        now = time.monotonic()
        decoded = [unfinished(CandidateStatus.TIMEOUT) for _ in prompts]
        groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, prompt in enumerate(prompts):
            if prompt.deadline is None or now < prompt.deadline:
                groups[prompt.ids[: prompt.detector_tokens]].append(i)
        for detector_ids, rows in groups.items():
            read = [p for i in rows for p in (prompts[i], prompts[i].with_kind) if p is not None]
            states = iter(self._read(detector_ids, [prompt.ids for prompt in read]))
            for i in rows:
                decoded[i] = self._answer(states, prompts[i])
        return decoded

    def _answer(self, states: Iterator[Floats], prompt: Prompt) -> Candidate:
        """states: the next one is the prompt's; after it comes that of `with_kind`, if any."""
        shares, retrieved = self._mixed(next(states), prompt.votes)
        if prompt.with_kind is not None:
            other, others_retrieved = self._mixed(next(states), prompt.with_kind.votes)
            shares, retrieved = geometric_mean(shares, other), (retrieved + others_retrieved) / 2
        if prompt.kind is not None:
            shares = with_kind_odds(shares, self._of_kind[prompt.kind])
        ranked = np.argsort(-shares)[:MAX_LIKELY].tolist()
        best = ranked[0]
        sums = {name: float(shares[rows].sum()) for name, rows in self._families.items()}
        return Candidate(
            self._texts[best],
            float(shares[best]),
            labels=self._answers[best],
            passes=1,
            retrieved=float(shares[best] * retrieved[best]),
            families=tuple((n, round(p, 4)) for n, p in sums.items() if p >= _LEAST),
            likely=tuple(
                (self._answers[i], round(float(shares[i]), 4))
                for i in ranked
                if i == best or shares[i] >= LEAST_LIKELY
            ),
            neighbours=tuple(
                Neighbour(phrase, self._answers[row], round(cosine, 4))
                for phrase, row, cosine in prompt.votes.nearest
            ),
        )

    def _mixed(
        self, state: Floats, votes: Votes
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The shares of all answers [n], and the part of each that comes from votes [n], 0..1.

        state: [tokens, hidden]; the last row decides.
        """
        own = softmax(state[-1], self._head)
        weights = counted_votes(own, votes, self._empty)
        shares, parts = interpolate(own, weights), np.zeros(len(own))
        for row, weight in weights.items():
            parts[row] = weight / shares[row]
        return shares, parts

    def _read(self, detector_ids: tuple[int, ...], rows: Sequence[tuple[int, ...]]) -> list[Floats]:
        cached_prefix = self._detector_prefixes.get(detector_ids)
        if cached_prefix is not None:
            rests = [ids[len(detector_ids) :] for ids in rows]
            return self._session.start(len(rows), cached_prefix).forward(rests, keep=False)
        batch = self._session.start(len(rows))
        keep = bool(detector_ids) and self._detector_prefixes.maxsize > 0
        states = batch.forward(rows, keep=keep)
        if keep:
            self._detector_prefixes[detector_ids] = self._session.cached_prefix(
                batch, len(detector_ids)
            )
        return states
