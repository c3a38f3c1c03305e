"""The seam between the facade and the model: everything above it talks to this one interface.

So all of the facade runs alike against a real Triton, a fake and a broken one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fallback.decision.decision import Decision
from schemas.contract import FallbackReason


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to map.

    output: raw text (JSON text for an object or a list); metadata: JSON text, or empty.
    tenant: whose detector files apply besides those of all tenants.
    """

    detector: str
    output: str
    metadata: str = ""
    threshold: float | None = None
    tenant: str | None = None


class ModelError(Exception):
    """The model gave no answer; `reason` is what the fallback reports."""

    reason = FallbackReason.MODEL_ERROR


class ModelTimeout(ModelError):  # noqa: N818 - a kind of ModelError, as in httpx
    """The deadline passed first."""

    reason = FallbackReason.TIMEOUT


class ModelRefused(ModelError):  # noqa: N818
    """The model works and would not take these items: says nothing of its health."""


class ModelOverloaded(ModelError):  # noqa: N818
    """Nobody asked the model: it has all the work it can do in time."""

    reason = FallbackReason.OVERLOADED


class CircuitOpen(ModelError):  # noqa: N818
    """Nobody asked the model: it is known to be lost; `reason` is how."""

    def __init__(self, problem: str, reason: FallbackReason) -> None:
        super().__init__(problem)
        self.reason = reason


class RulesOnly(ModelError):  # noqa: N818
    """Nobody asked the model: the kill switch is on."""

    reason = FallbackReason.RULES_ONLY


class ModelGateway(Protocol):
    """Asks the served model."""

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        """One decision an item, in order, within `budget_s` seconds.

        Raises ModelError; never anything else for what an item contains.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
