"""The circuit breaker alone: its states, and what it takes for overload."""

from collections.abc import Callable

from client_api.upstream.circuit import CircuitBreaker
from schemas.contract import CircuitState, FallbackReason

MODEL_ERROR, TIMEOUT = FallbackReason.MODEL_ERROR, FallbackReason.TIMEOUT


def test_a_canary_that_is_late_while_requests_are_answered_tells_of_load() -> None:
    breaker = CircuitBreaker(5)
    breaker.probe_started()
    assert not breaker.is_overload(TIMEOUT)
    breaker.record_success()
    assert breaker.is_overload(TIMEOUT)
    assert not breaker.is_overload(MODEL_ERROR)
    breaker.probe_started()
    assert not breaker.is_overload(TIMEOUT)
    breaker.probe_failed("slow", TIMEOUT)
    breaker.probe_started()
    breaker.record_success()  # it set out before the circuit opened
    assert not breaker.is_overload(TIMEOUT)


def test_a_trial_is_half_open_and_what_began_before_does_not_close_it() -> None:
    states: list[CircuitState] = []
    breaker = CircuitBreaker(1, states.append)
    steps: list[Callable[[], None]] = [
        lambda: breaker.record_failure("gone", MODEL_ERROR, breaker.call_started()),
        breaker.record_success,
        breaker.probe_started,
        lambda: breaker.probe_failed("slow", TIMEOUT),
        breaker.probe_started,
        breaker.probe_succeeded,
    ]
    for step in steps:
        step()

    opened, half, closed = CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED
    assert states == [opened, half, opened, half, closed]
    assert breaker.closed
