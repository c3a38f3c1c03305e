"""How readings, drafts and candidates travel from one Triton step to the next: JSON bytes.

Python objects in, JSON bytes out, and back. Knows the objects of `fallback`, NumPy's bytes
arrays, and nothing of Triton. One JSON text an item, because tensors of different lengths do
not batch together.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fallback.candidate import CandidateSet, CandidateStatus, ModelAnswer
from fallback.signal import Signal, Verdict

Draft = tuple[str, ...] | None


def to_column(values: Iterable[bytes | str]) -> NDArray[np.object_]:
    """A BYTES tensor [N, 1] of one value an item."""
    encoded = [v.encode() if isinstance(v, str) else v for v in values]
    return np.array(encoded, dtype=np.object_).reshape(-1, 1)


def read_columns(tensor: Callable[[str], Any], names: Sequence[str]) -> list[list[str]]:
    """Per name the texts of a BYTES tensor [N, 1], one an item; empty texts for one left out.

    tensor: gives the backend's tensor of a name or None; that of the first name is always there.
    Bytes that are no UTF-8 become replacement characters: an answer beats an error.
    """
    columns: list[list[str]] = []
    for name in names:
        found = tensor(name)
        columns.append(
            [""] * len(columns[0])
            if found is None
            else [value.decode("utf-8", errors="replace") for value in found.as_numpy().flat]
        )
    return columns


def dump_reading(signals: Sequence[Signal]) -> bytes:
    """READING: `[{"name", "score", "flagged", "verdict", "legend"}]`."""
    return _dump(
        [
            {
                "name": signal.name,
                "score": signal.score,
                "flagged": signal.flagged,
                "verdict": signal.verdict,
                "legend": signal.legend,
            }
            for signal in signals
        ]
    )


def load_reading(text: str) -> tuple[Signal, ...]:
    """At least one signal. Raises ValueError when `text` is no READING."""
    try:
        signals = tuple(
            Signal(
                name=_text(entry["name"]),
                score=None if entry["score"] is None else float(entry["score"]),
                flagged=entry["flagged"],
                verdict=None if entry["verdict"] is None else Verdict(entry["verdict"]),
                legend=entry.get("legend"),
            )
            for entry in json.loads(text)
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("READING is not a list of signals") from error
    if not signals:
        raise ValueError("READING is empty: an item has at least one signal")
    return signals


def dump_drafts(drafts: Sequence[Draft]) -> bytes:
    """DRAFT: per signal a list of labels, or null."""
    return _dump(drafts)


def load_drafts(text: str, signals: int) -> tuple[Draft, ...]:
    """One draft a signal; none at all for an empty text.

    Raises ValueError when `text` is no DRAFT or has another number of them.
    """
    if not text:
        return (None,) * signals
    try:
        drafts = tuple(
            None if draft is None else tuple(_text(label) for label in draft)
            for draft in json.loads(text)
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError("DRAFT is not a list of label lists") from error
    if len(drafts) != signals:
        raise ValueError(f"{len(drafts)} drafts for {signals} signals")
    return drafts


def item_status(candidates: CandidateSet) -> str:
    """The gravest status among an item's answers; `skipped` where nothing was asked."""
    found = {answer.status for answer in candidates.answers if answer}
    ranked = (CandidateStatus.ERROR, CandidateStatus.TIMEOUT, CandidateStatus.OK)
    return next((status.value for status in ranked if status in found), "skipped")


def dump_candidates(candidates: CandidateSet) -> bytes:
    """CANDIDATE: `{"model", "candidates": [{"text", "probability", "confidence", "status"}]}`."""
    return _dump(
        {
            "model": candidates.model,
            "candidates": [
                answer
                and {
                    "text": answer.text,
                    "probability": answer.probability,
                    "confidence": answer.confidence,
                    "status": answer.status,
                }
                for answer in candidates.answers
            ],
        }
    )


def load_candidates(text: str) -> CandidateSet | None:
    """None for an empty text: nobody asked the model.

    Raises ValueError when `text` is no CANDIDATE.
    """
    if not text:
        return None
    try:
        loaded = json.loads(text)
        return CandidateSet(
            model=_text(loaded["model"]),
            answers=tuple(
                entry
                and ModelAnswer(
                    text=_text(entry["text"]),
                    probability=float(entry["probability"]),
                    confidence=float(entry["confidence"]),
                    status=CandidateStatus(entry["status"]),
                )
                for entry in loaded["candidates"]
            ),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("CANDIDATE is not what llama_mapper writes") from error


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value
