"""Answers of versions that write one token for a whole label set: one pass, one softmax.

In: prompts. Out: the candidate JSON rendered from the likeliest answer of the manifest's list.
"""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.decoder import Decoded, Prompt, Status, candidate_text, choose, unfinished
from engine.session import LlamaSession


class LabelDecoder:
    """The `Decoder` of `writes.kind == label_tokens`. A draft has nothing to save here."""

    def __init__(
        self,
        session: LlamaSession,
        head: npt.NDArray[np.float32],
        answers: tuple[tuple[str, ...], ...],
    ) -> None:
        """head [answers, hidden]: row i stands for answers[i]."""
        self._session = session
        self._head = head
        self._answers = answers
        self._texts = tuple(candidate_text(labels) for labels in answers)

    def decode(self, prompts: Sequence[Prompt]) -> list[Decoded]:
        now = time.monotonic()
        decoded = [unfinished(Status.TIMEOUT) for _ in prompts]
        live = [i for i, p in enumerate(prompts) if p.deadline is None or now < p.deadline]
        if not live:
            return decoded
        tokens = [prompts[i].ids for i in live]
        hidden = self._session.start(len(live)).feed(tokens, keep=False)
        for row, i in enumerate(live):
            best, probability = choose(hidden[row][-1], self._head)
            decoded[i] = Decoded(
                self._texts[best], self._answers[best], probability, Status.OK, passes=1
            )
        return decoded
