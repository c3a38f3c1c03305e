"""The closed lists of the generic reading, out of `words.yaml`.

In: the YAML file, with a comma-separated text for each list. Out: sets of normalised phrases.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from schemas.config.config_file import ConfigModel, read_config, refuse

Phrases = frozenset[str]
_FILE = Path(__file__).with_name("words.yaml")


def _phrases(text: object) -> Phrases:
    if not isinstance(text, str):
        raise refuse(problem=f"must be words with commas between, not {text!r}")
    return frozenset(" ".join(phrase.split()) for phrase in text.split(",")) - {""}


_Lists = dict[str, Annotated[Phrases, BeforeValidator(_phrases)]]


class Words(ConfigModel):
    """values: words of a value, by outcome. keys: names of keys, by role. texts: whole texts and
    their openings. prohibitions: how a name forbids."""

    values: _Lists
    keys: _Lists
    texts: _Lists
    prohibitions: _Lists


@cache
def load_words(path: Path = _FILE) -> Words:
    """The lists of a file. Raises ConfigError when a part is missing or is not text."""
    return read_config(path, Words)
