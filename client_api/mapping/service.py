"""Answers items: by the model where it can, else by the curated rules in this process.

In: items and budgets. Out: a decision for each, counted. Knows no HTTP and no tensors.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import structlog

from client_api.mapping.chunk_sizer import ChunkSizer
from client_api.mapping.cpu_share import CpuShare
from client_api.mapping.gateway import (
    CircuitOpen,
    Item,
    ModelError,
    ModelGateway,
    ModelOverloaded,
    ModelTimeout,
    RulesOnly,
)
from client_api.mapping.kill_switch import ModeSwitch
from client_api.mapping.raw_content import is_raw_content
from client_api.telemetry.logs import exception_facts
from client_api.telemetry.metrics import Metrics
from fallback.decision.decision import Decision
from pipeline.tenants import TenantPipelines
from schemas.contract import FallbackReason, Mode, OnTimeout
from schemas.requests import parse_metadata

_log = structlog.get_logger()
_Clock = Callable[[], float]

#: Reasons of the moment: the same item later may be answered by the model.
PASSING: Final = frozenset(
    {FallbackReason.TIMEOUT, FallbackReason.OVERLOADED, FallbackReason.MODEL_ERROR}
)
_LATE: Final = frozenset({FallbackReason.TIMEOUT, FallbackReason.OVERLOADED})
#: Before a model that got to no item of a chunk is asked again: a tenth of an item's usual budget.
_PAUSE_S: Final = 0.024
#: What the rules may take in the event loop: less than it takes to give the work to a thread.
_AT_ONCE_S: Final = 0.001

# What the rules are measured with: an output with as many signals as its size allows.
_SAMPLE = json.dumps([{"label": f"label {n}", "score": 0.5} for n in range(200)])


def answer_by_rules(pipelines: TenantPipelines, item: Item, reason: FallbackReason) -> Decision:
    """An item's decision without the model; `reason` says why the model does not answer."""
    pipeline = pipelines.of(item.tenant)
    read = pipeline.read(item.detector, item.output, parse_metadata(item.metadata))
    return pipeline.decide(read, threshold=item.threshold, reason=reason)


@cache
def measure_rules(pipelines: TenantPipelines) -> float:
    """Seconds that the rules take for a byte of an item, on this machine, as measured now."""
    item = Item("warm-up", _SAMPLE)
    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        answer_by_rules(pipelines, item, FallbackReason.RULES_ONLY)
        taken.append(time.perf_counter() - begun)
    return min(taken) / len(_SAMPLE)


class BudgetSpent(Exception):  # noqa: N818 - as TimeoutError is none of ours
    """The model did not answer in time, and the operator chose that no rules stand in."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """Budgets in seconds: of an item, and what of it is kept for the rules; the most items that
    travel together in a batch; what the rules take for a byte; what a timeout becomes.
    """

    item_s: float
    reserve_s: float
    chunk: int
    rules_s_per_byte: float
    on_timeout: OnTimeout = OnTimeout.RULES


class MapperService:
    """The facade's work, without its transport."""

    def __init__(
        self,
        gateway: ModelGateway,
        known: Callable[[Item], Decision | None],
        pipelines: TenantPipelines,
        switch: ModeSwitch,
        metrics: Metrics,
        budgets: Budgets,
        cpu: CpuShare,
        clock: _Clock = time.perf_counter,
        records: Sequence[Callable[[Item, Decision], None]] = (),
        compare: Callable[[Item, Decision, float], None] = lambda item, answer, seconds: None,
    ) -> None:
        """known: what the model answered to an item before, None if it is to be asked; cpu: what
        the process may use while it answers by rules for a model that has too much to do; records:
        told of every answer, and do not wait; compare: the same, with the seconds it took.
        """
        self._gateway = gateway
        self._known = known
        self._pipelines = pipelines
        self._switch = switch
        self._metrics = metrics
        self._budgets = budgets
        self._cpu = cpu
        self.clock = clock
        self._records = records
        self._compare = compare

    async def is_raw_content(self, item: Item) -> bool:
        """Whether an output quotes so much content that an operator may refuse it."""
        pipeline = self._pipelines.of(item.tenant)
        reading = await asyncio.to_thread(pipeline.reading, item.detector, item.output)
        return is_raw_content(item.output, reading)

    async def map(self, item: Item, started: float, budget_s: float) -> Decision:
        """Answer one item, `started` (clock seconds) being when its request came in. With more than
        the usual budget it waits for a model that has too much to do.

        Raises BudgetSpent, or what a defect in the rules raised; both are counted.
        """
        deadline = started + budget_s
        [answer] = await self._ask([item], deadline)
        while budget_s > self._budgets.item_s and isinstance(answer, ModelOverloaded):
            if (left_s := self._left_s([item], deadline)) <= 0:
                break
            await asyncio.sleep(min(_PAUSE_S, left_s))
            [answer] = await self._ask([item], deadline)
        outcome = await self._settle(item, answer, started, deadline)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def map_batch(
        self, items: Sequence[Item], started: float, budget_s: float
    ) -> list[Decision | Exception]:
        """Answer items in order, a few at a time; an item that failed is its exception.

        An item has its usual budget from when its chunk is sent, or its share of a raised one.
        What the model did not get to is asked again after the other items, so that a model with an
        empty cache answers as one that knows the items. When `budget_s` ends, the rules answer
        what is left.
        """
        item_s = max(self._budgets.item_s, budget_s / max(1, len(items)))
        # Of this batch alone: another's has another budget.
        sizer = ChunkSizer(self._budgets.chunk)
        deadline = started + budget_s
        outcomes: dict[int, Decision | Exception] = {}
        waiting = deque(range(len(items)))

        async def work() -> None:
            while waiting:
                chunk = [waiting.popleft() for _ in range(min(sizer.size, len(waiting)))]
                sent = self.clock()
                end = deadline - self._rules_s(items[i] for i in waiting)
                answers = await self._ask([items[i] for i in chunk], min(end, sent + item_s))
                reasons = {_reason(answer) for answer in answers}
                if FallbackReason.OVERLOADED not in reasons:  # else the model did not begin
                    in_time = FallbackReason.TIMEOUT not in reasons
                    sizer.ended(len(chunk), self.clock() - sent, item_s, in_time)
                left_s = self._left_s([items[i] for i in (*chunk, *waiting)], deadline)
                again = []
                for i, answer in zip(chunk, answers, strict=True):
                    if left_s > 0 and _is_late(answer):
                        again.append(i)
                    else:
                        outcomes[i] = await self._settle(items[i], answer, sent, deadline)
                waiting.extend(again)
                # Others have their turn, though rules alone answer. A model that got to nothing,
                # and may have said so at once, is not asked again in the same moment.
                await asyncio.sleep(min(_PAUSE_S, left_s) if again == chunk else 0)

        # While the model answers one chunk, the next is on its way.
        await asyncio.gather(work(), work())
        return [outcomes[i] for i in range(len(items))]

    async def ask(self, items: Sequence[Item], chunk_s: float) -> list[Decision]:
        """The model's decisions on items that are nobody's traffic, so that they do not count.

        chunk_s: seconds for each chunk of them. Raises ModelError where the model leaves one to
        the rules.
        """
        found: list[Decision] = []
        while len(found) < len(items):
            chunk = items[len(found) : len(found) + self._budgets.chunk]
            for answer in await self._ask(chunk, self.clock() + chunk_s):
                if isinstance(answer, ModelError):
                    raise answer
                if answer.fallback_reason in PASSING:
                    raise ModelTimeout("the model did not get to every item")
                found.append(answer)
        return found

    async def _ask(self, items: Sequence[Item], deadline: float) -> Sequence[Decision | ModelError]:
        """The model's answer to each item, of now or of before, or why there is none."""
        if self._switch.current().mode is Mode.RULES_ONLY:
            return [RulesOnly("the model is not asked")] * len(items)
        known = [self._known(item) for item in items]
        unknown = [item for item, found in zip(items, known, strict=True) if found is None]
        told = iter(await self._ask_model(unknown, deadline) if unknown else ())
        return [next(told) if found is None else found for found in known]

    async def _ask_model(
        self, items: Sequence[Item], deadline: float
    ) -> Sequence[Decision | ModelError]:
        left_s = self._left_s(items, deadline)
        if left_s <= 0:
            error: ModelError = ModelTimeout("no time is left to ask the model")
        else:
            try:
                return await self._gateway.map(items, left_s)
            except ModelError as raised:
                error = raised
            except Exception as raised:
                _log.error("asking the model failed", **exception_facts(raised))
                error = ModelError("asking the model failed")
        return [error] * len(items)

    async def _settle(
        self, item: Item, answer: Decision | ModelError, since: float, deadline: float
    ) -> Decision | Exception:
        """The outcome of an item, counted; the rules answer where the model gave none.

        since: clock seconds of when the item came in, or was sent to the model.
        """
        while isinstance(answer, ModelOverloaded) and (wait_s := self._cpu.wait_s()) > 0:
            if (left_s := self._left_s([item], deadline)) <= 0:
                break
            await asyncio.sleep(min(wait_s, left_s))
        outcome: Decision | Exception
        if self._budgets.on_timeout is OnTimeout.ERROR and (
            _reason(answer) is FallbackReason.TIMEOUT
        ):
            outcome = BudgetSpent()
        elif isinstance(answer, ModelError):
            outcome = await self._by_rules(item, answer.reason)
        else:
            outcome = answer
        taken = self.clock() - since
        if isinstance(outcome, Exception):
            self._metrics.unanswered(item.detector, taken)
        else:
            self._metrics.answered(item.detector, taken, outcome)
            for record in self._records:
                record(item, outcome)
            self._compare(item, outcome, taken)
        return outcome

    def _left_s(self, items: Sequence[Item], deadline: float) -> float:
        """Seconds that the model may take, so that the rules can still answer these items."""
        return deadline - self._budgets.reserve_s - self._rules_s(items) - self.clock()

    def _rules_s(self, items: Iterable[Item]) -> float:
        """About how long the rules take for items."""
        size = sum(len(item.output) + len(item.metadata) for item in items)
        return size * self._budgets.rules_s_per_byte

    async def _by_rules(self, item: Item, reason: FallbackReason) -> Decision | Exception:
        try:
            if self._rules_s([item]) < _AT_ONCE_S:
                return answer_by_rules(self._pipelines, item, reason)
            return await asyncio.to_thread(answer_by_rules, self._pipelines, item, reason)
        except Exception as error:  # one item's defect is not the other items'
            _log.error("the rules failed", **exception_facts(error))
            return error


def _reason(answer: Decision | ModelError) -> FallbackReason | None:
    return answer.reason if isinstance(answer, ModelError) else answer.fallback_reason


def _is_late(answer: Decision | ModelError) -> bool:
    """Whether the model did not get to an item, and may when it is asked again. A model that is
    known to be lost is not waited for, also where it was lost by timeouts."""
    return _reason(answer) in _LATE and not isinstance(answer, CircuitOpen)
