"""The model's queries and answers.

Shared by the engine, which answers, and the decision step, which checks the answers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.contract import Kind
from schemas.text import one_line

#: The most signals of one item that reach the model; the reader sorts them by severity.
MAX_ASKED_SIGNALS: Final = 32
#: The most answers in a candidate's `likely`, and the least probability of all but the first.
MAX_LIKELY: Final = 4
LEAST_LIKELY: Final = 0.02
#: Nearest training texts that a candidate lists.
MAX_NEIGHBOURS: Final = 3


class CandidateStatus(StrEnum):
    """The status of a signal in the model step."""

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
    retrieved: the part of the probability from retrieval, 0..probability.
    families: general labels, each with the sum of its family's probabilities; the smallest families
        first. Only those that can replace an answer of low confidence.
    likely: the likeliest label sets with their probabilities, best first. Only the first for an
        answer that was recorded with the version; none for versions that write text.
    neighbours: the nearest training texts, nearest first; none if none is near, and for an answer
        that was recorded with the version.
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
