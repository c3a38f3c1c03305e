"""Checks a detector file: errors, doubtful entries, and changes to the rules.

In: a file of the own folder, and the rules without it. Out: `Problem`s with line and key, and
`Change`s relative to the served rules. Independent of folders and of the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fallback.reading.check import examine
from fallback.rules.catalog import Detector, Labels
from fallback.rules.lookup import MatchKind, RuleMapper
from fallback.rules.normalise import is_opaque, match_key
from fallback.rules.own import OwnDetector
from fallback.signal import Signal
from schemas.config.config_file import check_config, config_error, read_config
from schemas.config.errors import ConfigError
from schemas.contract import CLEAN, UNKNOWN
from schemas.taxonomy import Vocabulary

#: Keys of a detector that are compared word by word.
_BY_WORD = ("maps", "thresholds", "legend")
_WHOLE = ("aliases", "threshold", "severity", "lower_is_worse")
#: No detector has it, so only the phrases that all detectors share answer.
_NOBODY = "-"


class Level(StrEnum):
    """The severity of a problem. A file with an error is not added to the folder."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """line: from 1; None without one. key: as in `ConfigError`."""

    level: Level
    line: int | None
    key: str
    problem: str

    @classmethod
    def of(cls, error: ConfigError, level: Level = Level.ERROR) -> "Problem":
        """The problem of a `ConfigError`."""
        return cls(level, error.line, error.key, error.problem)


@dataclass(frozen=True, slots=True)
class Change:
    """A value that a file changes; before or after is None for an added or removed one. word: of
    `maps`, `thresholds` or `legend`; None for a key that is compared as a whole."""

    key: str
    word: str | None
    before: Any
    after: Any


def find_problems(file: Path, rules: RuleMapper, vocabulary: Vocabulary) -> list[Problem]:
    """All errors of the file; without errors, the warnings for a reviewer.

    rules: those that the file overrides.
    """
    errors = check_config(file, OwnDetector, vocabulary)
    if errors:
        return [Problem.of(error) for error in errors]
    own = read_config(file, OwnDetector, vocabulary)
    found = [*_wrong_examples(file, own.over(rules.resolve(own.name)))]
    for word, labels in own.maps.items():
        for problem in _doubts(word, vocabulary.answered(labels), own, rules, vocabulary):
            error = config_error(file, "maps", word, problem=problem)
            found.append(Problem.of(error, Level.WARNING))
    return found


def changes(before: Detector | None, after: Detector) -> list[Change]:
    """The differences between two versions of a detector; None is a missing one."""
    found = []
    for key in _BY_WORD:
        old, new = (getattr(one, key) if one else {} for one in (before, after))
        for word in dict.fromkeys((*old, *new)):
            if old.get(word) != new.get(word):
                found.append(Change(key, word, _json(old.get(word)), _json(new.get(word))))
    for key in _WHOLE:
        old, new = (_json(getattr(one, key)) if one else None for one in (before, after))
        if old != new:
            found.append(Change(key, None, old, new))
    old, new = ([o.name for o in one.outputs] if one else None for one in (before, after))
    if (before.outputs if before else ()) != after.outputs:
        found.append(Change("outputs", None, old, new))
    return found


def _wrong_examples(file: Path, detector: Detector) -> Iterator[Problem]:
    for index, form in enumerate(detector.outputs):
        for number, example in enumerate(form.examples):
            outcome = examine(form, example, detector)
            if not outcome.right:
                place = ("outputs", index, "examples", number)
                problem = f"{example.about!r}: {', '.join(outcome.lines[:2])}"
                yield Problem.of(config_error(file, *place, problem=problem))


def _doubts(
    word: str, labels: Labels, own: OwnDetector, rules: RuleMapper, vocabulary: Vocabulary
) -> Iterator[str]:
    elsewhere = rules.map(_NOBODY, Signal(word))
    known = elsewhere.kind is MatchKind.ALIAS
    if not CLEAN.isdisjoint(labels):
        if known and CLEAN.isdisjoint(elsewhere.labels):
            yield (
                f"is mapped to {labels[0]}, but means {_joined(elsewhere.labels)} in other"
                " detectors; correct it unless it means that nothing was found"
            )
        elif elsewhere.kind is MatchKind.NONE:
            yield f"is mapped to {labels[0]}; correct it unless it means that nothing was found"
    elif known and _topics(labels).isdisjoint(_topics(elsewhere.labels)):
        yield (
            f"means {_joined(elsewhere.labels)} in other detectors; correct it unless its meaning"
            " differs here"
        )
    if UNKNOWN in labels:
        yield f"is mapped to {UNKNOWN}, which has no meaning; write a label or remove the word"
    if is_opaque(word) and word not in own.legend and elsewhere.kind is MatchKind.NONE:
        yield "is an opaque code; write its meaning under `legend`"
    combined = vocabulary.taxonomy.combine(labels)
    if covered := [label for label in labels if label not in combined]:
        yield f"has {covered[0]}, which {combined[0]} covers; remove it"
    same = [other for other in own.maps if match_key(other) == match_key(word)]
    if same[0] != word:
        differs = own.maps[same[0]] != own.maps[word]
        advice = "give both the same labels" if differs else "remove one"
        yield f"is {same[0]!r} in another spelling; {advice}"
    base = rules.resolve(own.name)
    if base is not None and base.maps.get(word) == own.maps[word]:
        yield f"is in the service's own file of {base.name} with the same labels; remove it"


def _topics(labels: Labels) -> set[str]:
    return {label.partition(".")[0] for label in labels}


def _joined(labels: Labels) -> str:
    return "+".join(labels)


def _json(value: Any) -> Any:
    """The value as JSON: lists for tuples, sorted lists for sets, objects for models."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return value.model_dump() if hasattr(value, "model_dump") else value
