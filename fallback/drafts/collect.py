"""What collected outputs tell of a detector: its words, and a format that reads them.

In: outputs, and how they are read today. Out: `Collected`. A format that reads one of them
otherwise is a proposal only, with a note that says where. Examples in it hold names and verdicts
alone: every other text is replaced.
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

#: What stands in examples instead of texts that are neither names nor verdicts.
_REPLACED = "..."
_SAYS = {Verdict.NOTHING_FOUND: "clean", Verdict.EMPTY: "empty", Verdict.FAILURE: "failed"}
_REVIEW = "review"
#: The format's name in the file, and where it says that it is from.
NAME, SOURCE = "drafted", "collected outputs"
Structure = Mapping[str, Any] | Sequence[Any]


@dataclass(slots=True)
class Collected:
    """words: the most frequent first. format: an entry of `outputs:`, or empty; proposed: whether
    it reads an output otherwise than it is read today. notes: what a reviewer should know of it."""

    words: list[Word] = field(default_factory=list)
    format: dict[str, Any] = field(default_factory=dict)
    proposed: bool = False
    notes: list[str] = field(default_factory=list)


def collect(outputs: Sequence[object], detector: str, rules: RuleMapper) -> Collected:
    """rules: those that read the detector's outputs today."""
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
    """The outputs that are objects, or those that are lists, whichever are more; what stands in an
    envelope is left to that."""
    found: dict[type, list[tuple[int, Structure]]] = {dict: [], list: []}
    for index, (text, reading) in enumerate(zip(texts, readings, strict=True)):
        parts = decode(text).parts
        if len(parts) == 1 and isinstance(parts[0], dict | list) and not reading.envelopes:
            found[type(parts[0])].append((index, parts[0]))
    return max(found.values(), key=len)


def _notes(
    inferred: Inferred, then: Mapping[int, Reading], today: Sequence[Reading]
) -> Iterator[str]:
    """On the format: which outputs it reads otherwise, which not at all, and what it leaves."""
    otherwise = [index for index, one in then.items() if _differ(today[index], one)]
    if otherwise:
        first = otherwise[0]
        yield (
            f"the format reads {len(otherwise)} of {len(today)} outputs otherwise than they are "
            f"read without it, first number {first + 1}: {_told(_said(then[first]))} instead of "
            f"{_told(_said(today[first]))}; it is proposed only"
        )
    cleared = [i for i, one in then.items() if _said(one) == "clean" and _said(today[i]) != "clean"]
    if cleared and not otherwise:
        places = ", ".join(inferred.format.get("quoted", [])[:8])
        yield (
            f"{len(cleared)} of {len(today)} outputs are clean with the format and unread without "
            f"it, first number {cleared[0] + 1}: make sure that {places} holds no finding"
        )
    if others := len(today) - len(then):
        yield f"{others} of {len(today)} outputs have another format"
    if inferred.left:
        yield f"the format leaves to the reading by structure: {', '.join(inferred.left[:8])}"


def _detector(name: str, form: Mapping[str, Any]) -> OwnDetector | None:
    """A detector with the format alone; None without one, and where a key makes no path."""
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
    """One output with findings and one without, read as they say."""
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
    """The value with every text replaced that is neither a name nor a verdict."""
    if isinstance(value, dict):
        return {key: _bare(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bare(inner, names) for inner in value]
    if isinstance(value, str) and value not in names and judge_word(value) is None:
        return _REPLACED
    return value


def _said(reading: Reading) -> str | list[str]:
    """What a reading says, as examples of a format do."""
    names = sorted(signal.name for signal in reading.signals if signal.verdict is None)
    verdicts = [signal.verdict for signal in reading.signals if signal.verdict is not None]
    return names or _SAYS.get(verdicts[0], _REVIEW)


def _differ(today: Reading, then: Reading) -> bool:
    """Whether a reading says otherwise; to read what is unread today is no difference."""
    unread = any(signal.verdict is Verdict.UNREAD for signal in today.signals)
    return not unread and _said(today) != _said(then)


def _told(said: str | list[str]) -> str:
    return said if isinstance(said, str) else ", ".join(said[:5])
