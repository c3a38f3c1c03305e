"""The input of every contender: the engine's prompt as token ids, and the decoding schema.

In: a published version's tokenizer. Out: ids, and the schema as JSON without optional whitespace.
"""

import json
from pathlib import Path
from typing import Any

from engine.prompt import PromptEncoder
from engine.version import read_version
from schemas.event import decoding_schema
from schemas.taxonomy import load_taxonomy

MAX_INPUT_TOKENS, MAX_NEW_TOKENS = 128, 64  # the service's defaults


def encoder(version: Path) -> PromptEncoder:
    """The prompt of a published version."""
    published = read_version(version)
    text = published.tokenizer.read_text("utf-8")
    return PromptEncoder(text, published.shape.bos, MAX_INPUT_TOKENS)


def prompt_ids(prompts: PromptEncoder, detector: str, signal: str) -> list[int]:
    """The whole prompt, prefix included."""
    return [*prompts.prefix_ids, *prompts.suffix_ids(detector, signal)]


def schema() -> dict[str, Any]:
    """The schema of the engine's text decoder, with one label per answer.

    One, because the untuned base does not stop by itself: it would write as many labels as allowed,
    and a draft of a single label would never be right.
    """
    one_label = decoding_schema(load_taxonomy())
    one_label["properties"]["taxonomy"]["maxItems"] = 1
    return one_label


def labels_in(text: str) -> tuple[str, ...]:
    """The labels of a candidate JSON; none if it is incomplete."""
    try:
        return tuple(dict.fromkeys(json.loads(text)["taxonomy"]))
    except (ValueError, KeyError, TypeError):
        return ()
