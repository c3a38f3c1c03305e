"""The phrases a version knows word for word, and what they mean whoever says them.

In: a version's file. Out: the answer to a text in its normal form, if there is one. A small model
forgets what it has read once among thirty thousand phrases; a list does not. What is found is one
more voice beside the model's, as in a language model with a datastore (Khandelwal et al. 2020,
Generalization through Memorization, arXiv 1911.00172). It does not know detectors.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemas.errors import ConfigError
from schemas.text import normalise

PHRASES = "phrases.json"

WEIGHT = 0.8
"""Of the phrase, against the model. More than a half, for out of fold the list is right more often
where it knows the text (`make evaluate`); less than all, for what both say deserves more trust."""


class Phrases:
    """Texts in normal form, each with the index of its answer."""

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known

    def find(self, text: str) -> int | None:
        """The index of the answer to a text, as it is spelled by anybody."""
        return self._known.get(normalise(text)) if self._known else None


NO_PHRASES = Phrases({})


def write_phrases(
    file: Path, phrases: Mapping[str, tuple[str, ...]], answers: Sequence[Sequence[str]]
) -> None:
    """phrases: normal forms and their label sets; answers: those of the version, in row order.
    Phrases whose label set the version cannot answer are left out."""
    rows = {tuple(answer): i for i, answer in enumerate(answers)}
    known = {text: rows[labels] for text, labels in sorted(phrases.items()) if labels in rows}
    file.write_text(json.dumps(known, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_phrases(file: Path, answers: int) -> Phrases:
    """What `write_phrases` wrote; none where there is no file, as in versions of older exports.

    answers: how many the version has. Raises ConfigError.
    """
    if not file.is_file():
        return NO_PHRASES
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(file, "(file)", f"not JSON ({error}); export again") from error
    if not isinstance(known, dict):
        raise ConfigError(file, "(file)", "not a JSON object; export again")
    for text, row in known.items():
        if not isinstance(row, int) or not 0 <= row < answers:
            raise ConfigError(file, repr(text), f"{row!r} is none of {answers} answers")
    return Phrases(known)
