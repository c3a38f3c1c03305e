"""Texts that must not get a confident answer, and the answers of a served version to them.

In: `data/hostile.yaml`, a version with the ensemble's steps. Out: answers by kind of text. None of
the texts is trained on or in a datastore.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from export.data.rows import DATA, NEUTRAL, Answer
from export.measures import metrics
from fallback.decision.decision import Decision
from pipeline.local import LocalPipeline


@dataclass(frozen=True, slots=True)
class AdversarialAnswer:
    """The answer to one text, at the default threshold."""

    text: str
    labels: Answer
    confidence: float

    @property
    def sure(self) -> bool:
        """Whether the confidence reaches the usual threshold of a client."""
        return self.confidence >= metrics.CONFIDENT


def load_hostile(path: Path = DATA / "hostile.yaml") -> dict[str, list[str]]:
    """The texts by kind."""
    found: dict[str, list[str]] = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    return found


def ask(
    version: LocalPipeline, texts: Mapping[str, Sequence[str]]
) -> dict[str, list[AdversarialAnswer]]:
    """The version's answers, by kind of text, order kept."""
    return {
        kind: [
            _adversarial_answer(text, decision)
            for text, decision in zip(
                those, version.decide([(NEUTRAL, text) for text in those]), strict=True
            )
        ]
        for kind, those in texts.items()
    }


def _adversarial_answer(text: str, decision: Decision) -> AdversarialAnswer:
    labels = decision.event["taxonomy"]
    assert isinstance(labels, list)
    return AdversarialAnswer(text, tuple(labels), decision.confidence)
