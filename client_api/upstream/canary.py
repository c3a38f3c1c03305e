"""Checks that the model answers: a canary mapping every few seconds.

In: the gateway. Out: the time of the model's last answer and the current problem; a good canary
closes the circuit. Triton's own health is not used: it stays green when a Python stub is dead.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from client_api.mapping.gateway import Item, ModelError, ModelGateway
from client_api.mapping.kill_switch import ModeSwitch
from client_api.telemetry.logs import exception_facts
from client_api.upstream import probe
from client_api.upstream.circuit import CircuitBreaker
from fallback.decision.decision import Decision
from schemas.contract import FallbackReason, Mode

_RETRY_S = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """ok: the model answered lately; age_s: seconds since its last answer, None before the first;
    problem: empty when ok; model: the version that answered last; lost_s: seconds since the first
    of the current consecutive failures, None when the last canary was answered.
    """

    ok: bool
    age_s: float | None
    problem: str
    model: str | None
    lost_s: float | None = None


class Canary:
    """Sends a canary to the model at an interval; `run` it as a task."""

    def __init__(
        self,
        gateway: ModelGateway,
        switch: ModeSwitch,
        breaker: CircuitBreaker,
        *,
        interval_s: float,
        timeout_s: float,
        max_age_s: float,
        on_answer: Callable[[Decision], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """gateway: without circuit breaker, since a good canary closes the circuit; on_answer:
        called with every answer, which names the served versions.
        """
        self._gateway = gateway
        self._switch = switch
        self._breaker = breaker
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._max_age_s = max_age_s
        self._on_answer = on_answer
        self._clock = clock
        self._last_answer: float | None = None
        self._lost_since: float | None = None
        self._problem = "no canary mapping yet"
        self._model: str | None = None
        self._doubt = asyncio.Event()

    def health(self) -> ModelHealth:
        age = None if self._last_answer is None else self._clock() - self._last_answer
        problem = self._problem
        if self._switch.current().mode is Mode.RULES_ONLY:
            problem = "mode is rules_only: the model is not called"
        elif not problem and age is not None and age > self._max_age_s:
            problem = f"no canary mapping for {age:.0f} s"
        lost = None if self._lost_since is None else self._clock() - self._lost_since
        return ModelHealth(not problem, age, problem, self._model, lost)

    async def run(self) -> None:
        """Runs until cancelled, with a shorter interval while the model does not answer."""
        while True:
            try:
                # In a thread: it reads the policy file if that has changed.
                state = await asyncio.to_thread(self._switch.current)
                if state.mode is Mode.HYBRID:
                    await self.ask()
                else:
                    self._lost_since = None  # no canaries are sent
            except Exception as error:
                _log.error("a round of the canary failed", **exception_facts(error))
            pause = _RETRY_S if self._problem else self._interval_s
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doubt.wait(), pause)
                await asyncio.sleep(_RETRY_S)
            self._doubt.clear()

    def doubt(self) -> None:
        """The circuit opened: send the next canary soon, before the interval has passed."""
        self._doubt.set()

    async def ask(self) -> None:
        """One canary mapping; closes the circuit, or opens it."""
        self._breaker.probe_started()
        try:
            item = Item(probe.DETECTOR, probe.new_output())
            [decision] = await self._gateway.map([item], self._timeout_s)
            self._judge(decision)
        except ModelError as error:
            self._fail(str(error), error.reason)
        except Exception as error:
            # The task must survive every exception: otherwise its last result would stay.
            _log.error("the canary failed", **exception_facts(error))
            self._fail(f"the canary failed: {type(error).__name__}", FallbackReason.MODEL_ERROR)

    def _judge(self, decision: Decision) -> None:
        """Record an answer. Raises for one that violates the contract."""
        reason = decision.fallback_reason
        if reason is not None and not reason.has_candidate:
            self._fail(f"the ensemble answered without the model: {reason.value}", reason)
            return
        model = decision.versions["model"]
        self._on_answer(decision)
        if self._problem:
            _log.info("the model answers", model=model)
        self._problem = ""
        self._lost_since = None
        self._breaker.probe_succeeded()
        self._last_answer = self._clock()
        self._model = model

    def _fail(self, problem: str, reason: FallbackReason) -> None:
        if self._breaker.is_overload(reason):
            _log.warning("the canary was late while requests were answered", problem=problem)
            return
        if not self._problem:
            _log.error("the model does not answer", problem=problem)
        if self._lost_since is None:
            self._lost_since = self._clock()
        self._problem = problem
        self._breaker.probe_failed(problem, reason)
