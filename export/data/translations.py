"""Texts of detectors in sixteen languages, written for this project.

In: `languages/phrases.yaml`, for training and retrieval, and `languages/held.yaml`, for measuring
only. Out: texts with their label and language. A row must have one text per language, and each text
may be listed once.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from export.data.rows import DATA
from schemas.text import normalise

_FOLDER = DATA / "languages"
_ELSEWHERE = "-"
"""Replaces a text that another list has already."""

_SENTENCE_ENDS = (".", "。", "।")


@dataclass(frozen=True, slots=True)
class Translated:
    """A text of one language that means one label. `spoken`: a sentence, not a name."""

    text: str
    label: str
    language: str
    spoken: bool


class TranslationError(ValueError):
    """A file of translations is wrong; the message has the place."""


def phrases(folder: Path = _FOLDER) -> list[Translated]:
    """The texts for training and retrieval. Raises TranslationError."""
    return _read(folder / "phrases.yaml")


def held_out(known: Collection[str], folder: Path = _FOLDER) -> list[Translated]:
    """The texts for measuring.

    known: normal forms of all texts for training. Raises TranslationError, also for a text that is
    among them.
    """
    found = _read(folder / "held.yaml")
    told = [one.text for one in found if normalise(one.text) in known]
    if told:
        raise TranslationError(f"held.yaml: other lists have {', '.join(told)}; write - instead")
    return found


def _read(file: Path) -> list[Translated]:
    raw = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    found = list(_texts(file, raw["order"], raw["rows"]))
    seen: dict[str, Translated] = {}
    for one in found:
        first = seen.setdefault(normalise(one.text), one)
        if first is not one:
            raise TranslationError(
                f"{file.name}: {one.text!r} is listed under {first.label} and {one.label}; keep one"
            )
    return found


def _texts(file: Path, order: list[str], rows: dict[str, list[list[str]]]) -> Iterator[Translated]:
    for label, meanings in rows.items():
        for row in meanings:
            if len(row) != len(order):
                raise TranslationError(
                    f"{file.name}: {label}: {len(row)} texts for {len(order)} languages: {row}"
                )
            for language, text in zip(order, row, strict=True):
                if text != _ELSEWHERE:
                    yield Translated(text, label, language, text.endswith(_SENTENCE_ENDS))
