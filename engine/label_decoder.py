"""Answers of versions that write one token for a whole label set: one pass, one softmax.

In: prompts. Out: the candidate JSON rendered from the likeliest answer of the manifest's list, a
version's neighbours having their say.

What a prompt says of its detector is the same for all its signals, and about as long as a signal.
So the keys and values of the detectors asked about last are kept, and a pass reads signals alone.
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
    empty_answers,
    heard,
    mix,
    shares_of,
    unfinished,
)
from engine.kinds import between, is_of, likelier
from engine.runtime.session import Begun, LlamaSession
from schemas.candidate import LEAST_LIKELY, MAX_LIKELY, Candidate, CandidateStatus
from schemas.contract import Kind
from schemas.taxonomy import load_taxonomy

Floats = npt.NDArray[np.float32]

_LEAST = 0.3
"""The probability from which a family is told: a threshold below it leaves leaves standing."""

KEPT_LEADS = 32
"""Detectors whose part of the prompt is kept: at most 1.6 MB each, for 34 tokens."""


class LabelDecoder:
    """The `Decoder` of `writes.kind == label_tokens`. A draft has nothing to save here."""

    def __init__(
        self,
        session: LlamaSession,
        head: Floats,
        answers: tuple[tuple[str, ...], ...],
        kept_leads: int = KEPT_LEADS,
    ) -> None:
        """head [answers, hidden]: row i stands for answers[i]."""
        self._session = session
        self._head = head
        self._answers = answers
        self._empty = empty_answers(answers)
        self._texts = tuple(candidate_text(labels) for labels in answers)
        self._families = {
            general: np.array([set(labels) <= {*members} for labels in answers])
            for general, members in load_taxonomy().families.items()
        }
        self._of_kind = {
            kind: np.array([is_of(labels, kind) for labels in answers]) for kind in Kind
        }
        self._leads: LRUCache[tuple[int, ...], Begun] = LRUCache(kept_leads)

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        """See `engine.decoder.Decoder`; one pass for each lead among the prompts."""
        now = time.monotonic()
        decoded = [unfinished(CandidateStatus.TIMEOUT) for _ in prompts]
        groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, prompt in enumerate(prompts):
            if prompt.deadline is None or now < prompt.deadline:
                groups[prompt.ids[: prompt.lead]].append(i)
        for lead, rows in groups.items():
            read = [p for i in rows for p in (prompts[i], prompts[i].said) if p is not None]
            states = iter(self._read(lead, [prompt.ids for prompt in read]))
            for i in rows:
                decoded[i] = self._answer(states, prompts[i])
        return decoded

    def _answer(self, states: Iterator[Floats], prompt: Prompt) -> Candidate:
        """states: the next are those of the prompt and, where a kind is said, of that."""
        shares, retrieved = self._mixed(next(states), prompt.votes)
        if prompt.said is not None:
            other, others_retrieved = self._mixed(next(states), prompt.said.votes)
            shares, retrieved = between(shares, other), (retrieved + others_retrieved) / 2
        if prompt.kind is not None:
            shares = likelier(shares, self._of_kind[prompt.kind])
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
        )

    def _mixed(
        self, state: Floats, votes: Votes
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The shares of all answers [n], and which part of each comes from votes [n], 0..1.

        state: [tokens, hidden]; the last row decides.
        """
        own = shares_of(state[-1], self._head)
        weights = heard(own, votes, self._empty)
        shares, parts = mix(own, weights), np.zeros(len(own))
        for row, weight in weights.items():
            parts[row] = weight / shares[row]
        return shares, parts

    def _read(self, lead: tuple[int, ...], rows: Sequence[tuple[int, ...]]) -> list[Floats]:
        begun = self._leads.get(lead)
        if begun is not None:
            rests = [ids[len(lead) :] for ids in rows]
            return self._session.start(len(rows), begun).feed(rests, keep=False)
        batch = self._session.start(len(rows))
        keep = bool(lead) and self._leads.maxsize > 0
        states = batch.feed(rows, keep=keep)
        if keep:
            self._leads[lead] = self._session.begun(batch, len(lead))
        return states
