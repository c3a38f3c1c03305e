"""The baselines of the Llama: rules, nearest string, nearest sentence, each without the family.

In: the visible data of one part of an evaluation. Out: one `Guess` per text. A held-out family is
hidden as a whole: its detectors, their names and entries, and its rows among the neighbours; its
outputs are sent under a neutral detector name. Scores are raw, comparable only within one baseline.
The baselines have no access to the gold labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rapidfuzz import fuzz, process

from export.data.items import Item
from export.data.rows import NEUTRAL, Answer
from export.onnx.encoder import SentenceEncoder
from export.publishing.vectors import VectorStore
from fallback.decision.decision import MappingGuard
from fallback.rules.lookup import RuleMapper
from pipeline.steps import Pipeline
from schemas.contract import Mode
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise


@dataclass(frozen=True, slots=True)
class Guess:
    """An answer with its score, 0..1, not calibrated. families: as in `Candidate`."""

    labels: Answer
    score: float
    families: tuple[tuple[str, float], ...] = ()


class Baseline(Protocol):
    """Answers texts of an unknown detector."""

    def answer(self, texts: Sequence[str]) -> list[Guess]:
        """One guess per text, order kept."""


class RulesAlone:
    """The pipeline in mode `rules_only`."""

    def __init__(self, rules: RuleMapper) -> None:
        self._pipeline = Pipeline(MappingGuard(rules, load_taxonomy(), load_frameworks()))

    def answer(self, texts: Sequence[str]) -> list[Guess]:
        """One guess per text: the event's labels and confidence."""
        return [self._answer(text) for text in texts]

    def _answer(self, text: str) -> Guess:
        decision = self._pipeline.decide(self._pipeline.read(NEUTRAL, text), mode=Mode.RULES_ONLY)
        labels = decision.event["taxonomy"]
        assert isinstance(labels, list)
        return Guess(tuple(labels), decision.confidence)


class NearestString:
    """The training text with the smallest share of edits: rapidfuzz's `ratio` on normal forms."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._answers = neighbours(items)
        self._texts = list(self._answers)

    def answer(self, texts: Sequence[str]) -> list[Guess]:
        """One guess per text; the score is the similarity."""
        return [self._answer(normalise(text)) for text in texts]

    def _answer(self, text: str) -> Guess:
        found, similarity, _ = process.extractOne(text, self._texts, scorer=fuzz.ratio)
        return Guess(self._answers[found], similarity / 100)


class NearestSentence:
    """The training text with the highest cosine of MiniLM embeddings, on normal forms."""

    def __init__(
        self, items: Iterable[Item], encoder: SentenceEncoder, stored: VectorStore
    ) -> None:
        """stored: the vectors of texts, by the same encoder."""
        answers = neighbours(items)
        self._answers = list(answers.values())
        self._encoder = encoder
        self._vectors = stored.vectors(list(answers))

    def answer(self, texts: Sequence[str]) -> list[Guess]:
        """One guess per text; the score is the cosine."""
        cosines = self._encoder.encode([normalise(text) for text in texts]) @ self._vectors.T
        best = cosines.argmax(1)
        return [
            Guess(self._answers[i], float(np.clip(row[i], 0, 1)))
            for row, i in zip(cosines, best, strict=True)
        ]


def neighbours(items: Iterable[Item]) -> dict[str, Answer]:
    """Normal forms of training texts and their answers for an unknown detector.

    Texts with a meaning for one detector only, such as its codes, are left out.
    """
    return {normalise(i.text): i.answer for i in items if i.detector in (None, NEUTRAL)}
