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
    """An answer; labels: empty where there is none. passes: forward passes, where they are known
    (an engine that decodes token by token makes one a token)."""

    labels: tuple[str, ...]
    passes: int | None = None


class Contender(Protocol):
    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        """All in one call. Engines without batches answer in turn."""
        ...


class UnavailableError(Exception):
    """This engine cannot be measured here; the message is the reason, for the table."""
