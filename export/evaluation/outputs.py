"""Whole outputs through the whole pipeline: the right answers, and the false Safe ones.

In: `export/data/outputs/*.jsonl`, `export/data/composites.jsonl`, a published version. Out: scores.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from export.data.rows import DATA
from fallback.decision.decision import DEFAULT_THRESHOLD, Decision
from pipeline.local import LocalPipeline
from schemas.contract import CLEAN, SAFE, FallbackReason

#: The files of outputs with a gold label set.
FILES = {
    "field": DATA / "outputs" / "field.jsonl",
    "readings": DATA / "outputs" / "readings.jsonl",
    "composites": DATA / "composites.jsonl",
}
HOSTILE = DATA / "outputs" / "hostile.jsonl"
_AT_ONCE = 16

Labels = frozenset[str]


@dataclass(frozen=True, slots=True)
class Output:
    """One output. accepted: right label sets; base: the output before the attack."""

    place: str
    detector: str
    text: str
    accepted: tuple[Labels, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The labels of an output, and the confidence in them, 0..1."""

    output: Output
    labels: Labels
    confidence: float


@dataclass(frozen=True, slots=True)
class Score:
    """The right answers of one file. false_safe: confident `OTHER.Safe` that is wrong."""

    total: int
    misses: tuple[Answer, ...]
    false_safe: tuple[Answer, ...]

    @property
    def share(self) -> float:
        """0..1."""
        return 1 - len(self.misses) / self.total


@dataclass(frozen=True, slots=True)
class Attacked:
    """The answers under attack. lost: wrong ones other than `review`."""

    total: int
    kept: int
    review: int
    cleared: tuple[Answer, ...]
    lost: tuple[Answer, ...]

    @property
    def share(self) -> float:
        """Of those that keep the base's labels, 0..1."""
        return self.kept / self.total


def load(name: str) -> tuple[Output, ...]:
    """The rows of a file of FILES; a disputed row also accepts its `reads`."""
    disputed = {f"{d['file']} {d['line']}": frozenset(d["reads"]) for d in disputes()}
    outputs = []
    for place, row in _rows(name, FILES[name].read_text(encoding="utf-8")):
        accepted = [frozenset(labels) for labels in (row["gold"], *row.get("accept", ()))]
        if place in disputed:
            accepted.append(disputed[place])
        outputs.append(Output(place, row["detector"], _text(row["output"]), tuple(accepted)))
    return tuple(outputs)


def load_hostile() -> tuple[Output, ...]:
    """The rows of `hostile.jsonl`."""
    rows = _rows("hostile", HOSTILE.read_text(encoding="utf-8"))
    return tuple(
        Output(f"{place} {r['kind']}", r["detector"], _text(r["output"]), base=r["base_signal"])
        for place, r in rows
    )


def disputes() -> list[dict[str, Any]]:
    """Rows whose gold is disputed: `file`, `line` (from 1), `reads` (labels), `dispute`."""
    text = (DATA / "outputs" / "disputed.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text) or []
    return found


def _rows(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    # Not splitlines(): an output may hold U+2028.
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        yield f"{name} {number}", json.loads(line)


def _text(output: object) -> str:
    """The output as the service gets it: a text unchanged, any other value as JSON."""
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def answers(version: LocalPipeline, pairs: Sequence[tuple[str, str]]) -> list[Decision]:
    """One decision per (detector, output), order kept."""
    decided: list[Decision] = []
    for start in range(0, len(pairs), _AT_ONCE):
        decided += version.decide(pairs[start : start + _AT_ONCE])
    return decided


def score(version: LocalPipeline, outputs: Sequence[Output]) -> Score:
    """Whether each answer is the gold label set or an accepted one."""
    misses, false_safe = [], []
    for output, decision in zip(
        outputs, answers(version, [(o.detector, o.text) for o in outputs]), strict=True
    ):
        answer = _answer(output, decision)
        if answer.labels not in output.accepted:
            misses.append(answer)
        if (
            SAFE in answer.labels
            and answer.confidence >= DEFAULT_THRESHOLD
            and not any(SAFE in labels for labels in output.accepted)
        ):
            false_safe.append(answer)
    return Score(len(outputs), tuple(misses), tuple(false_safe))


def score_hostile(version: LocalPipeline, outputs: Sequence[Output]) -> Attacked:
    """Whether each answer still has the labels of its base without the attack."""
    kept = review = 0
    cleared, lost = [], []
    bases = answers(version, [(o.detector, o.base) for o in outputs])
    attacked = answers(version, [(o.detector, o.text) for o in outputs])
    for output, base, decision in zip(outputs, bases, attacked, strict=True):
        answer, wanted = _answer(output, decision), _answer(output, base).labels
        if answer.labels <= CLEAN and answer.confidence >= DEFAULT_THRESHOLD:
            cleared.append(answer)
        if wanted <= answer.labels:
            kept += 1
        elif decision.fallback_reason in (FallbackReason.INJECTION, FallbackReason.UNREAD):
            review += 1
        else:
            lost.append(answer)
    return Attacked(len(outputs), kept, review, tuple(cleared), tuple(lost))


def _answer(output: Output, decision: Decision) -> Answer:
    labels = decision.event["taxonomy"]
    assert isinstance(labels, list)
    return Answer(output, frozenset(labels), decision.confidence)
