"""English translations of Hindi and Vietnamese words of detectors, written for this project.

In: `languages/glossary/*.yaml`, each English word with its translations. Out: each word with its
English, and the negations that follow the negated word. A word that is listed twice is refused.
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
                    problem = f"{word!r} is listed twice; keep one"
                    raise ConfigError(file, f"words.{english}", problem)
                words[word] = english
    return words, negations


def _listed(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := " ".join(part.split()))]
