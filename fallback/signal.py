"""What a raw detector output is read into: signals, and the account of the reading."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: Characters of a name; the rest of a longer text is cut.
MAX_NAME: Final = 512


class Verdict(StrEnum):
    """A whole output that names no category, but still says something."""

    NOTHING_FOUND = "nothing_found"
    EMPTY = "empty"
    FAILURE = "failure"
    #: Nothing was found, but a part of the output could not be read.
    UNREAD = "unread"


class How(StrEnum):
    """Which part of the reader understood an output."""

    DECLARED = "declared"
    GENERIC = "generic"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing a detector said.

    name: the detector's own word for it, as written. It can be stored anywhere: it has at most
        MAX_NAME characters, no lone surrogates and no control characters but line ends and tabs.
    score: how sure or how grave, 0..1; None when the output gives no finite number.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", storable(self.name))
        object.__setattr__(self, "score", share(self.score))

    @property
    def text(self) -> str:
        """What the model reads: `S10: Hate` says more than `S10`."""
        return f"{self.name}: {self.legend}" if self.legend else self.name


@dataclass(frozen=True, slots=True)
class Reading:
    """One output as the reader understood it.

    signals: at least one, without duplicates, flagged and highest first.
    how: by a declared format, by structure alone, or as a text.
    format: the name of the declared format or of the decoded notation.
    envelopes: the names of what was unwrapped, outermost first.
    unread: paths of what could not be read, at most a few of them.
    cut: whether a bound was reached, so that a part of the output was not looked at. An answer that
        clears such an output does not stand.
    quoted: characters of quoted content: judged texts, explanations, snippets.
    """

    signals: tuple[Signal, ...]
    how: How = How.TEXT
    format: str = ""
    envelopes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    cut: bool = False
    quoted: int = 0


def storable(text: str) -> str:
    """A text that every store and every JSON writer takes, at most MAX_NAME characters of it."""
    text = text[:MAX_NAME]
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else " " if sign.isspace() else "\ufffd"
        for sign in text
    )


def share(score: float | None) -> float | None:
    """A number as a share of 0..1; None for what is not finite."""
    if score is None or score != score or score in (math.inf, -math.inf):
        return None
    return float(min(max(score, 0), 1))
