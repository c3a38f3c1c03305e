"""The parts of a published version: its prompt encoder, its decoder, and the device by name.

In: a version that was read. Out: loaded parts. Every function raises ConfigError with file and key.
"""

from pathlib import Path

import numpy as np

from engine.decoder import Decoder
from engine.label_decoder import LabelDecoder
from engine.prompt import PromptEncoder
from engine.runtime.session import Device, LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import Version, WritesLabelTokens
from schemas.config.errors import ConfigError
from schemas.event import decoding_schema
from schemas.taxonomy import load_taxonomy


def device_named(name: str) -> Device:
    """Raises ConfigError for a name that is not in `Device`."""
    try:
        return Device(name)
    except ValueError:
        raise ConfigError(
            Path("MAPPER_DEVICE"), "device", f"{name!r} is none of {', '.join(Device)}"
        ) from None


def prompt_encoder(version: Version, max_input_tokens: int) -> PromptEncoder:
    try:
        text = version.tokenizer.read_text("utf-8")
        return PromptEncoder(text, version.shape.bos, max_input_tokens)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise ConfigError(version.tokenizer, "(file)", f"is no tokenizer: {error}") from error


def answer_decoder(
    version: Version, session: LlamaSession, prompts: PromptEncoder, max_new_tokens: int
) -> Decoder:
    answers = version.writes.answers if isinstance(version.writes, WritesLabelTokens) else None
    rows = version.shape.vocab if answers is None else len(answers)
    try:
        head = np.load(version.head, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ConfigError(version.head, "(array)", f"does not load: {error}") from error
    if head.shape != (rows, version.shape.hidden) or head.dtype != np.float32:
        raise ConfigError(
            version.head,
            "(array)",
            f"{head.dtype}{list(head.shape)} instead of float32[{rows}, {version.shape.hidden}]",
        )
    if answers is not None:
        return LabelDecoder(session, head, answers)
    try:
        schema = decoding_schema(load_taxonomy())
        grammar = Grammar(schema, prompts.continuation_pieces, vocabulary=rows)
    except ValueError as error:
        raise ConfigError(version.tokenizer, "(grammar)", str(error)) from error
    return TextDecoder(session, head, grammar, max_new_tokens=max_new_tokens)
