"""The cost of reading: CPU time of ordinary outputs, and of generated slow outputs of 64 KB.

In: the declared examples, generated texts. Out: milliseconds of CPU in the reader alone.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from export.evaluation.metamorphic.cases import NOBODY, all_cases
from pipeline.steps import load_pipeline

#: The largest output that the service takes by default, in bytes.
LARGEST = 65_536
_ROUNDS = 3


def _fill(unit: str) -> str:
    return (unit * (LARGEST // len(unit.encode()) + 1)).encode()[:LARGEST].decode(errors="ignore")


def _numbered(unit: str, before: str = "", after: str = "", between: str = ",") -> str:
    """As many numbered units as fit."""
    count = LARGEST // (len(unit.format(9_999)) + len(between))
    return before + between.join(unit.format(n) for n in range(count)) + after


#: The slowest outputs of 64 KB that a caller may send. {} is a running number.
WORST: dict[str, Callable[[], str]] = {
    "brackets": lambda: _fill("["),
    "nested objects": lambda: '{"a":' * 9_000 + "1" + "}" * 9_000,
    "one word": lambda: _fill("a"),
    "words": lambda: _fill("hate and violence "),
    "blanks in a label": lambda: "hate" + " " * (LARGEST - 8) + "x",
    "masks and blanks": lambda: "[ab] " * 3_000 + "a" * 20_000 + " " * 25_000 + "x",
    "quotes": lambda: _fill('"'),
    "open tags": lambda: _fill("<a>"),
    "template tokens": lambda: _fill("<|im_end|>"),
    "fences": lambda: _fill("```\n"),
    "labels in lines": lambda: _numbered("label {}", between="\n"),
    "scored lines": lambda: _numbered("label {}: 0.9", between="\n"),
    "joined labels": lambda: _numbered("label {}", between=", "),
    "map to flags": lambda: _numbered('"label {}": true', "{", "}"),
    "map to scores": lambda: _numbered('"label {}": 0.91', "{", "}"),
    "findings": lambda: _numbered('{{"label": "label {}", "score": 0.9}}', "[", "]"),
    "numbers": lambda: _numbered("{}", "[", "]"),
    "repr": lambda: _numbered("Hit(name='label {}', score=0.9)", "[", "]"),
    "YAML": lambda: _numbered("- label: label {}\n  score: 0.9", between="\n"),
    "JSON lines": lambda: _numbered('{{"label": "label {}", "score": 0.9}}', between="\n"),
    "strings in strings": lambda: _nested(LARGEST),
}


def _nested(limit: int) -> str:
    text = json.dumps({"label": "hate", "flagged": True})
    while len(quoted := json.dumps({"body": text})) <= limit:
        text = quoted
    return text


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of CPU. ordinary: of each example. worst: of each generated output."""

    ordinary: tuple[float, ...]
    worst: dict[str, float]

    @property
    def median(self) -> float:
        """Of the ordinary outputs."""
        return statistics.median(self.ordinary)

    @property
    def percentile_95(self) -> float:
        """Of the ordinary outputs."""
        return statistics.quantiles(self.ordinary, n=20)[-1]


def measure() -> Times:
    """Each output read a few times; the fastest counts, so that other load does not."""
    cases = all_cases()
    for case in cases:
        load_pipeline().read(case.detector, case.example.text)  # loads the rules and formats
    ordinary = tuple(_cost(case.detector, case.example.text) for case in cases)
    return Times(ordinary, {kind: _cost(NOBODY, make()) for kind, make in WORST.items()})


def _cost(detector: str, output: str) -> float:
    read = load_pipeline().read
    costs = []
    for _ in range(_ROUNDS):
        started = time.process_time_ns()
        read(detector, output)
        costs.append((time.process_time_ns() - started) / 1e6)
    return min(costs)
