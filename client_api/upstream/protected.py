"""Protects the model from requests that it cannot answer: circuit breaker and permits.

In: a gateway. Out: a gateway that refuses such requests without a call. The canary does not use it.
"""

from collections.abc import Sequence

import structlog

from client_api.mapping.gateway import (
    CircuitOpen,
    Item,
    ModelError,
    ModelGateway,
    ModelOverloaded,
    ModelRefused,
    ModelTimeout,
)
from client_api.telemetry import context
from client_api.telemetry.logs import exception_facts
from client_api.upstream.circuit import CircuitBreaker
from client_api.upstream.permits import Permits
from fallback.decision.decision import Decision
from schemas.contract import FallbackReason

_log = structlog.get_logger()


class ProtectedGateway:
    """A `ModelGateway` that raises CircuitOpen and ModelOverloaded without a call."""

    def __init__(
        self, gateway: ModelGateway, breaker: CircuitBreaker, permits: Permits, usual_s: float
    ) -> None:
        """usual_s: the budget of an item. A call with a longer budget is admitted as if it had
        this one, so that it does not fill the model's queue. A timeout counts against the model
        only if the call had at least half of it.
        """
        self._gateway = gateway
        self._breaker = breaker
        self._permits = permits
        self._usual_s = usual_s

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if not self._breaker.closed:
            raise CircuitOpen(self._breaker.problem, self._breaker.reason)
        permit = self._permits.take(len(items), min(budget_s, self._usual_s), context.tenant())
        if permit is None:
            raise ModelOverloaded("the model would be late")
        epoch = self._breaker.call_started()
        try:
            decisions = await self._gateway.map(items, budget_s)
        except ModelRefused:
            self._permits.failed(permit)
            raise
        except ModelTimeout as error:
            self._permits.given_up(permit)
            if budget_s >= self._usual_s / 2:
                self._breaker.record_failure(str(error), error.reason, epoch)
            raise
        except ModelError as error:
            _log.warning("the model gave no answer", problem=str(error), items=len(items))
            self._permits.failed(permit)
            self._breaker.record_failure(str(error), error.reason, epoch)
            raise
        except Exception as error:
            _log.error("the call to the model failed", **exception_facts(error))
            self._permits.failed(permit)
            failure = ModelError(f"the call to the model failed: {type(error).__name__}")
            self._breaker.record_failure(str(failure), failure.reason, epoch)
            raise failure from error
        except BaseException:  # cancelled: the client disconnected
            self._permits.given_up(permit)
            raise
        late = sum(one.fallback_reason is FallbackReason.TIMEOUT for one in decisions)
        self._permits.answered(permit, len(decisions) - late)
        self._breaker.record_success()
        return decisions

    async def close(self) -> None:
        await self._gateway.close()
