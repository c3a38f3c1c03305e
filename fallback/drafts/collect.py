"""Infers a detector's words, and a format that reads them, from collected outputs.

In: outputs, and their current readings. Out: `Collected`. A format that changes a reading is only
a proposal, with a note on the outputs concerned. Its examples contain only names and verdicts:
every other text is replaced.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fallback.drafts.entries import Word
from fallback.drafts.formats import Inferred, infer
from fallback.reading.check import examine
from fallback.reading.decode import decode
from fallback.reading.formats import Example
from fallback.reading.judge import judge_word
from fallback.reading.reader import Reader
from fallback.rules.lookup import RuleMapper
from fallback.rules.own import OwnDetector
from fallback.signal import Reading, Verdict

#: The replacement in examples for texts that are neither names nor verdicts.
_REPLACED = "..."
_SAYS = {Verdict.NOTHING_FOUND: "clean", Verdict.EMPTY: "empty", Verdict.FAILURE: "failed"}
_REVIEW = "review"
#: The format's name in the file, and its `source`.
NAME, SOURCE = "drafted", "collected outputs"
Structure = Mapping[str, Any] | Sequence[Any]


@dataclass(slots=True)
class Collected:
    """words: the most frequent first. format: an entry of `outputs:`, or empty; proposed: whether
    it changes the reading of an output. notes: for the reviewer."""

    words: list[Word] = field(default_factory=list)
    format: dict[str, Any] = field(default_factory=dict)
    proposed: bool = False
    notes: list[str] = field(default_factory=list)


def collect(outputs: Sequence[object], detector: str, rules: RuleMapper) -> Collected:
    """rules: those that read the detector's outputs now."""
    texts = [
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in outputs
    ]
    today = [Reader(rules).read(detector, text) for text in texts]
    shared = dict(_of_one_kind(texts, today))
    inferred = infer([*shared.values()])
    found, own = Collected(), _detector(detector, inferred.format)
    then: dict[int, Reading] = {}
    if own is not None:
        reader = Reader(_with(own, rules))
        then = {index: reader.read(detector, texts[index]) for index in shared}
        then = {index: one for index, one in then.items() if one.format == NAME}
    if own is not None and then:
        found.format = inferred.format
        if examples := list(_examples(own, shared, then, inferred.names)):
            found.format["examples"] = examples
        found.notes += _notes(inferred, then, today)
        found.proposed = any(_differ(today[index], one) for index, one in then.items())
    trusted = {} if found.proposed else then
    names = Counter(inferred.names if trusted else ())
    for index, reading in enumerate(today):
        if index not in trusted:
            names.update(signal.name for signal in reading.signals if signal.verdict is None)
    found.words = [Word(name, count=count) for name, count in names.most_common()]
    return found


def _of_one_kind(texts: Sequence[str], readings: Sequence[Reading]) -> list[tuple[int, Structure]]:
    """The outputs that are objects, or those that are lists, whichever are more; outputs in an
    envelope are left out."""
    found: dict[type, list[tuple[int, Structure]]] = {dict: [], list: []}
    for index, (text, reading) in enumerate(zip(texts, readings, strict=True)):
        parts = decode(text).parts
        if len(parts) == 1 and isinstance(parts[0], dict | list) and not reading.envelopes:
            found[type(parts[0])].append((index, parts[0]))
    return max(found.values(), key=len)


def _notes(
    inferred: Inferred, then: Mapping[int, Reading], today: Sequence[Reading]
) -> Iterator[str]:
    """Notes on the format: outputs with a changed reading, unread outputs, paths left open."""
    otherwise = [index for index, one in then.items() if _differ(today[index], one)]
    if otherwise:
        first = otherwise[0]
        yield (
            f"the format changes the reading of {len(otherwise)} of {len(today)} outputs, first of "
            f"number {first + 1}: {_told(_said(then[first]))} instead of "
            f"{_told(_said(today[first]))}; it is proposed only"
        )
    cleared = [i for i, one in then.items() if _said(one) == "clean" and _said(today[i]) != "clean"]
    if cleared and not otherwise:
        places = ", ".join(inferred.format.get("quoted", [])[:8])
        yield (
            f"{len(cleared)} of {len(today)} outputs are clean with the format and unread without "
            f"it, first number {cleared[0] + 1}: make sure that {places} has no finding"
        )
    if others := len(today) - len(then):
        yield f"{others} of {len(today)} outputs have another format"
    if inferred.left:
        yield f"read by structure, not by the format: {', '.join(inferred.left[:8])}"


def _detector(name: str, form: Mapping[str, Any]) -> OwnDetector | None:
    """A detector with only the format; None without one, or if a key is not a valid path."""
    if not form:
        return None
    written = {"format": NAME, "source": SOURCE, **form}
    try:
        return OwnDetector.model_validate({"detector": name, "outputs": [written]})
    except ValidationError:
        return None


def _with(own: OwnDetector, rules: RuleMapper) -> RuleMapper:
    """The rules with the detector's format before those that it has."""
    detector = own.over(rules.resolve(own.name))
    return rules.extended(rules.detectors.updated(Path(NAME), detector), NAME)


def _examples(
    own: OwnDetector,
    values: Mapping[int, Structure],
    then: Mapping[int, Reading],
    names: Counter[str],
) -> Iterator[dict[str, Any]]:
    """Examples for the format: one output with findings and one without, with their readings."""
    for about, wanted in (("with findings", list), ("without a finding", str)):
        for index, reading in then.items():
            said = _said(reading)
            if not isinstance(said, wanted) or said == _REVIEW:
                continue
            written = {"about": about, "output": _bare(values[index], names), "says": said}
            if examine(own.outputs[0], Example.model_validate(written), own).right:
                yield written
            break


def _bare(value: Any, names: Counter[str]) -> Any:
    """The value with every text replaced except names and verdicts."""
    if isinstance(value, dict):
        return {key: _bare(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bare(inner, names) for inner in value]
    if isinstance(value, str) and value not in names and judge_word(value) is None:
        return _REPLACED
    return value


def _said(reading: Reading) -> str | list[str]:
    """A reading in the form of a format's examples."""
    names = sorted(signal.name for signal in reading.signals if signal.verdict is None)
    verdicts = [signal.verdict for signal in reading.signals if signal.verdict is not None]
    return names or _SAYS.get(verdicts[0], _REVIEW)


def _differ(today: Reading, then: Reading) -> bool:
    """Whether two readings differ; a new reading of an unread output is not a difference."""
    unread = any(signal.verdict is Verdict.UNREAD for signal in today.signals)
    return not unread and _said(today) != _said(then)


def _told(said: str | list[str]) -> str:
    return said if isinstance(said, str) else ", ".join(said[:5])
