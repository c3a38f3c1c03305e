"""Pairs of a detector and an output, each sent once, and their answers.

In: outcomes of the service. Out: a journal that survives a killed process, one line per pair. The
answer to a pair never changes within a run, so equal rows have equal answers.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from llama_mapper import ErrorCode, ItemError, MappedEvent, MapRequest

#: Detector, output, and whether the output is a text: it is JSON otherwise.
Pair = tuple[str, str, bool]
Outcome = MappedEvent | ItemError

#: Characters of the longest output that the service's reader reads.
_MAX_OUTPUT = 256 * 1024

_KEPT = (
    *("taxonomy", "scores", "confidence", "label_confidence", "source", "fallback_reason"),
    *("notes", "version_info"),
)

#: Labels for unknown words, and for findings that need a review.
OPEN: Final = frozenset({"OTHER.Unknown", "OTHER.NeedsReview"})
#: Characters of a text in the report.
SHOWN_CHARS: Final = 200
_UNREAD = "unread"
_INDEX = re.compile(r"\[\d+\]")
#: The place where no path says which part was not read.
_SOMEWHERE = "(output)"


class Keeper(Protocol):
    """Takes outcomes as they come."""

    def keep(self, pairs: list[Pair], outcomes: Iterable[Outcome]) -> None:
        """One outcome for each pair."""
        ...


@dataclass(frozen=True, slots=True)
class Gaps:
    """words: names of signals whose label is open. places: paths of unread parts, without the
    indices of arrays."""

    words: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """number: of the pair, in the order of sending. event: the answer without the members of a
    single request; None when the service refused the pair, for `problem`. text: the event as JSON.
    gaps: what the answer leaves for a person.
    """

    number: int
    event: Mapping[str, Any] | None
    problem: str
    text: str
    gaps: Gaps


class Answers:
    """Answers by pair, kept in a file."""

    def __init__(self, file: Path) -> None:
        self._by_pair: dict[Pair, Answer] = {}
        whole = self._load(file)
        self._file = file.open("ab")
        # A killed process may leave half a line.
        self._file.truncate(whole)

    def __getitem__(self, pair: Pair) -> Answer:
        return self._by_pair[pair]

    def __contains__(self, pair: Pair) -> bool:
        return pair in self._by_pair

    def items(self) -> Iterable[tuple[Pair, Answer]]:
        """Every pair in the order of sending."""
        return self._by_pair.items()

    def keep(self, pairs: list[Pair], outcomes: Iterable[Outcome]) -> None:
        """Write the outcomes; they are on disk when it returns."""
        for pair, outcome in zip(pairs, outcomes, strict=True):
            answer = self._add(pair, *_told(outcome))
            told = {
                "pair": pair,
                "event": answer.event,
                "problem": answer.problem,
                "words": answer.gaps.words,
                "places": answer.gaps.places,
            }
            self._file.write(json.dumps(told).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, pair: Pair, event: Mapping[str, Any] | None, problem: str, gaps: Gaps) -> Answer:
        answer = Answer(len(self._by_pair), event, problem, json.dumps(event), gaps)
        self._by_pair[pair] = answer
        return answer

    def _load(self, file: Path) -> int:
        """Read an existing file; returns the length of its complete lines."""
        whole = 0
        if file.exists():
            with file.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    whole += len(line)
                    known = json.loads(line)
                    detector, output, is_text = known["pair"]
                    gaps = Gaps(tuple(known["words"]), tuple(known["places"]))
                    pair = (detector, output, is_text)
                    self._add(pair, known["event"], known["problem"], gaps)
        return whole


def request(pair: Pair, threshold: float | None) -> MapRequest:
    """The request of a pair."""
    detector, output, is_text = pair
    return MapRequest(detector, output if is_text else json.loads(output), threshold=threshold)


def readable(pairs: Iterable[Pair]) -> tuple[dict[int, tuple[str, str]], dict[int, ItemError]]:
    """Detector and text of each pair for a model without the facade, and the errors of those that
    the facade would refuse; by their places."""
    texts: dict[int, tuple[str, str]] = {}
    refused: dict[int, ItemError] = {}
    for place, (detector, output, is_text) in enumerate(pairs):
        code, problem = ErrorCode.INVALID_REQUEST, ""
        try:
            text = output if is_text else _compact(output)
        except (ValueError, RecursionError) as error:
            problem = f"output: {error}"
        else:
            if not detector.strip():
                problem = "detector: is empty"
            elif len(text) > _MAX_OUTPUT:
                code = ErrorCode.PAYLOAD_TOO_LARGE
                problem = f"output: has more than {_MAX_OUTPUT} characters"
        if problem:
            refused[place] = ItemError(place, code, problem, False)
        else:
            texts[place] = (detector, text)
    return texts, refused


def answer_of(number: int, outcome: Outcome) -> Answer:
    """The journal entry of an outcome."""
    event, problem, gaps = _told(outcome)
    return Answer(number, event, problem, json.dumps(event), gaps)


def _told(outcome: Outcome) -> tuple[Mapping[str, Any] | None, str, Gaps]:
    if isinstance(outcome, ItemError):
        return None, f"{outcome.error_code}: {outcome.message}", Gaps()
    return {name: outcome.raw[name] for name in _KEPT}, "", _gaps_of(outcome.raw)


def _gaps_of(answer: Mapping[str, Any]) -> Gaps:
    """The gaps of an answer that was asked with `explain`."""
    words = (
        signal["name"][:SHOWN_CHARS]
        for signal in answer["signals"]
        # Of an output that was not read, no word is at fault.
        if signal["fallback_reason"] != _UNREAD and not OPEN.isdisjoint(signal["labels"])
    )
    places = [_INDEX.sub("[]", path)[:SHOWN_CHARS] for path in answer["reading"]["unread"]]
    if not places and answer["fallback_reason"] == _UNREAD:
        places = [_SOMEWHERE]
    return Gaps(tuple(dict.fromkeys(filter(None, words))), tuple(dict.fromkeys(places)))


def _compact(output: str) -> str:
    """JSON as the facade passes it on. Raises ValueError."""
    value = json.loads(output, parse_constant=_no_number)
    if not isinstance(value, str | dict | list):
        raise ValueError("is neither a text nor an object or array")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
