"""The closed lists of the generic reading, out of `words.yaml`.

In: the YAML file. Out: sets of phrases in their normal form. Knows no vocabularies of findings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.errors import ConfigError
from schemas.yaml_file import check_keys, read_text, read_yaml

Phrases = frozenset[str]
_FILE = Path(__file__).with_name("words.yaml")


@dataclass(frozen=True, slots=True)
class Words:
    """values: what a value says, by outcome. keys: what a key is for, by role. texts: whole texts
    and their openings. prohibitions: how a name forbids."""

    values: Mapping[str, Phrases]
    keys: Mapping[str, Phrases]
    texts: Mapping[str, Phrases]
    prohibitions: Mapping[str, Phrases]


@cache
def load_words(path: Path = _FILE) -> Words:
    """The lists of a file. Raises ConfigError when a part is missing or is no text."""
    parts = {"values", "keys", "texts", "prohibitions"}
    data = check_keys(path, "", read_yaml(path), parts, frozenset())
    return Words(**{part: _lists(path, part, data[part]) for part in sorted(parts)})


def _lists(path: Path, part: str, lists: object) -> dict[str, Phrases]:
    if not isinstance(lists, dict):
        raise ConfigError(path, part, "must map names to lists")
    return {
        str(name): frozenset(
            " ".join(phrase.split())
            for phrase in read_text(path, f"{part}.{name}", text).split(",")
        )
        - {""}
        for name, text in lists.items()
    }
