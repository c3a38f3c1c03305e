"""Words of the queue and reviewers' actions, as objects and as rows of the database.

Also the errors of the queue.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from client_api.review.sightings import Cause, Likely, Neighbours, Tally
from schemas.contract import NEEDS_REVIEW, UNKNOWN


class StoreError(Exception):
    """The database does not answer, or answers with an error."""


class NotFoundError(LookupError):
    """There is no such word, or the reviewer may not see it."""


class StaleError(Exception):
    """Another reviewer decided in the meantime; `word` has its current state."""

    def __init__(self, word: "Word") -> None:
        super().__init__("decided in the meantime")
        self.word = word


class RefusedError(ValueError):
    """An action that the word, or the reviewer, does not allow. The message is for the client."""


class WordState(StrEnum):
    """The state of a word."""

    OPEN = "open"
    LATER = "later"
    IGNORED = "ignored"
    DECIDED = "decided"


class Action(StrEnum):
    """A reviewer's action. `accept`: with the proposed labels; `correct`: with other labels."""

    ACCEPT = "accept"
    CORRECT = "correct"
    IGNORE = "ignore"
    LATER = "later"
    UNDO = "undo"


_SAYS_NOTHING: Final = frozenset({UNKNOWN, NEEDS_REVIEW})
STATES: Final = {
    Action.ACCEPT: WordState.DECIDED,
    Action.CORRECT: WordState.DECIDED,
    Action.IGNORE: WordState.IGNORED,
    Action.LATER: WordState.LATER,
}


@dataclass(frozen=True, slots=True)
class Decided:
    """An action of a reviewer. at: seconds since 1970. undone_by: the person who reverted it; None
    while it is in force.
    """

    action: Action
    labels: tuple[str, ...]
    everyone: bool
    by: str
    at: int
    why: str
    undone_by: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A row of the queue.

    kept: whether detector and word are names, not digests. labels: the last answer; guess: the
    model's answer if it did not stand; likely: its likeliest answers; neighbours: the training
    texts nearest to the word. decided: the labels by decision; everyone: whether they apply to all
    tenants. history: the last decisions, the latest first, if they were requested.
    """

    id: int
    version: int
    tenant: str | None
    detector: str
    word: str
    kept: bool
    state: WordState
    seen: int
    causes: Mapping[Cause, int]
    first_seen: int
    last_seen: int
    labels: tuple[str, ...]
    guess: tuple[str, ...]
    likely: Likely
    neighbours: Neighbours
    confidence: float
    decided: tuple[str, ...]
    everyone: bool
    history: tuple[Decided, ...] = ()

    @property
    def holds(self) -> Decided | None:
        """The decision in force, of those in the history."""
        return next((one for one in self.history if one.undone_by is None), None)

    @property
    def proposal(self) -> tuple[str, ...]:
        """The labels that `accept` gives the word; none without a name or an answer."""
        if not (self.kept and self.word):
            return ()
        # Below the threshold the model's answer is the better guess, else the given answer.
        unsure = Cause.LOW_CONFIDENCE in self.causes
        first, second = (self.guess, self.labels) if unsure else (self.labels, self.guess)
        return next((x for x in (first, second) if x and not _SAYS_NOTHING.intersection(x)), ())


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A reviewer. tenant: the owner of the visible words; None for all tenants."""

    name: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Words of one state in their order, and how many there are in each state."""

    words: Sequence[Word]
    counts: Mapping[WordState, int]


def row_of(key: str, tally: Tally, now: int) -> dict[str, Any]:
    """The row of a word that was seen for the first time. now: seconds since 1970."""
    return {
        "key": key,
        "tenant": tally.tenant,
        "detector": tally.detector,
        "word": tally.word,
        "kept": tally.kept,
        "seen": tally.seen,
        **{cause.value: count for cause, count in tally.causes.items()},
        "first_seen": now,
        "last_seen": now,
        "minute": now // 60,
        "in_minute": tally.seen,
        "labels": json.dumps(tally.labels),
        "guess": json.dumps(tally.guess),
        "likely": json.dumps(tally.likely),
        "neighbours": json.dumps(tally.neighbours),
        "confidence": tally.confidence,
        "state": WordState.OPEN.value,
        "version": 1,
        "everyone": False,
    }


def word_of(row: Any, history: tuple[Decided, ...] = ()) -> Word:
    """The object of a row."""
    return Word(
        id=row["id"],
        version=row["version"],
        tenant=row["tenant"],
        detector=row["detector"],
        word=row["word"],
        kept=row["kept"],
        state=WordState(row["state"]),
        seen=row["seen"],
        causes={cause: row[cause.value] for cause in Cause if row[cause.value]},
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        labels=tuple(json.loads(row["labels"])),
        guess=tuple(json.loads(row["guess"])),
        likely=tuple(json.loads(row["likely"])),
        neighbours=tuple(json.loads(row["neighbours"])),
        confidence=row["confidence"],
        decided=tuple(json.loads(row["decided"] or "[]")),
        everyone=row["everyone"],
        history=history,
    )


def decided_of(row: Any) -> Decided:
    """The object of a row of `review_decisions`."""
    return Decided(
        Action(row["action"]),
        tuple(json.loads(row["labels"])),
        row["everyone"],
        row["by"],
        row["at"],
        row["why"],
        row["undone_by"],
    )
