"""What stands between requests and the model: the circuit breaker and the permits.

In: a gateway. Out: the same gateway, which says no at once where asking would be in vain. The
canary goes around it.
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

_log = structlog.get_logger()


class GuardedGateway:
    """A `ModelGateway` that raises CircuitOpen and ModelOverloaded without a call."""

    def __init__(
        self, gateway: ModelGateway, breaker: CircuitBreaker, permits: Permits, fair_s: float
    ) -> None:
        """fair_s: a timeout of a call with a shorter budget says nothing of the model."""
        self._gateway = gateway
        self._breaker = breaker
        self._permits = permits
        self._fair_s = fair_s

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        if not self._breaker.closed:
            raise CircuitOpen(self._breaker.problem, self._breaker.reason)
        permit = self._permits.take(context.tenant())
        if permit is None:
            raise ModelOverloaded("all permits are taken")
        begun = self._breaker.begins()
        try:
            decisions = await self._gateway.map(items, budget_s)
        except ModelRefused:
            self._permits.failed(permit)
            raise
        except ModelTimeout as error:
            self._permits.given_up(permit)
            if budget_s >= self._fair_s:
                self._breaker.failed(str(error), error.reason, begun)
            raise
        except ModelError as error:
            _log.warning("the model gave no answer", problem=str(error), items=len(items))
            self._permits.failed(permit)
            self._breaker.failed(str(error), error.reason, begun)
            raise
        except Exception as error:
            _log.error("asking the model failed", **exception_facts(error))
            self._permits.failed(permit)
            failure = ModelError(f"asking the model failed: {type(error).__name__}")
            self._breaker.failed(str(failure), failure.reason, begun)
            raise failure from error
        except BaseException:  # cancelled: whoever asked has gone
            self._permits.given_up(permit)
            raise
        self._permits.answered(permit)
        self._breaker.succeeded()
        return decisions

    async def close(self) -> None:
        await self._gateway.close()
