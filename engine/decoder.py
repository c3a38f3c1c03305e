"""The interface of the decoders, one per way of writing answers.

In: prompts as token ids. Out: candidates as JSON with the probability of their path. Independent of
calibration and of the use of answers.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from schemas.candidate import Candidate, CandidateStatus
from schemas.contract import Kind

SAFE, UNKNOWN = ("OTHER.Safe",), ("OTHER.Unknown",)
"""The answers without a finding: nothing was found, nothing is known."""

SAFE_VETO_SHARE = 0.8
"""The model's own probability of SAFE above which near votes do not count."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Weights of answers from retrieval; their sum is in 0..1. The model's probabilities are scaled
    by the rest.

    near: the weights come from similar texts, not from the same text.
    nearest: some of the texts, nearest first: text, index of its answer, cosine.
    """

    weights: Mapping[int, float] = field(default_factory=dict)
    near: bool = False
    nearest: tuple[tuple[str, int, float], ...] = ()


NO_VOTES = Votes()


@dataclass(frozen=True, slots=True)
class NoFindingRows:
    """The indices of SAFE and UNKNOWN among a version's answers; None for a missing one."""

    safe: int | None = None
    unknown: int | None = None


NO_FINDING_ROWS = NoFindingRows()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input of one row.

    ids: the suffix's tokens, without the prefix that the session has cached.
    detector_tokens: number of first ids that are the same for every prompt of the detector.
    draft: labels that are likely the answer; costs nothing if wrong, saves passes if right.
    deadline: `time.monotonic()` seconds after which no pass begins; None for never.
    votes: weights of answers by retrieval, see `engine.retrieval.neighbours`.
    kind: the kind of the detector; None if unknown.
    with_kind: the prompt whose signal names the kind, if that matters (`engine.kinds`).
    """

    ids: tuple[int, ...]
    draft: tuple[str, ...] | None = None
    deadline: float | None = None
    detector_tokens: int = 0
    votes: Votes = NO_VOTES
    kind: Kind | None = None
    with_kind: "Prompt | None" = None

    @property
    def own_tokens(self) -> int:
        """Tokens of a pass if the detector's part is cached."""
        with_kind = self.with_kind.own_tokens if self.with_kind else 0
        return len(self.ids) - self.detector_tokens + with_kind


class Decoder(Protocol):
    """Answers a batch of prompts, order kept, each by the model's own greedy choice.

    The candidates have no confidence yet; the engine calibrates the probability.
    """

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        """Needs at least one prompt. Raises ArithmeticError if the model computes a NaN."""
        ...


def unfinished(status: CandidateStatus, passes: int = 0) -> Candidate:
    """The outcome of a row without a usable answer."""
    return Candidate("", status=status, passes=passes)


def candidate_text(labels: Iterable[str]) -> str:
    """The candidate JSON in the spelling of the decoding grammar, without spaces."""
    return json.dumps({"taxonomy": list(labels)}, separators=(",", ":"))


def argmax_with_probability(
    state: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float32],
    votes: Votes = NO_VOTES,
    empty: NoFindingRows = NO_FINDING_ROWS,
) -> tuple[int, float]:
    """The likeliest row of a head and its probability among these rows.

    state [hidden], rows [n, hidden]; votes, empty: see `counted_votes`. Raises ArithmeticError
    if a logit is not finite.
    """
    shares = softmax(state, rows)
    shares = interpolate(shares, counted_votes(shares, votes, empty))
    best = int(shares.argmax())
    return best, float(shares[best])


def softmax(
    state: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """The model's own probabilities [n] of the rows of a head [n, hidden]; state [hidden]. Raises
    ArithmeticError if a logit is not finite."""
    logits = (rows @ state).astype(np.float64)
    if not np.isfinite(logits).all():
        raise ArithmeticError("the model computed logits that are not finite")
    shares = np.exp(logits - logits.max())
    found: npt.NDArray[np.float64] = shares / shares.sum()
    return found


def counted_votes(
    shares: npt.NDArray[np.float64], votes: Votes, empty: NoFindingRows
) -> Mapping[int, float]:
    """The votes that count with a model's own probabilities of answers [n].

    The model answers SAFE to negations, which similarity does not recognise (`no hate` is near
    `hate`). If its probability of SAFE is above SAFE_VETO_SHARE, only near votes for UNKNOWN count.
    A negation does not explain those: they come from texts that demand a clean answer, and the
    model may follow such a text.
    """
    best = int(shares.argmax())
    if votes.near and best == empty.safe and shares[best] > SAFE_VETO_SHARE:
        return {row: weight for row, weight in votes.weights.items() if row == empty.unknown}
    return votes.weights


def interpolate(
    shares: npt.NDArray[np.float64], weights: Mapping[int, float]
) -> npt.NDArray[np.float64]:
    """A model's probabilities of answers [n], scaled by 1 - the sum of the weights, plus the
    weights: the interpolation of kNN-LM (arXiv 1911.00172)."""
    mixed = shares * (1 - sum(weights.values()))
    for row, weight in weights.items():
        mixed[row] += weight
    return mixed


def no_finding_rows(answers: Sequence[Sequence[str]]) -> NoFindingRows:
    """The indices of SAFE and UNKNOWN among the answers."""
    rows = {tuple(labels): i for i, labels in enumerate(answers)}
    return NoFindingRows(rows.get(SAFE), rows.get(UNKNOWN))
