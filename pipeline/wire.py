"""How items travel between Triton's steps: BYTES tensors [N, 1] that hold one JSON text per item.

Python objects in, NumPy columns out, and back. Tensors of different lengths do not batch
together, so a list of signals is one text.
"""

import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from fallback.decision.decision import Decision
from fallback.rules.lookup import MatchKind, RuleAnswer
from fallback.signal import Reading, Signal, Verdict
from pipeline.steps import ReadItem, summary
from schemas.candidate import Candidate, CandidateSet, CandidateStatus, Neighbour
from schemas.contract import FallbackReason, Kind

Column = NDArray[Any]
_T = TypeVar("_T")


def to_column(values: Iterable[bytes | str]) -> Column:
    """A BYTES tensor [N, 1] of one value per item."""
    encoded = [v.encode("utf-8", "replace") if isinstance(v, str) else v for v in values]
    return np.array(encoded, dtype=np.object_).reshape(-1, 1)


def read_columns(tensor: Callable[[str], Any], names: Sequence[str]) -> list[list[str]]:
    """The texts of BYTES tensors [N, 1], one list per name; empty texts for an absent tensor.

    tensor: returns the backend's tensor of a name or None; the first name is always present.
    Bytes that are not UTF-8 become replacement characters.
    """
    columns: list[list[str]] = []
    for name in names:
        given = tensor(name)
        columns.append(
            [""] * len(columns[0])
            if given is None
            else [value.decode("utf-8", errors="replace") for value in given.as_numpy().flat]
        )
    return columns


def read_deadlines(
    pb_utils: Any, request: Any, names: Sequence[str]
) -> tuple[list[list[str]], list[float]]:
    """`read_columns` of a request, and its DEADLINE tensor [N, 1]; infinity where it is absent."""
    tensor = partial(pb_utils.get_input_tensor_by_name, request)
    columns = read_columns(tensor, names)
    given = tensor("DEADLINE")
    if given is None:
        return columns, [math.inf] * len(columns[0])
    return columns, given.as_numpy().ravel().tolist()


def respond(
    pb_utils: Any, request: Any, names: Sequence[str], answer: Callable[..., Mapping[str, Column]]
) -> Any:
    """One request's response: `answer` maps the input columns to the output columns.

    A ValueError of `answer` becomes INVALID_ARGUMENT for the caller. Any other exception fails only
    this request.
    """
    try:
        tensor = partial(pb_utils.get_input_tensor_by_name, request)
        return outputs(pb_utils, answer(*read_columns(tensor, names)))
    except Exception as error:
        return refusal(pb_utils, error)


def outputs(pb_utils: Any, columns: Mapping[str, Column]) -> Any:
    """The response of these output columns."""
    return pb_utils.InferenceResponse([pb_utils.Tensor(n, c) for n, c in columns.items()])


def refusal(pb_utils: Any, error: Exception) -> Any:
    """The response of a request with an error. The text of an internal error is logged and not
    sent, since it may contain paths.
    """
    if isinstance(error, ValueError):
        problem = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
    else:
        traceback.print_exception(error)
        problem = pb_utils.TritonError("the request could not be answered; see the server's log")
    return pb_utils.InferenceResponse(error=problem)


def each_row(
    answer: Callable[..., _T], instead: Callable[..., _T], columns: Sequence[Sequence[str]]
) -> list[_T]:
    """Calls `answer` for each row of a request's columns. If it raises a ValueError for a row,
    calls `instead` with the error's text and the row, so that the other rows are answered. An
    internal error is handled in the same way, but its text is logged and not sent: it may contain
    paths.

    Raises the first ValueError when every row is refused: then the request is malformed.
    """
    rows = list(zip(*columns, strict=True))
    found: list[_T] = []
    refused: list[ValueError] = []
    for row in rows:
        try:
            found.append(answer(*row))
        except ValueError as error:
            refused.append(error)
            found.append(instead(str(error), *row))
        except Exception:
            traceback.print_exc()
            found.append(instead("the item could not be answered; see the server's log", *row))
    if refused and len(refused) == len(rows):
        raise refused[0]
    return found


# --- step 1: READ_SIGNALS and READING ------------------------------------------------------


def dump_item(item: ReadItem) -> bytes:
    """READ_SIGNALS: the signals with their curated answers, and doubt and kind of the item."""
    signals = [
        {
            "name": signal.name,
            "score": signal.score,
            "flagged": signal.flagged,
            "verdict": signal.verdict,
            "legend": signal.legend,
            "rule": rule.kind,
            "labels": rule.labels,
            "own": rule.own,
        }
        for signal, rule in zip(item.reading.signals, item.rules, strict=True)
    ]
    about = {"doubt": item.doubt, "kind": item.kind, "rules": item.rules_version}
    return orjson.dumps({**about, "signals": signals})


def dump_reading(reading: Reading) -> bytes:
    """READING: how the output was read, and its unread parts."""
    return orjson.dumps(summary(reading))


def load_item(detector: str, text: str) -> ReadItem:
    """The item of a READ_SIGNALS text. Raises ValueError for any other text."""
    signals: list[Signal] = []
    rules: list[RuleAnswer] = []
    try:
        loaded = orjson.loads(text)
        doubt = loaded["doubt"] and FallbackReason(loaded["doubt"])
        version = _text(loaded["rules"])
        kind = loaded["kind"] and Kind(loaded["kind"])
        for entry in loaded["signals"]:
            verdict = entry["verdict"]
            signals.append(
                Signal(
                    name=_text(entry["name"]),
                    score=entry["score"],
                    flagged=entry["flagged"],
                    verdict=None if verdict is None else Verdict(verdict),
                    legend=entry["legend"],
                )
            )
            labels = tuple(_text(label) for label in entry["labels"])
            own = tuple((_text(label), _text(parent)) for label, parent in entry["own"])
            rules.append(RuleAnswer.of(labels, MatchKind(entry["rule"]), own))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("READ_SIGNALS is not what signal_reader writes") from error
    if not signals:
        raise ValueError("READ_SIGNALS is empty: an item has at least one signal")
    return ReadItem(detector, Reading(tuple(signals)), tuple(rules), version, doubt, kind)


# --- step 2: CANDIDATE and STATUS ----------------------------------------------------------


def item_status(candidates: CandidateSet) -> str:
    """The worst status among an item's answers; `skipped` without a query to the model."""
    statuses = {answer.status for answer in candidates.answers if answer}
    ranked = (CandidateStatus.ERROR, CandidateStatus.TIMEOUT, CandidateStatus.OK)
    return next((status.value for status in ranked if status in statuses), "skipped")


def dump_candidates(candidates: CandidateSet) -> bytes:
    """CANDIDATE: `{"model", "candidates": [...]}`, of each candidate `text`, `probability`,
    `confidence`, `status`, `retrieved`, `families`, `likely` and `neighbours`."""
    return orjson.dumps(
        {
            "model": candidates.model,
            "candidates": [
                answer
                and {
                    "text": answer.text,
                    "probability": answer.probability,
                    "confidence": answer.confidence,
                    "status": answer.status,
                    "retrieved": answer.retrieved,
                    "families": answer.families,
                    "likely": answer.likely,
                    "neighbours": [(n.phrase, n.labels, n.similarity) for n in answer.neighbours],
                }
                for answer in candidates.answers
            ],
        }
    )


def load_candidates(text: str) -> CandidateSet | None:
    """The candidates of an item; None for an empty text: the model had no query.

    Raises ValueError when `text` is not a CANDIDATE.
    """
    if not text:
        return None
    try:
        loaded = orjson.loads(text)
        return CandidateSet(
            model=_text(loaded["model"]),
            answers=tuple(
                entry
                and Candidate(
                    text=_text(entry["text"]),
                    probability=float(entry["probability"]),
                    confidence=float(entry["confidence"]),
                    status=CandidateStatus(entry["status"]),
                    retrieved=float(entry.get("retrieved", 0)),
                    families=tuple((_text(n), float(p)) for n, p in entry.get("families", ())),
                    likely=tuple(
                        (tuple(map(_text, labels)), float(p))
                        for labels, p in entry.get("likely", ())
                    ),
                    neighbours=tuple(
                        Neighbour(_text(phrase), tuple(map(_text, labels)), float(similarity))
                        for phrase, labels, similarity in entry.get("neighbours", ())
                    ),
                )
                for entry in loaded["candidates"]
            ),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("CANDIDATE is not what llama_mapper writes") from error


# --- step 3: the public outputs ------------------------------------------------------------


def decision_columns(decisions: Sequence[Decision]) -> dict[str, Column]:
    """The output tensors [N, 1] of `mapping_guard`."""
    return {
        "MAPPING": to_column(orjson.dumps(d.event) for d in decisions),
        "SOURCE": to_column(d.source for d in decisions),
        "FALLBACK_REASON": to_column(d.fallback_reason or "" for d in decisions),
        "SIGNALS": to_column(orjson.dumps(d.signals) for d in decisions),
        "VERSIONS": to_column(orjson.dumps(d.versions) for d in decisions),
        "CONFIDENCE": np.array([[d.confidence] for d in decisions], dtype=np.float32),
        "SCHEMA_VALID": np.array([[d.schema_valid] for d in decisions], dtype=np.bool_),
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is not text")
    return value
