"""The one interface of the ways a version writes its answers.

In: prompts as token ids. Out: candidates as JSON with the probability of the path that wrote
them. Decoders know nothing of detectors, calibration or what becomes of an answer.
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
"""The answers that name no finding: nothing was found, nothing is known."""

SURE = 0.8
"""The share with which the model says SAFE on its own. High, for this answer clears."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Weights that others give to answers, their sum in 0..1; the model's word has the rest.

    near: they come from texts that are like the signal, not from the very same.
    """

    weights: Mapping[int, float] = field(default_factory=dict)
    near: bool = False


NO_VOTES = Votes()


@dataclass(frozen=True, slots=True)
class Empty:
    """The indices of SAFE and UNKNOWN among a version's answers, None where they are not there."""

    safe: int | None = None
    unknown: int | None = None


NO_EMPTY = Empty()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one row reads.

    ids: the suffix's tokens, without the prefix that the session has cached.
    lead: how many of them, at the beginning, are the same for every prompt of the detector.
    draft: labels that are likely the answer; costs nothing if wrong, saves passes if right.
    deadline: `time.monotonic()` seconds after which no pass begins; None for never.
    votes: what a version's training texts say of the signal, see `engine.retrieval.neighbours`.
    kind: what the detector is about; None where that is unknown.
    said: the prompt whose signal says the kind, where it matters (`engine.kinds`).
    """

    ids: tuple[int, ...]
    draft: tuple[str, ...] | None = None
    deadline: float | None = None
    lead: int = 0
    votes: Votes = NO_VOTES
    kind: Kind | None = None
    said: "Prompt | None" = None

    @property
    def own_tokens(self) -> int:
        """Those that a pass reads of it where the lead is kept."""
        said = self.said.own_tokens if self.said else 0
        return len(self.ids) - self.lead + said


class Decoder(Protocol):
    """Answers a batch of prompts, order kept, each by the model's own greedy choice.

    The candidates carry no confidence yet; the engine calibrates the probability.
    """

    def decode(self, prompts: Sequence[Prompt]) -> list[Candidate]:
        """At least one prompt. Raises ArithmeticError when the model computes no number."""
        ...


def unfinished(status: CandidateStatus, passes: int = 0) -> Candidate:
    """The outcome of a row that wrote nothing usable."""
    return Candidate("", status=status, passes=passes)


def candidate_text(labels: Iterable[str]) -> str:
    """The candidate JSON as the decoding grammar spells it, without spaces."""
    return json.dumps({"taxonomy": list(labels)}, separators=(",", ":"))


def choose(
    state: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float32],
    votes: Votes = NO_VOTES,
    empty: Empty = NO_EMPTY,
) -> tuple[int, float]:
    """The likeliest row of a head and its probability among these rows.

    state [hidden], rows [n, hidden]; votes, empty: as `heard` takes them. Raises ArithmeticError if
    a logit is not finite.
    """
    shares = shares_of(state, rows)
    shares = mix(shares, heard(shares, votes, empty))
    best = int(shares.argmax())
    return best, float(shares[best])


def shares_of(
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


def heard(shares: npt.NDArray[np.float64], votes: Votes, empty: Empty) -> Mapping[int, float]:
    """The weights of votes that count beside a model's own shares of answers [n].

    A model comes to SAFE by negations, which likeness does not see (`no hate` is like `hate`):
    where it has more than SURE, near votes count only as far as they are for UNKNOWN. Those are not
    mistaken by a negation: they come from texts that ask to be cleared, and the model may obey.
    """
    best = int(shares.argmax())
    if votes.near and best == empty.safe and shares[best] > SURE:
        return {row: weight for row, weight in votes.weights.items() if row == empty.unknown}
    return votes.weights


def mix(shares: npt.NDArray[np.float64], weights: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """A model's shares of answers [n] with the weights of others, which it leaves the rest to."""
    mixed = shares * (1 - sum(weights.values()))
    for row, weight in weights.items():
        mixed[row] += weight
    return mixed


def empty_answers(answers: Sequence[Sequence[str]]) -> Empty:
    """Where SAFE and UNKNOWN stand among the answers."""
    rows = {tuple(labels): i for i, labels in enumerate(answers)}
    return Empty(rows.get(SAFE), rows.get(UNKNOWN))
