"""Answers of versions that write the candidate JSON as text, restricted by the grammar.

In: prompts. Out: JSON that the decoding schema accepts, written by the model's greedy choice among
the tokens that the grammar allows. If it allows only one token, that is read in the next pass and
has probability 1; the head is multiplied only for the allowed tokens.

A draft is verified: its tokens are read in the same pass, the model's choice is computed at each of
them, and the first different one ends the draft. So an answer is the same with and without a draft,
and a right draft leaves nothing to decode.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.decoder import Prompt, argmax_with_probability, candidate_text, unfinished
from engine.runtime.session import LlamaSession
from engine.text.grammar import Grammar
from schemas.candidate import Candidate, CandidateStatus

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A place with several allowed tokens."""

    written: int  # tokens of the answer before it
    position: int  # of the state that decides it, among the tokens fed in this pass
    allowed: npt.NDArray[np.intp]
    drafted: int | None  # the unverified token that was fed; None ends the pass's reading
    place: int


@dataclass(slots=True)
class _Row:
    """One partial answer."""

    place: int  # in the grammar
    pending: list[int]  # tokens to feed with the next pass
    draft: Sequence[int]  # the whole drafted answer; empty for none
    deadline: float | None
    answer: list[int] = field(default_factory=list)
    choices: list[_Choice] = field(default_factory=list)
    probability: float = 1.0
    passes: int = 0

    def drafted_token(self, allowed: npt.NDArray[np.intp]) -> int | None:
        """The draft's next token, while the answer equals the draft and the grammar allows it."""
        written = len(self.answer)
        if written >= len(self.draft) or self.answer != list(self.draft[:written]):
            return None
        token = self.draft[written]
        return token if token in allowed else None


class TextDecoder:
    """The `Decoder` of `writes.kind == text`. One thread at a time."""

    def __init__(
        self,
        session: LlamaSession,
        head: Floats,
        grammar: Grammar,
        *,
        max_new_tokens: int,
    ) -> None:
        """head [vocabulary, hidden]."""
        self._session = session
        self._head = head
        self._grammar = grammar
        self._max_new_tokens = max_new_tokens

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        rows = [self._begin(prompt) for prompt in prompts]
        decoded: dict[int, Candidate] = {}
        live = list(range(len(rows)))
        batch = self._session.start(len(rows))
        while True:
            # 1. Write up to the first choice that needs a pass; a row without one is complete.
            for i in live:
                self._advance(rows[i])
            now = time.monotonic()
            for i in live:
                if not rows[i].choices:
                    decoded[i] = self._finish(rows[i])
                elif (deadline := rows[i].deadline) is not None and now >= deadline:
                    decoded[i] = unfinished(CandidateStatus.TIMEOUT, rows[i].passes)
            staying = [k for k, i in enumerate(live) if i not in decoded]
            if not staying:
                return [decoded[i] for i in range(len(rows))]
            # 2. One pass for the others.
            batch.keep_rows(staying)
            live = [live[k] for k in staying]
            hidden = batch.forward([rows[i].pending for i in live])
            # 3. Apply the model's choices; remove fed tokens that it did not choose.
            for k, i in enumerate(live):
                wasted = self._settle(rows[i], hidden[k])
                if wasted:
                    batch.mask_last(k, wasted)

    def _begin(self, prompt: Prompt) -> _Row:
        draft = self._grammar.tokens(prompt.draft) if prompt.draft else ()
        return _Row(self._grammar.start, list(prompt.ids), draft, prompt.deadline)

    def _advance(self, row: _Row) -> None:
        while len(row.answer) < self._max_new_tokens:
            allowed = self._grammar.allowed(row.place)
            if not allowed.size:
                return
            if allowed.size == 1:
                self._write(row, int(allowed[0]))
                continue
            token = row.drafted_token(allowed)
            row.choices.append(
                _Choice(len(row.answer), len(row.pending) - 1, allowed, token, row.place)
            )
            if token is None:
                return
            self._write(row, token)

    def _write(self, row: _Row, token: int) -> None:
        row.place = self._grammar.after(row.place, token)
        row.answer.append(token)
        row.pending.append(token)

    def _settle(self, row: _Row, hidden: Floats) -> int:
        """Apply the choices of a pass's states [T, hidden]; returns the wrongly fed tokens."""
        fed, choices = len(row.pending), row.choices
        row.pending, row.choices = [], []
        row.passes += 1
        for choice in choices:
            best, probability = argmax_with_probability(
                hidden[choice.position], self._head[choice.allowed]
            )
            token = int(choice.allowed[best])
            row.probability *= probability
            if token != choice.drafted:
                row.place = choice.place
                del row.answer[choice.written :]
                self._write(row, token)
                return fed - 1 - choice.position
        return 0

    def _finish(self, row: _Row) -> Candidate:
        text, labels = self._grammar.text(row.answer), ()
        if not self._grammar.allowed(row.place).size:
            # A repeated label has no meaning, and the schema cannot forbid it.
            labels = tuple(dict.fromkeys(json.loads(text)["taxonomy"]))
            text = candidate_text(labels)
        return Candidate(text, row.probability, labels=labels, passes=row.passes)
