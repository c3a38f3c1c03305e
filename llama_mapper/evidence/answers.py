"""Answers of the service as evidence: time, detector, tenant, labels and controls.

In: lines of JSON of `mapper batch`, or rows of `mapper bulk` as completed by `rows`. Out: one
`Answer` per line, or its problem. The detector's text is not kept: `record` has neither outputs nor
notes, which may quote it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from llama_mapper.evidence.chain import canonical

#: Labels for no finding, or for a finding without importance.
_CLEAN: Final = frozenset({"OTHER.Safe", "OTHER.LowRisk"})
#: Labels without a finding yet: the item needs a review, or the detector failed.
_OPEN: Final = frozenset({"OTHER.Unknown", "OTHER.NeedsReview", "OTHER.ModelError"})
#: The members of an answer that are kept.
_KEPT: Final = (
    "taxonomy",
    "scores",
    "confidence",
    "label_confidence",
    "provenance",
    "policy_context",
    "version_info",
    "source",
    "fallback_reason",
)

#: What the parts of a value that is no answer raise.
_WRONG: Final = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class Outcome(StrEnum):
    """The outcome of an answer. An incident has at least one label of a finding."""

    INCIDENT = "incident"
    OPEN = "open"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Answer:
    """One mapped output.

    controls: ids of the controls that its labels touch, by framework.
    record: the kept part of the answer, as canonical JSON.
    """

    time: datetime
    detector: str
    tenant: str
    labels: tuple[str, ...]
    confidence: float
    controls: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, str]
    record: str

    @property
    def findings(self) -> tuple[str, ...]:
        """The labels of findings."""
        return tuple(label for label in self.labels if label not in _CLEAN | _OPEN)

    @property
    def outcome(self) -> Outcome:
        """An incident if there is a finding, also with an open part; else clean or open."""
        if self.findings:
            return Outcome.INCIDENT
        return Outcome.CLEAN if _CLEAN.issuperset(self.labels) else Outcome.OPEN


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line without an answer; `line` counts from 1 in its file."""

    line: int
    problem: str


class UnusableError(ValueError):
    """The problem of a rejected line, as a text that follows `the line`."""


def read_answers(
    lines: Iterable[str | bytes], event: Callable[[Any], Any] = lambda data: data
) -> Iterator[Answer | Rejected]:
    """The content of each line of JSON that is not blank, in order.

    event: converts a line's JSON value to an answer; it may raise UnusableError.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _read(number, partial(json.loads, line), event)


def read_rows(
    rows: Iterable[tuple[int, Mapping[str, Any] | UnusableError]], event: Callable[[Any], Any]
) -> Iterator[Answer | Rejected]:
    """The content of each numbered row of a table, in order. event: as for `read_answers`."""
    for number, row in rows:
        if isinstance(row, UnusableError):
            yield Rejected(number, str(row))
        else:
            yield _read(number, partial(dict, row), event)


def _read(number: int, load: Callable[[], Any], event: Callable[[Any], Any]) -> Answer | Rejected:
    data = None
    try:
        data = load()
        return _answer(event(data))
    except UnusableError as error:
        return Rejected(number, str(error))
    except UnicodeError:
        return Rejected(number, "has text that is not Unicode")
    except _WRONG as error:
        return Rejected(number, _problem(data, error))


def _answer(data: Any) -> Answer:
    provenance = data["provenance"]
    labels = tuple(map(_text, data["taxonomy"]))
    if not labels:
        raise ValueError("no label")
    if view := data["version_info"].get("view"):
        raise UnusableError(f"is in the view {view}; map without a view for evidence")
    return Answer(
        time=_time(provenance["ts"]),
        detector=_text(provenance["detector"]),
        tenant=_text(provenance.get("tenant_id") or ""),
        labels=labels,
        confidence=_share(data["confidence"]),
        controls={
            _text(name): tuple(map(_text, ids))
            for name, ids in data["policy_context"]["frameworks"].items()
        },
        versions={name: _text(value) for name, value in data["version_info"].items()},
        record=canonical({key: data[key] for key in _KEPT if key in data}),
    )


def _problem(data: Any, error: Exception) -> str:
    try:
        return f"was not mapped: {_text(data['error']['error_code'])}"
    except (KeyError, TypeError):
        return f"is not an answer of the service ({type(error).__name__})"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is not text")
    return value


def _share(value: Any) -> float:
    """Also false for NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{type(value).__name__} is not a number")
    if not 0 <= value <= 1:
        raise UnusableError(f"has the confidence {value!r}, which is not from 0 to 1")
    return float(value)


def _time(text: Any) -> datetime:
    time = datetime.fromisoformat(_text(text))
    if time.tzinfo is None:
        raise UnusableError("has a time without a zone")
    return time.astimezone(UTC)
