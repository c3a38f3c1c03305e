"""The measured contenders: one module each, with `load(**options)`, which runs in its own process.

All read the same token ids and answer under the same decoding schema. Each module imports its
engine itself, since the engines are installed in different environments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """One signal to map. labels: the text version's answer, for contenders that need it."""

    detector: str
    signal: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """An answer; labels: empty if there is none. passes: forward passes, if they are known (an
    engine that decodes token by token makes one per token)."""

    labels: tuple[str, ...]
    passes: int | None = None


class Contender(Protocol):
    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        """Answers all in one call. Engines without batches answer one by one."""
        ...


class UnavailableError(Exception):
    """This engine cannot be measured here; the message is the reason in the table."""
