"""`transformers` on torch: greedy `generate` with llguidance's masks, in float32.

Runs in the export environment.
"""

from collections.abc import Sequence
from pathlib import Path

import llguidance.numpy as masks  # its masks for torch are compiled at run time
import torch
from llguidance import LLMatcher, LLTokenizer
from transformers import LogitsProcessor, LogitsProcessorList

from bench.contenders import Ask, Told
from bench.contenders.prompt import MAX_NEW_TOKENS, encoder, labels_in, prompt_ids, schema
from export.checkpoint.base import load_checkpoint


class _Mask(LogitsProcessor):
    """Restricts one answer to the grammar."""

    def __init__(self, matcher: LLMatcher, prompt: int, vocabulary: int) -> None:
        self._matcher = matcher
        self._prompt = prompt
        self._bits = masks.allocate_token_bitmask(1, vocabulary)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] > self._prompt:
            self._matcher.consume_token(int(input_ids[0, -1]))
        masks.fill_next_token_bitmask(self._matcher, self._bits)
        masks.apply_token_bitmask_inplace(scores.numpy(), self._bits)
        return scores


class Transformers:
    def __init__(self, version: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        self._base = load_checkpoint(None)
        self._prompts = encoder(version)
        self._vocabulary = self._base.model.config.vocab_size
        tokenizer = LLTokenizer(
            self._base.tokenizer.to_str(), n_vocab=self._vocabulary, eos_token=self._base.eos
        )
        source = LLMatcher.grammar_from_json_schema(
            schema(), overrides={"whitespace_flexible": False}
        )
        self._matcher = LLMatcher(tokenizer, source)

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Told:
        ids = torch.tensor([prompt_ids(self._prompts, ask.detector, ask.signal)])
        mask = _Mask(self._matcher.deep_copy(), ids.shape[1], self._vocabulary)
        with torch.inference_mode():
            written = self._base.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                logits_processor=LogitsProcessorList([mask]),
                eos_token_id=self._base.eos,
                pad_token_id=self._base.eos,
            )[0, ids.shape[1] :].tolist()
        text = self._base.tokenizer.decode(written, skip_special_tokens=True)
        return Told(labels_in(text), len(written))


def load(version: str, threads: int) -> Transformers:
    return Transformers(Path(version), threads)
