"""The names of the common categories in other languages, from `translations.yaml`.

In: the YAML file, words by label. Out: (phrase, labels) pairs like those of the taxonomy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, cast

from pydantic import AfterValidator, ValidationInfo

from fallback.rules.catalog import Labels
from schemas.config.config_file import ConfigModel, Text, read_config, refuse
from schemas.taxonomy import Taxonomy

_FILE = Path(__file__).with_name("translations.yaml")


def _is_label(label: str, info: ValidationInfo) -> str:
    taxonomy = cast(Taxonomy, info.context)
    if label not in taxonomy:
        raise refuse(problem=f"{label!r} is not a label of taxonomy {taxonomy.version}")
    return label


class _Translations(ConfigModel):
    words: dict[Annotated[str, AfterValidator(_is_label)], Text]


def translations(taxonomy: Taxonomy, path: Path = _FILE) -> Iterator[tuple[str, Labels]]:
    """The phrases of a file with their label. Raises ConfigError when the file is wrong."""
    for label, phrases in read_config(path, _Translations, taxonomy).words.items():
        for phrase in phrases.split(","):
            yield " ".join(phrase.split()), (label,)
