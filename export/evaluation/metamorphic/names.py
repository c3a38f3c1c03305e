"""Suites c and d: a name swapped for another of the vocabulary; keys of bookkeeping added.

In: the examples. Out: variants in whose reading only that name differs, or nothing.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any

from export.evaluation.metamorphic.cases import Case, all_cases, as_it_stands
from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.reading.declared import Declared
from fallback.reading.judge import judge_word
from fallback.reading.tree import Planter
from fallback.rules.catalog import Detector
from schemas.contract import CLEAN
from schemas.text import normalise

_MAX_WORD = 60


def swapped(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Each name of each example that is a value or a key, replaced by another word."""
    for case in all_cases():
        detector, output = case.known, case.example.output
        if detector is None or not isinstance(output, dict | list):
            continue
        for name in case.names:
            if name in case.form.content or not sample.takes("swap", case.id, name):
                continue
            kind, changed, other = _swap(output, name, detector)
            if kind is None or normalise(name) in normalise(json.dumps(changed)):
                continue  # a part of a text has the name too
            if not _still(detector, case, changed):
                continue
            before = as_it_stands(case.detector, case.example.text).signals
            expected = frozenset((other if n == name else n, flag) for n, flag in before)
            yield Variant(
                kind,
                f"{case.id} {name} -> {other}",
                case.detector,
                json.dumps(changed, ensure_ascii=False),
                lambda seen, expected=expected: seen.signals == expected,  # type: ignore[misc]
                harmful=True,
            )


def _swap(output: Any, name: str, detector: Detector) -> tuple[str | None, Any, str]:
    """The name's place (None: nowhere), the output with another name there, and that name."""
    text = json.dumps(output, ensure_ascii=False)
    known = [
        word
        for word, labels in detector.maps.items()
        if _alike(word, name)
        and normalise(word) not in normalise(text)
        and not CLEAN.issuperset(labels)
    ]
    if not known:
        return None, None, ""
    other = known[zlib.crc32(f"{detector.name} {name}".encode()) % len(known)]
    kinds: set[str] = set()
    changed = _with(output, name, other, kinds)
    return "a value" if "a value" in kinds else next(iter(kinds), None), changed, other


def _alike(word: str, name: str) -> bool:
    """Whether one tool may write both words as names, and the first is not a verdict."""
    if len(word) > _MAX_WORD or any(sign in word for sign in '{}<>"\n:,'):
        return False
    if word == name or judge_word(word) is not None:
        return False
    return [_shape(word, sign) for sign in " _-/."] == [_shape(name, sign) for sign in " _-/."]


def _shape(word: str, sign: str) -> object:
    if sign in word:
        return True
    return (False, word[:1].isupper(), word[-1:].isdigit(), word.isupper())


def _with(value: Any, name: str, other: str, kinds: set[str]) -> Any:
    """The value with the name replaced in every key or text that equals it."""
    if isinstance(value, dict):
        if name in value:
            kinds.add("a key")
        return {
            (other if key == name else key): _with(inner, name, other, kinds)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_with(inner, name, other, kinds) for inner in value]
    if value == name and isinstance(value, str):
        kinds.add("a value")
        return other
    return value


def _still(detector: Detector, case: Case, changed: Any) -> bool:
    """Whether the output has the same format with the other name, and that is not benign."""
    applied = Declared(detector).read(Planter().plant(changed), envelopes=False)
    was = Declared(detector).read(Planter().plant(case.example.output), envelopes=False)
    return applied is not None and was is not None and applied.format is was.format


# --- suite d -------------------------------------------------------------------------------

#: Keys that services add to an answer, by purpose.
BOOKKEEPING: dict[str, dict[str, object]] = {
    "ids": {
        "request_id": "7c1f6f0e-7a50-4f7e-9d5b-0f6f6a1b2c3d",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "session_id": "s-81230",
        "x-request-id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "user_id": 48213,
    },
    "times": {
        "created_at": "2026-11-02T10:11:12Z",
        "timestamp": 1793613072,
        "updatedAt": "2026-11-02 10:11:12.345",
        "expires": "Mon, 02 Nov 2026 10:11:12 GMT",
    },
    "usage": {
        "usage": {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15},
        "token_count": 15,
        "billed_units": {"text_units": 1},
    },
    "versions": {
        "api_version": "2026-11-01",
        "model_version": "4.2.1",
        "sdk": {"name": "python", "version": "3.11.4"},
        "policy_version": 7,
    },
    "timings": {
        "latency_ms": 41,
        "duration": 0.0413,
        "elapsed": "41ms",
        "timings": {"queue": 0.002, "inference": 0.039},
    },
}


def added(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Each kind of bookkeeping, and all of it, at the top of each object that may have it."""
    everything = {key: value for keys in BOOKKEEPING.values() for key, value in keys.items()}
    for case in all_cases():
        for kind, keys in (BOOKKEEPING | {"all of them": everything}).items():
            for place in ("first", "last"):
                if not sample.takes(kind, place, case.id):
                    continue
                changed = _grown(case.example.output, keys, first=place == "first")
                if changed is None:
                    continue
                expected = as_it_stands(case.detector, case.example.text).signals
                yield Variant(
                    kind,
                    case.id,
                    case.detector,
                    json.dumps(changed, ensure_ascii=False),
                    lambda seen, expected=expected: seen.signals == expected,  # type: ignore[misc]
                    harmful=bool(case.names),
                )


def _grown(output: Any, keys: dict[str, object], *, first: bool) -> Any | None:
    """The output with more keys in it, or in the objects that it lists; None without either.

    A key that the output has already keeps its value.
    """
    if isinstance(output, dict):
        more = {k: v for k, v in keys.items() if k not in output}
        return more | output if first else output | more
    if isinstance(output, list) and output and all(isinstance(x, dict) for x in output):
        return [_grown(x, keys, first=first) for x in output]
    return None
