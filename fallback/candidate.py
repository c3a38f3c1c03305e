"""What the model step hands to the guard: one answer a signal, or word that there is none."""

from dataclasses import dataclass
from enum import StrEnum


class CandidateStatus(StrEnum):
    """How far the model got with a signal."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The model's candidate for one signal.

    text: the candidate JSON as written, `{"taxonomy": [...]}`; not validated yet.
    probability: of the decoded path, 0..1.
    confidence: that probability, calibrated: how often such an answer is right.
    """

    text: str
    probability: float
    confidence: float
    status: CandidateStatus = CandidateStatus.OK


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """The model's answers for one item, in the order of its signals.

    model: identifier of the served model version.
    answers: None where a signal was not asked (beyond the limit per item).
    """

    model: str
    answers: tuple[ModelAnswer | None, ...]
