"""The curated rules without a model and without the gate's families."""

from collections.abc import Sequence
from typing import cast

from bench.contenders import Ask, Told
from export.data.folds import load_folds
from export.data.rules import rules_without
from fallback.decision.decision import MappingGuard
from pipeline.steps import Pipeline
from schemas.contract import Mode
from schemas.frameworks import load_frameworks
from schemas.taxonomy import load_taxonomy


class RulesAlone:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Told:
        item = self._pipeline.read(ask.detector, ask.signal)
        decision = self._pipeline.decide(item, mode=Mode.RULES_ONLY)
        return Told(tuple(cast(list[str], decision.event["taxonomy"])), 0)


def load() -> RulesAlone:
    rules = rules_without(load_folds().gate)
    return RulesAlone(Pipeline(MappingGuard(rules, load_taxonomy(), load_frameworks())))
