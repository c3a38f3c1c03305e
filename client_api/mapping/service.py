"""Answers items: by the model if it answers in time, else by the curated rules in this process.

In: items and budgets. Out: one decision per item, counted. Independent of HTTP and tensors.
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

#: Temporary reasons: the model may answer the same item later.
PASSING: Final = frozenset(
    {FallbackReason.TIMEOUT, FallbackReason.OVERLOADED, FallbackReason.MODEL_ERROR}
)
_LATE: Final = frozenset({FallbackReason.TIMEOUT, FallbackReason.OVERLOADED})
#: The pause before a retry if the model answered no item of a chunk: a tenth of the usual budget.
_PAUSE_S: Final = 0.024
#: The share of the time left that an answer by rules may wait for its turn: many such answers end
#: together, and the last of them would be late.
_WAITED: Final = 0.8
#: The longest work by rules in the event loop: less than the cost of a switch to a thread.
_AT_ONCE_S: Final = 0.001

# The rules' time is measured on an output with as many signals as its size allows.
_SAMPLE = json.dumps([{"label": f"label {n}", "score": 0.5} for n in range(200)])


def answer_by_rules(pipelines: TenantPipelines, item: Item, reason: FallbackReason) -> Decision:
    """An item's decision without the model; reason: why the model did not answer."""
    pipeline = pipelines.of(item.tenant)
    read = pipeline.read(item.detector, item.output, parse_metadata(item.metadata))
    return pipeline.decide(read, threshold=item.threshold, reason=reason)


@cache
def measure_rules(pipelines: TenantPipelines) -> float:
    """Seconds per byte of an item that the rules take on this machine, measured now."""
    item = Item("warm-up", _SAMPLE)
    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        answer_by_rules(pipelines, item, FallbackReason.RULES_ONLY)
        taken.append(time.perf_counter() - begun)
    return min(taken) / len(_SAMPLE)


class BudgetSpent(Exception):  # noqa: N818 - as TimeoutError is none of ours
    """The model did not answer in time, and the operator chose an error instead of the rules."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """item_s: of one item, in seconds; reserve_s: the part of it reserved for the rules; chunk: the
    most items per call of the model; rules_s_per_byte: the rules' seconds per byte of an item;
    on_timeout: the result of an item that timed out.
    """

    item_s: float
    reserve_s: float
    chunk: int
    rules_s_per_byte: float
    on_timeout: OnTimeout = OnTimeout.RULES


class MapperService:
    """The facade's mapping service, independent of its transport."""

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
        """known: the cached answer of the model to an item, or None; cpu: the processor share for
        answers by rules while the model is overloaded; records: called with every answer, must not
        block; compare: the same, with the seconds to the answer.
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
        """Whether an output quotes more content than the limits of `raw_content` allow."""
        pipeline = self._pipelines.of(item.tenant)
        reading = await asyncio.to_thread(pipeline.reading, item.detector, item.output)
        return is_raw_content(item.output, reading)

    async def map(self, item: Item, started: float, budget_s: float) -> Decision:
        """Answer one item. started: clock seconds when its request arrived. With more than the
        usual budget, an overloaded model is called again until the budget ends.

        Raises BudgetSpent, or the exception of a defect in the rules; both are counted.
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

        An item has its usual budget, or its share of a larger `budget_s`, from when its chunk is
        sent. Items that the model did not answer in time are sent again after the others, so that
        the results do not depend on the caches. When `budget_s` ends, the rules answer the rest.
        """
        item_s = max(self._budgets.item_s, budget_s / max(1, len(items)))
        # One sizer per batch, since batches have different budgets.
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
                # Yield to other requests even if only rules answer. If the model answered nothing
                # of the chunk, pause before the retry.
                await asyncio.sleep(min(_PAUSE_S, left_s) if again == chunk else 0)

        # Two workers: the next chunk is sent while the model answers the current one.
        await asyncio.gather(work(), work())
        return [outcomes[i] for i in range(len(items))]

    async def ask(self, items: Sequence[Item], chunk_s: float) -> list[Decision]:
        """The model's decisions on items that are not requests of clients; they are not counted.

        chunk_s: seconds per chunk. Raises ModelError if the model does not answer an item.
        """
        found: list[Decision] = []
        while len(found) < len(items):
            chunk = items[len(found) : len(found) + self._budgets.chunk]
            for answer in await self._ask(chunk, self.clock() + chunk_s):
                if isinstance(answer, ModelError):
                    raise answer
                if answer.fallback_reason in PASSING:
                    raise ModelTimeout("the model did not answer every item in time")
                found.append(answer)
        return found

    async def _ask(self, items: Sequence[Item], deadline: float) -> Sequence[Decision | ModelError]:
        """The model's answer to each item, cached or new, or the error."""
        if self._switch.current().mode is Mode.RULES_ONLY:
            return [RulesOnly("the model is not called")] * len(items)
        known = [self._known(item) for item in items]
        unknown = [item for item, found in zip(items, known, strict=True) if found is None]
        told = iter(await self._ask_model(unknown, deadline) if unknown else ())
        return [next(told) if found is None else found for found in known]

    async def _ask_model(
        self, items: Sequence[Item], deadline: float
    ) -> Sequence[Decision | ModelError]:
        left_s = self._left_s(items, deadline)
        if left_s <= 0:
            error: ModelError = ModelTimeout("no time is left for the model")
        else:
            try:
                return await self._gateway.map(items, left_s)
            except ModelError as raised:
                error = raised
            except Exception as raised:
                _log.error("the call to the model failed", **exception_facts(raised))
                error = ModelError("the call to the model failed")
        return [error] * len(items)

    async def _settle(
        self, item: Item, answer: Decision | ModelError, since: float, deadline: float
    ) -> Decision | Exception:
        """The outcome of an item, counted; the rules answer if the model did not.

        since: clock seconds when the item arrived, or was sent to the model.
        """
        if isinstance(answer, ModelOverloaded):
            await self._cpu.turn(_WAITED * self._left_s([item], deadline))
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
        """Seconds left for the model, minus the time that the rules may need for these items."""
        return deadline - self._budgets.reserve_s - self._rules_s(items) - self.clock()

    def _rules_s(self, items: Iterable[Item]) -> float:
        """An estimate of the seconds that the rules take for these items."""
        size = sum(len(item.output) + len(item.metadata) for item in items)
        return size * self._budgets.rules_s_per_byte

    async def _by_rules(self, item: Item, reason: FallbackReason) -> Decision | Exception:
        try:
            if self._rules_s([item]) < _AT_ONCE_S:
                # One item per turn of the loop: the first one of a detector takes milliseconds.
                await asyncio.sleep(0)
                return answer_by_rules(self._pipelines, item, reason)
            return await asyncio.to_thread(answer_by_rules, self._pipelines, item, reason)
        except Exception as error:  # an error of one item must not fail the others
            _log.error("the rules failed", **exception_facts(error))
            return error


def _reason(answer: Decision | ModelError) -> FallbackReason | None:
    return answer.reason if isinstance(answer, ModelError) else answer.fallback_reason


def _is_late(answer: Decision | ModelError) -> bool:
    """Whether the model may answer the item on a retry: it was late or overloaded. While the
    circuit is open there is no retry, also if timeouts opened it."""
    return _reason(answer) in _LATE and not isinstance(answer, CircuitOpen)
