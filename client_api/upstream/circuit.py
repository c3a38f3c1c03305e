"""The circuit breaker in front of the model.

In: the results of calls and canaries. Out: whether requests may call the model.

The known libraries (purgatory, aiobreaker) test a recovery with a user's request after a fixed
pause. Here the canary, which runs anyway, is the test, so that no user's request fails for it.
"""

from collections.abc import Callable
from typing import Final

import structlog

from client_api.telemetry.logs import exception_facts
from schemas.contract import CircuitState, FallbackReason

_log = structlog.get_logger()


class CircuitBreaker:
    """Opens after some consecutive failures, or one failed canary; one good canary closes it.

    Calls that were in flight together when the first of them failed count as one failure: they
    were in one batch, and one late batch does not show that the model is lost.

    `mapper_circuit_state` shows its state: 0 closed (the model is called), 1 half open (a canary
    is under way), 2 open (the rules answer).
    """

    def __init__(
        self,
        failures: int,
        on_change: Callable[[CircuitState], None] = lambda state: None,
    ) -> None:
        """failures: consecutive failed calls that open it; on_change: called with the new state."""
        self._limit: Final = failures
        self._on_change = on_change
        self._in_a_row = 0
        self._failures = 0
        self._answered_since_probe = False
        self.state = CircuitState.CLOSED
        self.problem = ""
        self.reason = FallbackReason.MODEL_ERROR

    @property
    def closed(self) -> bool:
        """Whether requests may call the model."""
        return self.state is CircuitState.CLOSED

    def call_started(self) -> int:
        """A request is sent; returns the epoch that `record_failure` takes."""
        return self._failures

    def record_success(self) -> None:
        """A request got its answer. One sent before the circuit opened does not close it."""
        self._in_a_row = 0
        self._answered_since_probe = True

    def record_failure(self, problem: str, reason: FallbackReason, epoch: int) -> None:
        """A request got no answer, and its content was not the cause.

        reason: the fallback reason of its answer, and of other answers while the circuit is open;
        epoch: from `call_started`.
        """
        if epoch < self._failures:
            return
        self._failures += 1
        self._in_a_row += 1
        if self.closed and self._in_a_row >= self._limit:
            self._become(CircuitState.OPEN, problem, reason)

    def probe_started(self) -> None:
        """A canary is sent."""
        self._answered_since_probe = False
        if self.state is CircuitState.OPEN:
            self._become(CircuitState.HALF_OPEN, self.problem, self.reason)

    def probe_succeeded(self) -> None:
        """The canary got the model's answer."""
        self._in_a_row = 0
        if not self.closed:
            self._become(CircuitState.CLOSED, "", self.reason)

    def is_overload(self, reason: FallbackReason) -> bool:
        """Whether a canary that failed for this reason shows load, not a lost model: it timed out
        while requests got their answers."""
        return self.closed and self._answered_since_probe and reason is FallbackReason.TIMEOUT

    def probe_failed(self, problem: str, reason: FallbackReason) -> None:
        """The canary got no answer; arguments as for `record_failure`."""
        if self.state is not CircuitState.OPEN:
            self._become(CircuitState.OPEN, problem, reason)

    def _become(self, state: CircuitState, problem: str, reason: FallbackReason) -> None:
        if CircuitState.CLOSED in (state, self.state):  # a failed trial is not reported
            _log.warning("circuit to the model", state=state.name.lower(), problem=problem)
        self.state = state
        self.problem = problem
        self.reason = reason
        try:
            self._on_change(state)
        except Exception as error:  # an error of the listener must not prevent a change of state
            _log.error("reporting the state of the circuit failed", **exception_facts(error))
