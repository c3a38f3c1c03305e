"""Drafts of detector files by the served model.

In: a detector's name, with words or collected outputs. Out: a `Draft`. The model is called through
the same gateway as for traffic, a chunk at a time; reading and deciding run in a thread.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client_api.mapping.gateway import Item
from client_api.mapping.service import MapperService
from fallback.decision.decision import Decision
from fallback.drafts.asking import opinion, question, rule_question
from fallback.drafts.collect import Collected, collect
from fallback.drafts.entries import Word, decide
from fallback.drafts.writing import Draft
from fallback.rules.lookup import RuleAnswer
from pipeline.steps import Pipeline
from pipeline.tenants import TenantPipelines

#: Words of one draft.
MAX_WORDS: Final = 200
#: Seconds for one chunk of words.
_CHUNK_S: Final = 5.0


class TooManyWords(ValueError):  # noqa: N818 - what was asked is too much
    """The request has more than MAX_WORDS words."""


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """The input of a draft. outputs: text, or parsed JSON; only without words."""

    detector: str
    words: tuple[Word, ...] = ()
    outputs: tuple[object, ...] = ()
    tenant: str | None = None


class Drafter:
    """Makes one draft at a time, so that requests to map find the model free."""

    def __init__(self, service: MapperService, pipelines: TenantPipelines) -> None:
        self._service = service
        self._pipelines = pipelines
        self._turn = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether a draft is being made."""
        return self._turn.locked()

    async def draft(self, request: DraftRequest) -> Draft:
        """The draft. Raises ModelError if the model does not answer, and TooManyWords."""
        async with self._turn:
            pipeline = self._pipelines.of(request.tenant)
            collected = await asyncio.to_thread(_collected, request, pipeline)
            known = [w for w in collected.words if pipeline.rules.knows(request.detector, w.text)]
            words = [word for word in collected.words if word not in known]
            if len(words) > MAX_WORDS:
                raise TooManyWords(f"{len(words)} words are more than {MAX_WORDS}")
            rules = await asyncio.to_thread(_rules, request.detector, words, pipeline)
            decisions = await self._service.ask([_item(request, w) for w in words], _CHUNK_S)
            opinions = map(opinion, words, rules, decisions)
            entries = await asyncio.to_thread(decide, list(opinions))
            return Draft(
                request.detector,
                entries,
                collected,
                len(known),
                _origin(decisions, pipeline),
            )


def _collected(request: DraftRequest, pipeline: Pipeline) -> Collected:
    if not request.outputs:
        return Collected(list({word.text: word for word in request.words}.values()))
    return collect(request.outputs, request.detector, pipeline.rules)


def _item(request: DraftRequest, word: Word) -> Item:
    return Item(request.detector, question(word), threshold=0.0, tenant=request.tenant)


def _rules(detector: str, words: Sequence[Word], pipeline: Pipeline) -> list[RuleAnswer]:
    return [pipeline.read(detector, rule_question(word)).rules[0] for word in words]


def _origin(decisions: Sequence[Decision], pipeline: Pipeline) -> str:
    versions = decisions[0].versions if decisions else pipeline.guard.versions()
    return f"model {versions['model']} and rules {versions['rules']}"
