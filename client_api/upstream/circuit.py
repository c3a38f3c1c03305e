"""The circuit breaker in front of the model.

In: how calls and canaries ended. Out: whether to call at all. Knows no gateway and no clock.

A known library (purgatory, aiobreaker) closes its circuit by risking a user's request after a
fixed pause. Here the canary, which asks the model anyway, is the trial: no request is spent on it.
"""

from collections.abc import Callable
from typing import Final

import structlog

from schemas.contract import CircuitState, FallbackReason

_log = structlog.get_logger()


class CircuitBreaker:
    """Opens after some failures in a row, or one failed canary; one good canary closes it.

    In a row is one after another. Calls that were under way together when the first of them failed
    are one failure: they were in one batch, and a batch that is late once is no lost model.

    `mapper_circuit_state` shows its state: 0 closed (the model is asked), 1 half open (a canary
    is under way), 2 open (the rules answer).
    """

    def __init__(
        self,
        failures: int,
        on_change: Callable[[CircuitState], None] = lambda state: None,
    ) -> None:
        """failures: of calls in a row that open it; on_change: told the new state."""
        self._limit: Final = failures
        self._on_change = on_change
        self._in_a_row = 0
        self._failures = 0
        self._answered_since_trial = False
        self.state = CircuitState.CLOSED
        self.problem = ""
        self.reason = FallbackReason.MODEL_ERROR

    @property
    def closed(self) -> bool:
        """Whether requests may call the model."""
        return self.state is CircuitState.CLOSED

    def begins(self) -> int:
        """A request sets out; the number is for `failed`."""
        return self._failures

    def succeeded(self) -> None:
        """A request got its answer. One that set out before the circuit opened proves nothing."""
        self._in_a_row = 0
        self._answered_since_trial = True

    def failed(self, problem: str, reason: FallbackReason, begun: int) -> None:
        """A request got none, and it was not for what it asked; reason: what its answer says,
        and what the others say while the circuit is open for it; begun: from `begins`.
        """
        if begun < self._failures:
            return
        self._failures += 1
        self._in_a_row += 1
        if self.closed and self._in_a_row >= self._limit:
            self._become(CircuitState.OPEN, problem, reason)

    def trial_begins(self) -> None:
        """A canary sets out."""
        self._answered_since_trial = False
        if self.state is CircuitState.OPEN:
            self._become(CircuitState.HALF_OPEN, self.problem, self.reason)

    def trial_succeeded(self) -> None:
        """The canary got the model's answer."""
        self._in_a_row = 0
        if not self.closed:
            self._become(CircuitState.CLOSED, "", self.reason)

    def is_busy(self, reason: FallbackReason) -> bool:
        """Whether a canary that failed for this reason tells of load, and not of a lost model:
        it was late while requests got their answers."""
        return self.closed and self._answered_since_trial and reason is FallbackReason.TIMEOUT

    def trial_failed(self, problem: str, reason: FallbackReason) -> None:
        """The canary got none; otherwise as `failed`."""
        if self.state is not CircuitState.OPEN:
            self._become(CircuitState.OPEN, problem, reason)

    def _become(self, state: CircuitState, problem: str, reason: FallbackReason) -> None:
        if CircuitState.CLOSED in (state, self.state):  # a trial that fails is no news
            _log.warning("circuit to the model", state=state.name.lower(), problem=problem)
        self.state = state
        self.problem = problem
        self.reason = reason
        self._on_change(state)
