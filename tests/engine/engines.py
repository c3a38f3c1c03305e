"""Tiny random Llamas in the real runtime, and what they are asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.decoder import Prompt
from engine.mapper import MapperEngine
from engine.prompt import PromptEncoder
from engine.runtime.session import LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import read_version
from schemas.candidate import Query
from schemas.taxonomy import load_taxonomy
from tests.support import tiny_llama

ANSWERS = [[name] for name in load_taxonomy().names] + [
    ["HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"]
]
SIGNALS = [
    "hate", "hate/threatening", "US_SSN", "S10", "toxic", "", "Prompt injection in a document",
    "violence: medium (4)", "naïve 暴力", "🔪", "CREDIT_CARD_NUMBER" * 3, "x",
]  # fmt: skip
QUERIES = [Query("openai-moderation", signal) for signal in SIGNALS]


def load(version: Path, **settings: Any) -> MapperEngine:
    settings.setdefault("max_new_tokens", 160)  # some tokenizers here need a token a byte
    return MapperEngine.load(version, threads=1, **settings)


def text_decoder(
    tmp_path: Path, labels: Sequence[str], max_labels: int, tokenizer: str = "bytes"
) -> TextDecoder:
    version = read_version(
        tiny_llama.publish(tmp_path / "1", tokenizer=tiny_llama.TOKENIZERS[tokenizer]())
    )
    array = {"type": "array", "items": {"enum": list(labels)}, "minItems": 1}
    schema = {
        "type": "object",
        "properties": {"taxonomy": {**array, "maxItems": max_labels}},
        "required": ["taxonomy"],
        "additionalProperties": False,
    }
    encoder = PromptEncoder(version.tokenizer.read_text("utf-8"), None, 128)
    return TextDecoder(
        LlamaSession(version.graph, version.shape, threads=1),
        np.load(version.head),
        Grammar(schema, encoder.continuation_pieces, vocabulary=version.shape.vocab),
        max_new_tokens=160,
    )


ENCODER = PromptEncoder(tiny_llama.byte_only_tokenizer().to_str(), bos=None, max_input_tokens=128)


def prompt(signal: str, draft: tuple[str, ...] | None = None) -> Prompt:
    return Prompt((*ENCODER.prefix_ids, *ENCODER.suffix_ids("d", signal)), draft)
