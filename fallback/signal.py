"""What a raw detector output is read into: signals."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """A whole output that names no category, but still says something."""

    NOTHING_FOUND = "nothing_found"
    EMPTY = "empty"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing a detector said.

    name: the detector's own word for it, as written.
    score: how sure or how grave, normalised to 0..1; None when the output gives no number.
    flagged: True when the output itself says so (true, score over the threshold, severity above
        zero, an unsafe verdict); None for a bare label; False only for `nothing_found`.
    verdict: set when the output names no category.
    legend: an opaque code in the words of its vendor, where the detector's file has them.
    """

    name: str
    score: float | None = None
    flagged: bool | None = None
    verdict: Verdict | None = None
    legend: str | None = None

    @property
    def text(self) -> str:
        """What the model reads: `S10: Hate` says more than `S10`."""
        return f"{self.name}: {self.legend}" if self.legend else self.name
