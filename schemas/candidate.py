"""What the pipeline asks the model, and what the model answers.

Shared by the engine, which answers, and the decision, which judges the answers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.contract import Kind
from schemas.text import one_line

#: Signals of one item that reach the model, at most; the reader puts the gravest first.
MAX_ASKED_SIGNALS: Final = 32
#: The likeliest answers that a candidate lists, and the least probability of those but the first.
MAX_LIKELY: Final = 4
LEAST_LIKELY: Final = 0.02
#: Nearest training texts that a candidate lists.
MAX_NEIGHBOURS: Final = 3


class CandidateStatus(StrEnum):
    """How far the model got with a signal."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Query:
    """One signal for the model, in the one form that prompt, retrieval and cache share.

    detector, signal: any text; `one_line` of it is kept, so equal prompts are equal queries.
    draft: labels that are likely the answer (a curated entry); the model verifies them.
    deadline: `time.monotonic()` seconds by which the answer is needed; None for no limit.
    kind: what the detector is about; None where that is unknown or does not matter.
    """

    detector: str
    signal: str
    draft: tuple[str, ...] | None = None
    deadline: float | None = None
    kind: Kind | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detector", one_line(self.detector))
        object.__setattr__(self, "signal", one_line(self.signal))


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training text near a signal: its normal form, its labels, and the cosine of both, to 1."""

    phrase: str
    labels: tuple[str, ...]
    similarity: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """The model's answer to one signal.

    text: the candidate JSON as written, `{"taxonomy": [...]}`; not validated yet. Empty unless
        the status is ok; a token limit may cut it short.
    probability: of the decoded path, 0..1.
    confidence: the calibrated probability that the label set is right, 0..1.
    labels: the labels of the text; empty where the text is incomplete.
    passes: forward passes that the signal took part in; 0 for a cached answer.
    retrieved: what of the probability comes from retrieval, 0..probability.
    families: general labels, each with the probability of its family's answers together; the
        smallest families first. Only those that may matter where the answer is unsure.
    likely: the likeliest label sets with their probabilities, best first. The first alone where the
        answer was recorded with the version; none where answers are written as text.
    neighbours: the nearest training texts, nearest first; none where none is near, and where the
        answer was recorded with the version.
    """

    text: str
    probability: float = 0.0
    confidence: float = 0.0
    status: CandidateStatus = CandidateStatus.OK
    labels: tuple[str, ...] = ()
    passes: int = 0
    retrieved: float = 0.0
    families: tuple[tuple[str, float], ...] = ()
    likely: tuple[tuple[tuple[str, ...], float], ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """The model's answers for one item, in the order of its signals.

    model: identifier of the served model version.
    answers: None for a signal that was not asked (beyond `MAX_ASKED_SIGNALS`).
    """

    model: str
    answers: tuple[Candidate | None, ...]
