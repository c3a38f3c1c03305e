"""What detectors say in sixteen languages, written for this project.

In: `languages/phrases.yaml`, which is trained on and searched, and `languages/held.yaml`, which is
kept out to measure by. Out: texts with their label and language. It refuses files in which a row
has not one text a language, or a text stands twice.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from export.data.rows import DATA
from schemas.text import normalise

_FOLDER = DATA / "languages"
_ELSEWHERE = "-"
"""Stands for a text that another list has already."""

_SENTENCE_ENDS = (".", "。", "।")


@dataclass(frozen=True, slots=True)
class Translated:
    """A text of one language that means one label. `spoken`: a sentence, not a name."""

    text: str
    label: str
    language: str
    spoken: bool


class TranslationError(ValueError):
    """A file of translations is wrong; the message says where."""


def phrases(folder: Path = _FOLDER) -> list[Translated]:
    """Those to learn from. Raises TranslationError."""
    return _read(folder / "phrases.yaml")


def held_out(known: Collection[str], folder: Path = _FOLDER) -> list[Translated]:
    """Those to measure by.

    known: normal forms of all texts that may be learned from. Raises TranslationError, also for a
    text that is among them.
    """
    found = _read(folder / "held.yaml")
    told = [one.text for one in found if normalise(one.text) in known]
    if told:
        raise TranslationError(f"held.yaml: written elsewhere too, put - there: {', '.join(told)}")
    return found


def _read(file: Path) -> list[Translated]:
    raw = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)
    found = list(_texts(file, raw["order"], raw["rows"]))
    seen: dict[str, Translated] = {}
    for one in found:
        first = seen.setdefault(normalise(one.text), one)
        if first is not one:
            raise TranslationError(
                f"{file.name}: {one.text!r} stands under {first.label} and {one.label}; keep one"
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
