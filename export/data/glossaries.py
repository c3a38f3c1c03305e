"""English of the words that detectors use in Hindi and Vietnamese, written for this project.

In: `languages/glossary/*.yaml`, an English word with those that mean it. Out: each word with its
English, and the words that deny after what they deny. It refuses a word that stands twice.
"""

from pathlib import Path

from export.data.rows import DATA
from schemas.config.config_file import ConfigModel, Text, read_config
from schemas.config.errors import ConfigError

_FOLDER = DATA / "languages" / "glossary"


class _Glossary(ConfigModel):
    negations: str = ""
    words: dict[str, Text]


def glossaries(folder: Path = _FOLDER) -> tuple[dict[str, str], list[str]]:
    """Of all languages. Raises ConfigError when a file is wrong."""
    words: dict[str, str] = {}
    negations: list[str] = []
    for file in sorted(folder.glob("*.yaml")):
        read = read_config(file, _Glossary)
        negations += _listed(read.negations)
        for english, listed in read.words.items():
            for word in _listed(listed):
                if word in words or word in negations:
                    raise ConfigError(file, f"words.{english}", f"{word!r} stands twice; keep one")
                words[word] = english
    return words, negations


def _listed(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := " ".join(part.split()))]
