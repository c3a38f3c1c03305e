"""Answers items: by the model where it can, else by the curated rules in this process.

In: items and budgets. Out: a decision for each, counted. Knows no HTTP and no tensors.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from client_api.mapping.gateway import Item, ModelError, ModelGateway
from client_api.mapping.kill_switch import ModeSwitch
from client_api.mapping.raw_content import is_raw_content
from client_api.telemetry.logs import exception_facts
from client_api.telemetry.metrics import Metrics
from fallback.decision.decision import Decision
from pipeline.steps import Pipeline
from schemas.contract import FallbackReason, Mode, OnTimeout
from schemas.requests import parse_metadata

_log = structlog.get_logger()
_Clock = Callable[[], float]

# What the rules take for a byte of an item, measured on outputs of 64 KB with the most signals.
_RULES_S_PER_BYTE = 3e-6


def answer_by_rules(pipeline: Pipeline, item: Item, reason: FallbackReason) -> Decision:
    """An item's decision without the model; `reason` says why the model does not answer."""
    read = pipeline.read(item.detector, item.output, parse_metadata(item.metadata))
    return pipeline.decide(read, threshold=item.threshold, reason=reason)


class BudgetSpent(Exception):  # noqa: N818 - as TimeoutError is none of ours
    """The model did not answer in time, and the operator chose that no rules stand in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets in seconds: of an item, and what of it is kept for the rules; the most items that
    travel together in a batch; what a timeout becomes.
    """

    item_s: float
    reserve_s: float
    chunk: int
    on_timeout: OnTimeout = OnTimeout.RULES


class MapperService:
    """The facade's work, without its transport."""

    def __init__(
        self,
        gateway: ModelGateway,
        pipeline: Pipeline,
        switch: ModeSwitch,
        metrics: Metrics,
        limits: Limits,
        clock: _Clock = time.perf_counter,
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._switch = switch
        self._metrics = metrics
        self._limits = limits
        self.clock = clock

    async def is_raw_content(self, item: Item) -> bool:
        """Whether an output quotes so much content that an operator may refuse it."""
        reading = await asyncio.to_thread(self._pipeline.reading, item.detector, item.output)
        return is_raw_content(item.output, reading)

    async def map(self, item: Item, started: float, budget_s: float) -> Decision:
        """Answer one item, `started` (clock seconds) being when its request came in.

        Raises BudgetSpent, or what a defect in the rules raised; both are counted.
        """
        [outcome] = await self._chunk([item], started, started + budget_s)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def map_batch(
        self, items: Sequence[Item], started: float, budget_s: float
    ) -> list[Decision | Exception]:
        """Answer items in order, a few at a time; an item that failed is its exception.

        An item has its usual budget from when its chunk is sent, or its share of a raised one.
        When `budget_s` ends, what the model has not answered is left to the rules.
        """
        item_s = max(self._limits.item_s, budget_s / max(1, len(items)))
        pace = ChunkPace(self._limits.chunk)  # of this batch: another's budget teaches it nothing
        outcomes: list[Decision | Exception] = []
        while len(outcomes) < len(items):
            rest = items[len(outcomes) :]
            chunk, after = rest[: pace.size], rest[pace.size :]
            sent = self.clock()
            end = started + budget_s - sum(map(_rules_s, after))
            answers = await self._chunk(chunk, sent, min(end, sent + item_s))
            in_time = not any(_timed_out(answer) for answer in answers)
            pace.ended(len(chunk), self.clock() - sent, item_s, in_time)
            outcomes += answers
            await asyncio.sleep(0)  # rules alone would not let other requests have their turn
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
                self._metrics.answered(item.detector, taken, outcome)
        return outcomes

    async def _decide(self, items: Sequence[Item], deadline: float) -> list[Decision | Exception]:
        reserve_s = self._limits.reserve_s + sum(map(_rules_s, items))
        remaining = deadline - reserve_s - self.clock()
        if self._switch.current().mode is Mode.RULES_ONLY:
            reason = FallbackReason.RULES_ONLY
        elif remaining <= 0:
            reason = FallbackReason.TIMEOUT
        else:
            try:
                return [self._stands(d) for d in await self._gateway.map(items, remaining)]
            except ModelError as error:
                reason = error.reason
            except Exception as error:
                _log.error("asking the model failed", **exception_facts(error))
                reason = FallbackReason.MODEL_ERROR
        return [await self._by_rules(item, reason) for item in items]

    def _stands(self, decision: Decision) -> Decision | Exception:
        """The ensemble answers a timeout by rules; the operator may not want that."""
        if decision.fallback_reason is FallbackReason.TIMEOUT:
            return decision if self._limits.on_timeout is OnTimeout.RULES else BudgetSpent()
        return decision

    async def _by_rules(self, item: Item, reason: FallbackReason) -> Decision | Exception:
        if reason is FallbackReason.TIMEOUT and self._limits.on_timeout is OnTimeout.ERROR:
            return BudgetSpent()
        try:
            return await asyncio.to_thread(answer_by_rules, self._pipeline, item, reason)
        except Exception as error:  # one item's defect is not the other items'
            _log.error("the rules failed", **exception_facts(error))
            return error


def _bytes(item: Item) -> int:
    return len(item.output) + len(item.metadata)


def _rules_s(item: Item) -> float:
    """About how long the rules take for an item."""
    return _bytes(item) * _RULES_S_PER_BYTE


def _timed_out(outcome: Decision | Exception) -> bool:
    if isinstance(outcome, Decision):
        return outcome.fallback_reason is FallbackReason.TIMEOUT
    return isinstance(outcome, BudgetSpent)


class ChunkPace:
    """Additive increase, multiplicative decrease: together is cheaper, too many are late.

    A late chunk halves the size; one that took less than half of an item's budget adds an item.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def ended(self, items: int, taken_s: float, budget_s: float, in_time: bool) -> None:
        """A chunk of `items` was answered; in_time: the model was not stopped by the budget."""
        if not in_time:
            self.size = max(1, items // 2)
        elif items == self.size and taken_s < budget_s / 2:
            self.size = min(self._most, self.size + 1)
