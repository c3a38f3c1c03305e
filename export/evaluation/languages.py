"""Measures a published version on other languages than English.

In: `data/languages/held.yaml`, whose texts are neither in the training nor in retrieval, and a
version's engine. Out: its answers under a neutral detector name, with and without retrieval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.mapper import MapperEngine
from export.data.rows import NEUTRAL
from export.data.translations import Translated
from schemas.candidate import Candidate, Query

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Read:
    """A text, a version's answer to it, and that of its Llama alone."""

    text: Translated
    answer: Candidate
    alone: Candidate


def read_languages(engine: MapperEngine, texts: Sequence[Translated]) -> list[Read]:
    """One per text, order kept."""
    found = [_answered(one, texts) for one in (engine, engine.without_retrieval())]
    return [Read(*one) for one in zip(texts, *found, strict=True)]


def _answered(engine: MapperEngine, texts: Sequence[Translated]) -> list[Candidate]:
    return [
        answer
        for start in range(0, len(texts), _BATCH)
        for answer in engine.answer(
            [Query(NEUTRAL, one.text) for one in texts[start : start + _BATCH]]
        )
    ]
