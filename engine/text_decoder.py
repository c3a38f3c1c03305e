"""Answers of versions that write the candidate JSON as text, held to the grammar token by token.

In: prompts. Out: JSON that the decoding schema accepts, written by the model's greedy choice among
what the grammar allows. Where it allows one continuation only, those tokens ride along with the
next pass and have probability 1; the head is multiplied for the allowed tokens alone.

A draft is verified, not believed: its tokens ride along too, one pass reads the model's choice at
each of them, and the first that differs ends the draft. So an answer is the same with and without
one, and a draft that is wholly right leaves nothing to decode.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from engine.decoder import Decoded, Prompt, Status, candidate_text, choose, unfinished
from engine.session import LlamaSession

Floats = npt.NDArray[np.float32]


class Grammar:
    """What may be written, compiled for one tokenizer."""

    def __init__(
        self, tokenizer_file: Path, schema: Mapping[str, Any], *, vocabulary: int, eos: int
    ) -> None:
        """schema: the decoding schema; vocabulary: rows of the head.

        Raises ValueError when the tokenizer does not fit or the grammar cannot be compiled.
        """
        self._tokenizer = LLTokenizer(
            tokenizer_file.read_text("utf-8"), n_vocab=vocabulary, eos_token=eos
        )
        source = LLMatcher.grammar_from_json_schema(
            dict(schema), overrides={"whitespace_flexible": False}
        )
        if problem := LLMatcher.validate_grammar(source, self._tokenizer):
            raise ValueError(f"the decoding schema does not compile: {problem}")
        self._matcher = LLMatcher(self._tokenizer, source, log_level=0)
        self._mask = allocate_token_bitmask(1, vocabulary)
        self._vocabulary = vocabulary

    def start(self) -> LLMatcher:
        """A matcher at the beginning of an answer."""
        return self._matcher.deep_copy()

    def allowed(self, matcher: LLMatcher) -> npt.NDArray[np.intp]:
        """Ids that may come next, ascending."""
        fill_next_token_bitmask(matcher, self._mask)
        bits = np.unpackbits(self._mask.view(np.uint8)[0], bitorder="little")
        return np.flatnonzero(bits[: self._vocabulary])

    def text(self, tokens: list[int]) -> str:
        return self._tokenizer.decode_str(tokens)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A place where the grammar leaves the model a choice."""

    written: int  # tokens of the answer before it
    position: int  # of the state that decides it, among the tokens fed in this pass
    allowed: npt.NDArray[np.intp]
    drafted: int | None  # the token fed on trust; None ends the pass's reading
    before: LLMatcher


@dataclass(slots=True)
class _Row:
    """One answer in the making."""

    matcher: LLMatcher
    pending: list[int]  # tokens to feed with the next pass
    draft: Sequence[int]  # the whole drafted answer; empty for none
    deadline: float | None
    answer: list[int] = field(default_factory=list)
    choices: list[_Choice] = field(default_factory=list)
    probability: float = 1.0
    passes: int = 0

    def write(self, tokens: Sequence[int]) -> None:
        if not self.matcher.consume_tokens(list(tokens)):
            raise ValueError(f"the grammar broke off: {self.matcher.get_error()}")
        self.answer += tokens
        self.pending += tokens

    def drafted_token(self, allowed: npt.NDArray[np.intp]) -> int | None:
        """The draft's next token, while the answer is as drafted and the grammar agrees."""
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
        encode: Callable[[str], Sequence[int]],
        *,
        max_new_tokens: int,
    ) -> None:
        """head [vocabulary, hidden]; encode: text to ids, for drafts."""
        self._session = session
        self._head = head
        self._grammar = grammar
        self._encode = encode
        self._max_new_tokens = max_new_tokens

    def decode(self, prompts: Sequence[Prompt]) -> list[Decoded]:
        rows = [self._begin(prompt) for prompt in prompts]
        decoded: dict[int, Decoded] = {}
        live = list(range(len(rows)))
        batch = self._session.start(len(rows))
        while True:
            # 1. Write up to the first choice that only a pass can make; who has none is done.
            for i in live:
                self._advance(rows[i])
            now = time.monotonic()
            for i in live:
                if not rows[i].choices:
                    decoded[i] = self._finish(rows[i])
                elif (deadline := rows[i].deadline) is not None and now >= deadline:
                    decoded[i] = unfinished(Status.TIMEOUT, rows[i].passes)
            staying = [k for k, i in enumerate(live) if i not in decoded]
            if not staying:
                return [decoded[i] for i in range(len(rows))]
            # 2. One pass for the others.
            batch.keep_rows(staying)
            live = [live[k] for k in staying]
            hidden = batch.feed([rows[i].pending for i in live])
            # 3. Let the model choose; what was fed on trust in vain is taken back.
            for k, i in enumerate(live):
                wasted = self._settle(rows[i], hidden[k])
                if wasted:
                    batch.take_back(k, wasted)

    def _begin(self, prompt: Prompt) -> _Row:
        draft = self._encode(candidate_text(prompt.draft)) if prompt.draft else ()
        return _Row(self._grammar.start(), list(prompt.ids), draft, prompt.deadline)

    def _advance(self, row: _Row) -> None:
        while not row.matcher.is_stopped() and len(row.answer) < self._max_new_tokens:
            if forced := row.matcher.compute_ff_tokens():
                row.write(forced)
                continue
            allowed = self._grammar.allowed(row.matcher)
            token = row.drafted_token(allowed)
            before = row.matcher if token is None else row.matcher.deep_copy()
            row.choices.append(
                _Choice(len(row.answer), len(row.pending) - 1, allowed, token, before)
            )
            if token is None:
                return
            row.write([token])

    def _settle(self, row: _Row, hidden: Floats) -> int:
        """Make the pass's choices from its states [T, hidden]; returns the tokens fed in vain."""
        fed, choices = len(row.pending), row.choices
        row.pending, row.choices = [], []
        row.passes += 1
        for choice in choices:
            best, probability = choose(hidden[choice.position], self._head[choice.allowed])
            token = int(choice.allowed[best])
            row.probability *= probability
            if token != choice.drafted:
                row.matcher = choice.before
                del row.answer[choice.written :]
                row.write([token])
                return fed - 1 - choice.position
        return 0

    def _finish(self, row: _Row) -> Decoded:
        text, labels = self._grammar.text(row.answer), ()
        if row.matcher.is_accepting():
            # A label written twice says nothing more, and a grammar cannot forbid it.
            labels = tuple(dict.fromkeys(json.loads(text)["taxonomy"]))
            text = candidate_text(labels)
        return Decoded(text, labels, row.probability, Status.OK, row.passes)
