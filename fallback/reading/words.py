"""The closed lists of the generic reading, from `words.yaml` and `languages.yaml`.

In: the YAML files, with one comma-separated text per list. Out: sets of normalised phrases.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from schemas.config.config_file import ConfigModel, read_config, refuse

Phrases = frozenset[str]
_FILE = Path(__file__).with_name("words.yaml")
_LANGUAGES = Path(__file__).with_name("languages.yaml")


def _phrases(text: object) -> Phrases:
    if isinstance(text, frozenset):
        return text
    if not isinstance(text, str):
        raise refuse(problem=f"must be words with commas between, not {text!r}")
    return frozenset(" ".join(phrase.split()) for phrase in text.casefold().split(",")) - {""}


_Lists = dict[str, Annotated[Phrases, BeforeValidator(_phrases)]]


class Words(ConfigModel):
    """values: words of a value, by outcome. keys: names of keys, by role. texts: whole texts and
    their openings. prohibitions: words of a name that forbids. goods: names of something good, by
    the finding if it is missing."""

    values: _Lists
    keys: _Lists
    texts: _Lists
    prohibitions: _Lists
    goods: _Lists


@cache
def load_words(path: Path = _FILE, languages: Path = _LANGUAGES) -> Words:
    """The lists of both files. Raises ConfigError if a part is missing or not text."""
    lists, more = read_config(path, Words), read_config(languages, Words)
    return Words(
        values=_joined(lists.values, more.values),
        keys=_joined(lists.keys, more.keys),
        texts=_joined(lists.texts, more.texts),
        prohibitions=_joined(lists.prohibitions, more.prohibitions),
        goods=_joined(lists.goods, more.goods),
    )


def _joined(lists: Mapping[str, Phrases], more: Mapping[str, Phrases]) -> dict[str, Phrases]:
    none = Phrases()
    return {name: lists.get(name, none) | more.get(name, none) for name in {*lists, *more}}
