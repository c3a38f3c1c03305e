"""The interface between the facade and the model; no other code of the facade calls Triton.

So the whole facade runs in the same way with a real Triton and with a fake of the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fallback.decision.decision import Decision
from schemas.contract import FallbackReason


@dataclass(frozen=True, slots=True)
class Item:
    """One output to map.

    output: raw text (JSON text for an object or a list); metadata: JSON text, or empty.
    tenant: whose detector files apply besides those of all tenants.
    """

    detector: str
    output: str
    metadata: str = ""
    threshold: float | None = None
    tenant: str | None = None


class ModelError(Exception):
    """The model gave no answer; `reason` is the fallback reason of the item."""

    reason = FallbackReason.MODEL_ERROR


class ModelTimeout(ModelError):  # noqa: N818 - a kind of ModelError, as in httpx
    """The deadline passed before the answer."""

    reason = FallbackReason.TIMEOUT


class ModelRefused(ModelError):  # noqa: N818
    """The model refused these items; this does not count against its health."""


class ModelOverloaded(ModelError):  # noqa: N818
    """The model was not called, because it could not answer in time."""

    reason = FallbackReason.OVERLOADED


class CircuitOpen(ModelError):  # noqa: N818
    """The model was not called, because the circuit is open; `reason`: of the last failure."""

    def __init__(self, problem: str, reason: FallbackReason) -> None:
        super().__init__(problem)
        self.reason = reason


class RulesOnly(ModelError):  # noqa: N818
    """The model was not called, because the kill switch is on."""

    reason = FallbackReason.RULES_ONLY


class ModelGateway(Protocol):
    """Calls the served model."""

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        """One decision per item, in order, within `budget_s` seconds.

        Raises ModelError; the content of an item causes no other exception.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
