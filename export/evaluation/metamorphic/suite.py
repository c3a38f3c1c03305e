"""Variants of outputs, which of them hold, and the shares of a suite.

In: generators of variants. Out: shares by kind of change, and the first variants that do not hold.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from export.evaluation.metamorphic.cases import Seen

#: Failures kept per kind.
_KEPT = 40


@dataclass(frozen=True, slots=True)
class Variant:
    """A changed output and the condition on its reading.

    kind: of the change. source: what was changed. harmful: whether `OTHER.Safe` would be wrong.
    """

    kind: str
    source: str
    detector: str
    output: str
    holds: Callable[[Seen], bool]
    harmful: bool = False


@dataclass(slots=True)
class Share:
    """How many variants of one kind hold."""

    held: int = 0
    total: int = 0
    failures: list[Variant] = field(default_factory=list)

    @property
    def share(self) -> float:
        """0..1; 1 of nothing."""
        return self.held / self.total if self.total else 1.0


@dataclass(slots=True)
class Result:
    """One suite. cleared: the harmful variants that were taken for harmless."""

    kinds: dict[str, Share] = field(default_factory=dict)
    cleared: list[Variant] = field(default_factory=list)

    @property
    def held(self) -> int:
        """Variants of all kinds that hold."""
        return sum(share.held for share in self.kinds.values())

    @property
    def total(self) -> int:
        """Variants of all kinds."""
        return sum(share.total for share in self.kinds.values())

    @property
    def share(self) -> float:
        """0..1, over all kinds."""
        return self.held / self.total if self.total else 1.0


class Sample:
    """One of so many variants, chosen by a hash: the same ones in every run."""

    def __init__(self, every: int = 1, part: int = 0) -> None:
        """part: which of them, 0 to every - 1; the parts together are everything."""
        self._every, self._part = every, part

    def takes(self, *what: object) -> bool:
        """Whether the variant belongs to the sample."""
        if self._every == 1:
            return True
        return zlib.crc32(repr(what).encode()) % self._every == self._part


EVERYTHING = Sample()


def measure(variants: Iterable[Variant]) -> Result:
    """Read each variant and test its condition."""
    result = Result()
    for variant in variants:
        seen = Seen(variant.detector, variant.output)
        share = result.kinds.setdefault(variant.kind, Share())
        share.total += 1
        if not seen.raised and variant.holds(seen):
            share.held += 1
        elif len(share.failures) < _KEPT:
            share.failures.append(variant)
        if variant.harmful and seen.cleared:
            result.cleared.append(variant)
    return result


def first_failures(result: Result, most: int = 5) -> str:
    """The failures of a suite for a message, a few of each kind."""
    return "\n".join(_lines(result, most))


def _lines(result: Result, most: int) -> Iterator[str]:
    for kind, share in result.kinds.items():
        if share.failures:
            yield f"{kind}: {share.held} of {share.total}"
        for variant in share.failures[:most]:
            seen = Seen(variant.detector, variant.output)
            signals = sorted(seen.signals)
            yield f"  {variant.source} | {variant.output[:300]!r} -> {signals}"
    for variant in result.cleared[:most]:
        yield f"CLEARED {variant.kind} {variant.source} | {variant.output[:300]!r}"
