"""Answers of versions that write one token for a whole label set: one pass, one softmax.

In: prompts. Out: the candidate JSON rendered from the likeliest answer of the manifest's list, a
version's neighbours having their say.

What a prompt says of its detector is the same for all its signals, and about as long as a signal.
So the keys and values of the detectors asked about last are kept, and a pass reads signals alone.
"""

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from engine.decoder import Prompt, candidate_text, choose, empty_answers, unfinished
from engine.runtime.session import Begun, LlamaSession
from schemas.candidate import Candidate, CandidateStatus

KEPT_LEADS = 32
"""Detectors whose part of the prompt is kept: at most 1.6 MB each, for 34 tokens."""


class LabelDecoder:
    """The `Decoder` of `writes.kind == label_tokens`. A draft has nothing to save here."""

    def __init__(
        self,
        session: LlamaSession,
        head: npt.NDArray[np.float32],
        answers: tuple[tuple[str, ...], ...],
        kept_leads: int = KEPT_LEADS,
    ) -> None:
        """head [answers, hidden]: row i stands for answers[i]."""
        self._session = session
        self._head = head
        self._answers = answers
        self._empty = empty_answers(answers)
        self._texts = tuple(candidate_text(labels) for labels in answers)
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
            states = self._read(lead, [prompts[i].ids for i in rows])
            for i, state in zip(rows, states, strict=True):
                best, probability = choose(state[-1], self._head, prompts[i].votes, self._empty)
                decoded[i] = Candidate(
                    self._texts[best], probability, labels=self._answers[best], passes=1
                )
        return decoded

    def _read(
        self, lead: tuple[int, ...], rows: Sequence[tuple[int, ...]]
    ) -> list[npt.NDArray[np.float32]]:
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
