"""Whether the model really answers: a canary mapping every few seconds.

In: the gateway. Out: when the model last answered, and what is wrong if it does not. Triton's
own health is not asked: it stays green when a Python stub is dead.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from client_api.logs import exception_facts
from client_api.model_gateway import Item, ModelError, ModelGateway
from client_api.service import ModeSwitch
from fallback.decision import Decision
from schemas.contract import Mode

# No detector and no vocabulary has these, so no draft spares the model its work.
_CANARY = Item(detector="canary", output="qwyx zorble vant")
_RETRY_S = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """ok: the model answered lately; age_s: since its last answer, None before the first;
    problem: empty when ok; model: the version that answered last.
    """

    ok: bool
    age_s: float | None
    problem: str
    model: str | None


class Canary:
    """Asks the model now and then; `run` it as a task."""

    def __init__(
        self,
        gateway: ModelGateway,
        switch: ModeSwitch,
        *,
        interval_s: float,
        timeout_s: float,
        max_age_s: float,
        on_answer: Callable[[Decision], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """on_answer: told every answer, as it names the served versions."""
        self._gateway = gateway
        self._switch = switch
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._max_age_s = max_age_s
        self._on_answer = on_answer
        self._clock = clock
        self._last_answer: float | None = None
        self._problem = "no canary mapping yet"
        self._model: str | None = None
        self._doubt = asyncio.Event()

    def health(self) -> ModelHealth:
        age = None if self._last_answer is None else self._clock() - self._last_answer
        problem = self._problem
        if self._switch.mode is Mode.RULES_ONLY:
            problem = "mode is rules_only: the model is not asked"
        elif not problem and age is not None and age > self._max_age_s:
            problem = f"no canary mapping for {age:.0f} s"
        return ModelHealth(ok=not problem, age_s=age, problem=problem, model=self._model)

    async def run(self) -> None:
        """Until cancelled; tries again sooner while the model is lost."""
        while True:
            if self._switch.mode is Mode.HYBRID:
                await self.ask()
            pause = _RETRY_S if self._problem else self._interval_s
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doubt.wait(), pause)
                await asyncio.sleep(_RETRY_S)
            self._doubt.clear()

    def doubt(self) -> None:
        """A request got no answer from the model: ask again soon, and not at every request."""
        self._doubt.set()

    async def ask(self) -> None:
        """One canary mapping."""
        try:
            [decision] = await self._gateway.map([_CANARY], self._timeout_s)
        except ModelError as error:
            self._fail(str(error))
            return
        except Exception as error:
            # The canary must outlive every defect: a dead one would keep its last word.
            _log.error("the canary failed", **exception_facts(error))
            self._fail(f"the canary failed: {type(error).__name__}")
            return
        reason = decision.fallback_reason
        if reason is not None and not reason.has_candidate:
            self._fail(f"the ensemble answered without the model: {reason.value}")
            return
        if self._problem:
            _log.info("the model answers", model=decision.versions["model"])
        self._problem = ""
        self._last_answer = self._clock()
        self._model = decision.versions["model"]
        self._on_answer(decision)

    def _fail(self, problem: str) -> None:
        if not self._problem:
            _log.error("the model is lost", problem=problem)
        self._problem = problem
