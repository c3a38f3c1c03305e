"""This project's decoder of versions that write text, with the schema of all contenders."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.contenders import Ask, Told
from bench.contenders.prompt import MAX_NEW_TOKENS, encoder, schema
from engine.decoder import Prompt
from engine.runtime.session import LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import read_version


class OwnText:
    def __init__(self, version: Path, threads: int, draft: bool) -> None:
        """draft: verify `Ask.labels`."""
        published = read_version(version)
        shape = published.shape
        self._prompts = encoder(version)
        self._draft = draft
        self._decoder = TextDecoder(
            LlamaSession(
                published.graph,
                shape,
                threads=threads,
                prefix=self._prompts.prefix_ids,
                prefix_file=published.prefix,
            ),
            np.load(published.head, mmap_mode="r"),
            Grammar(schema(), self._prompts.continuation_pieces, vocabulary=shape.vocab),
            max_new_tokens=MAX_NEW_TOKENS,
        )

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        prompts = [
            Prompt(
                self._prompts.suffix_ids(ask.detector, ask.signal),
                (ask.labels or None) if self._draft else None,
            )
            for ask in asks
        ]
        return [Told(one.labels, one.passes) for one in self._decoder.decode(prompts)]


def load(version: str, threads: int, draft: bool = False) -> OwnText:
    return OwnText(Path(version), threads, draft)
