"""Answers items: by the model where it can, else by the curated rules in this process.

In: items and budgets. Out: a decision for each, counted. Knows no HTTP and no tensors.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from client_api.logs import exception_facts
from client_api.metrics import Metrics
from client_api.model_gateway import Item, ModelError, ModelGateway
from fallback.decision import Decision, MappingGuard
from fallback.signals import SignalReader
from schemas.contract import FallbackReason, Mode
from schemas.requests import parse_metadata

_log = structlog.get_logger()
_Clock = Callable[[], float]


class RulesAnswerer:
    """The guard without a model, in this process: the same rules, the same events."""

    def __init__(self, guard: MappingGuard) -> None:
        self._guard = guard
        self._reader = SignalReader(guard.rules)

    def answer(self, item: Item, reason: FallbackReason) -> Decision:
        """reason: why the model is not the one to answer."""
        hints = parse_metadata(item.metadata)
        return self._guard.decide(
            item.detector,
            self._reader.read(item.detector, item.output, hints),
            threshold=item.threshold,
            reason=reason,
            contributing=hints.contributing_detectors,
        )


class ModeSwitch:
    """The kill switch of this process."""

    def __init__(self, mode: Mode, metrics: Metrics) -> None:
        self._metrics = metrics
        self.set(mode)

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode) -> None:
        self._mode = mode
        self._metrics.set_mode(mode)


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets in seconds: of an item, and the items that travel together in a batch."""

    item_s: float
    chunk: int


class MapperService:
    """The facade's work, without its transport."""

    def __init__(
        self,
        gateway: ModelGateway,
        rules: RulesAnswerer,
        switch: ModeSwitch,
        metrics: Metrics,
        limits: Limits,
        on_model_error: Callable[[], None] = lambda: None,
        clock: _Clock = time.perf_counter,
    ) -> None:
        """on_model_error: told when the model could not be reached (not when it was slow)."""
        self._gateway = gateway
        self._rules = rules
        self._switch = switch
        self._metrics = metrics
        self._limits = limits
        self._on_model_error = on_model_error
        self.clock = clock

    async def map(self, item: Item, started: float, budget_s: float) -> Decision:
        """Answer one item, `started` (clock seconds) being when its request came in.

        Raises only for a defect in the rules; that is counted too.
        """
        [outcome] = await self._chunk([item], started, started + budget_s)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def map_batch(
        self, items: Sequence[Item], started: float, budget_s: float
    ) -> list[Decision | Exception]:
        """Answer items in order, a few at a time; an item that failed is its exception."""
        end = started + budget_s
        outcomes: list[Decision | Exception] = []
        for first in range(0, len(items), self._limits.chunk):
            chunk = items[first : first + self._limits.chunk]
            sent = self.clock()
            outcomes += await self._chunk(
                chunk, sent, min(end, sent + self._limits.item_s * len(chunk))
            )
        return outcomes

    async def _chunk(
        self, items: Sequence[Item], since: float, deadline: float
    ) -> list[Decision | Exception]:
        outcomes = await self._decide(items, deadline)
        taken = self.clock() - since
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._metrics.unanswered(item.detector, taken)
            else:
                self._metrics.answered(
                    item.detector,
                    taken,
                    reason=outcome.fallback_reason,
                    schema_valid=outcome.schema_valid,
                    confidence=outcome.confidence,
                )
        return outcomes

    async def _decide(self, items: Sequence[Item], deadline: float) -> list[Decision | Exception]:
        remaining = deadline - self.clock()
        if self._switch.mode is Mode.RULES_ONLY:
            reason = FallbackReason.RULES_ONLY
        elif remaining <= 0:
            reason = FallbackReason.TIMEOUT
        else:
            try:
                return list(await self._gateway.map(items, remaining))
            except ModelError as error:
                _log.warning("the model gave no answer", problem=str(error), items=len(items))
                reason = error.reason
            except Exception as error:
                _log.error("asking the model failed", **exception_facts(error))
                reason = FallbackReason.MODEL_ERROR
            if reason is FallbackReason.MODEL_ERROR:
                self._on_model_error()
        return [self._by_rules(item, reason) for item in items]

    def _by_rules(self, item: Item, reason: FallbackReason) -> Decision | Exception:
        try:
            return self._rules.answer(item, reason)
        except Exception as error:  # one item's defect is not the other items'
            _log.error("the rules failed", **exception_facts(error))
            return error
