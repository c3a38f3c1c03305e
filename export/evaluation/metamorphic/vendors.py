"""Suite h: outputs of vendors without a detector file, in the structures that tools use.

In: a source of choices (`random.Random`, or hypothesis's). Out: variants of which every flagged
label must be read and none of the others. Labels are invented; the keys of containers too.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from export.evaluation.metamorphic.cases import Seen
from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.signal import Verdict
from schemas.text import normalise

DETECTOR = "a-vendor-without-a-file"
#: Outputs of a whole run.
OUTPUTS = 4000
_SYLLABLES = ("bal", "dor", "fen", "gor", "kel", "lum", "mip", "nax", "pril", "quo", "rud", "sev",
              "tov", "vex", "wim", "zar")  # fmt: skip
_NAME_KEYS = (
    "label",
    "category",
    "name",
    "type",
    "class",
    "rule",
    "policy",
    "threat",
    "entity_type",
)
_SCORE_KEYS = ("score", "confidence", "probability", "risk_score")
_FLAG_KEYS = ("flagged", "detected", "triggered", "violated", "matched")
_GRADE_KEYS = ("severity", "risk_level", "level")
_LIST_KEYS = (
    "categories",
    "violations",
    "labels",
    "rules",
    "policies",
    "reasons",
    "tags",
    "threats",
)
_DECISION_KEYS = ("flagged", "violation", "is_flagged", "blocked")


@dataclass(frozen=True, slots=True)
class Labels:
    """Invented labels of one output."""

    flagged: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both kinds, mixed, the same way every time."""
        return tuple(sorted(self.flagged + self.others))


Structure = Callable[[random.Random, Labels], Any]


def variants(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """OUTPUTS generated outputs, all structures equally often."""
    structures = list(STRUCTURES)
    for number in range(OUTPUTS):
        if sample.takes(number):
            kind = structures[number % len(structures)]
            yield vendor(random.Random(number), kind)


def vendor(choose: random.Random, kind: str) -> Variant:
    """One output of the structure of that name."""
    labels = _labels(choose)
    output = STRUCTURES[kind](choose, labels)
    text = output if isinstance(output, str) else json.dumps(output)
    flagged = frozenset(map(normalise, labels.flagged))
    return Variant(
        kind,
        f"{kind}, flagged {sorted(labels.flagged)}",
        DETECTOR,
        text,
        lambda seen: _right(seen, flagged),
        harmful=bool(flagged),
    )


def _right(seen: Seen, flagged: frozenset[str]) -> bool:
    """Every flagged label and none other; without one nothing found, or unread."""
    if not flagged:
        return seen.verdict in (Verdict.NOTHING_FOUND, Verdict.UNREAD, Verdict.EMPTY)
    return frozenset(map(normalise, seen.names)) == flagged


def _labels(choose: random.Random) -> Labels:
    sign = choose.choice(("_", " ", "-", "/"))
    words: list[str] = []
    while len(words) < 5:
        word = sign.join(_word(choose) for _ in range(choose.choice((1, 2, 2, 3))))
        if word not in words:
            words.append(word)
    if choose.choice((False, False, True)):
        words = [word.upper() for word in words]
    count = choose.choice((0, 1, 1, 2, 3))
    return Labels(tuple(words[:count]), tuple(words[count : count + choose.choice((1, 2))]))


def _word(choose: random.Random) -> str:
    return choose.choice(_SYLLABLES) + choose.choice(_SYLLABLES)


def _key(choose: random.Random) -> str:
    """The key of a container, which does not describe its content."""
    word = _word(choose)
    return choose.choice((word, f"{word}_{_word(choose)}", word + _word(choose).title()))


def _high(choose: random.Random) -> float:
    return choose.randint(62, 99) / 100


def _low(choose: random.Random) -> float:
    return choose.randint(0, 35) / 100


def _map(
    choose: random.Random, labels: Labels, over: Callable[[], Any], under: Callable[[], Any]
) -> Any:
    values = {label: over() if label in labels.flagged else under() for label in labels.all}
    return _placed(choose, values)


def _placed(choose: random.Random, value: Any) -> Any:
    """The value at the top, under a key, or under two; beside ids and times."""
    where = choose.choice(("key", "key", "deep", "bookkeeping"))
    inner = {_key(choose): value}
    if where == "deep":
        return {_key(choose): inner}
    if where == "bookkeeping":
        return {"request_id": "7c1f6f0e-7a50-4f7e-9d5b-0f6f6a1b2c3d", "latency_ms": 41} | inner
    return inner


def _list_of_names(choose: random.Random, labels: Labels) -> Any:
    names = {choose.choice(_LIST_KEYS): list(labels.flagged)}
    return {choose.choice(_DECISION_KEYS): bool(labels.flagged)} | (
        names if choose.choice((True, False)) else {_key(choose): names}
    )


def _map_of_flags(choose: random.Random, labels: Labels) -> Any:
    return _map(choose, labels, lambda: True, lambda: False)


def _map_of_scores(choose: random.Random, labels: Labels) -> Any:
    return _map(choose, labels, lambda: _high(choose), lambda: _low(choose))


def _map_of_grades(choose: random.Random, labels: Labels) -> Any:
    over = lambda: choose.choice(("high", "HIGH", "medium", "critical"))  # noqa: E731
    return _map(choose, labels, over, lambda: choose.choice(("none", "NONE", "safe")))


def _map_of_records(choose: random.Random, labels: Labels) -> Any:
    flag, score = choose.choice(_FLAG_KEYS), choose.choice(_SCORE_KEYS)
    return _map(
        choose,
        labels,
        lambda: {flag: True, score: _high(choose)},
        lambda: {flag: False, score: _low(choose)},
    )


def _two_maps(choose: random.Random, labels: Labels) -> Any:
    flags = {label: label in labels.flagged for label in labels.all}
    scores = {x: _high(choose) if flag else _low(choose) for x, flag in flags.items()}
    return {"flagged": bool(labels.flagged), "categories": flags, "category_scores": scores}


def _records(values: Mapping[str, Callable[[random.Random, bool], Any]]) -> Structure:
    """A list of entries, each with a name and the given values; keys are the same in all."""

    def build(choose: random.Random, labels: Labels) -> Any:
        name = choose.choice(_NAME_KEYS)
        keys = {what: choose.choice(_KEYS[what]) for what in values}
        entries = [
            {name: x} | {keys[w]: make(choose, x in labels.flagged) for w, make in values.items()}
            for x in labels.all
        ]
        return entries if choose.choice((True, False)) else _placed(choose, entries)

    return build


_KEYS = {"score": _SCORE_KEYS, "flag": _FLAG_KEYS, "grade": _GRADE_KEYS}
_MAKE: dict[str, Callable[[random.Random, bool], Any]] = {
    "score": lambda choose, over: _high(choose) if over else _low(choose),
    "flag": lambda _, over: over,
    "grade": lambda choose, over: choose.choice(("high", "medium")) if over else "none",
}


def _findings(choose: random.Random, labels: Labels) -> Any:
    name, score = choose.choice(_NAME_KEYS), choose.choice(_SCORE_KEYS)
    found = [{name: x, score: _high(choose), "start": 3, "end": 9} for x in labels.flagged]
    return {choose.choice(("findings", "matches", "detections", "violations")): found}


def _parallel(choose: random.Random, labels: Labels) -> Any:
    scores = [_high(choose) if x in labels.flagged else _low(choose) for x in labels.all]
    lists = {choose.choice(("labels", "categories")): list(labels.all), "scores": scores}
    return lists if choose.choice((True, False)) else {_key(choose): lists}


def _tree(choose: random.Random, labels: Labels) -> Any:
    """Labels below groups whose names have no meaning."""
    groups: dict[str, dict[str, Any]] = {_key(choose): {}, _key(choose): {}}
    for label in labels.all:
        groups[choose.choice(sorted(groups))][label] = label in labels.flagged
    return {_key(choose): groups}


def _chosen(choose: random.Random, labels: Labels) -> Any:
    """The classes that the tool chose, each with its score."""
    name, score = choose.choice(_NAME_KEYS), choose.choice(_SCORE_KEYS)
    if not labels.flagged:
        return {name: "safe", score: _high(choose)}
    return [{name: label, score: _high(choose)} for label in labels.flagged]


def _lines(choose: random.Random, labels: Labels) -> Any:
    say: Callable[[bool], str] = choose.choice(
        (
            lambda over: "true" if over else "false",
            lambda over: "yes" if over else "no",
            lambda over: f"{_high(choose) if over else _low(choose)}",
            lambda over: "detected" if over else "not detected",
        )
    )
    return "\n".join(f"{label}: {say(label in labels.flagged)}" for label in labels.all)


def _sentence(choose: random.Random, labels: Labels) -> Any:
    joined = ", ".join(labels.flagged)
    if not labels.flagged:
        return choose.choice(("No violations found.", "Nothing was detected.", "Verdict: safe"))
    return choose.choice(
        (
            f"Verdict: unsafe\nCategories: {joined}",
            f"Categories: {joined}",
            f"unsafe\n{joined}",
            f"Violations: {joined}",
        )
    )


STRUCTURES: dict[str, Structure] = {
    "list of names under a decision": _list_of_names,
    "map to flags": _map_of_flags,
    "map to scores": _map_of_scores,
    "map to grades": _map_of_grades,
    "map to records": _map_of_records,
    "maps of flags and scores": _two_maps,
    "entries with scores": _records({"score": _MAKE["score"]}),
    "entries with flags": _records({"flag": _MAKE["flag"]}),
    "entries with grades": _records({"grade": _MAKE["grade"]}),
    "entries with flags and scores": _records({"flag": _MAKE["flag"], "score": _MAKE["score"]}),
    "list of findings": _findings,
    "parallel lists": _parallel,
    "tree": _tree,
    "chosen classes": _chosen,
    "lines": _lines,
    "sentence": _sentence,
}
