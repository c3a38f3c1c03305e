"""The report of a run.

In: tallies of blocks and the answers. Out: a report as JSON values: rows by label, detector and
period, sources, confidence, unknown words, unread places, outputs to review, and what changed
against an earlier report.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama_mapper.bulk.pairs import OPEN, SHOWN_CHARS, Answer, Answers, Gaps, Pair
from llama_mapper.bulk.streams import UsageError
from llama_mapper.bulk.work import Tally

Report = dict[str, Any]

#: Answers with less confidence need a review, as below the service's own threshold.
_UNSURE = 0.6
#: Entries of a list.
_MOST_SHOWN = 100


@dataclass(slots=True)
class _Ranking:
    """The gaps of a run, each by its detector and text."""

    _words: Counter[tuple[str, str]] = field(default_factory=Counter)
    _places: Counter[tuple[str, str]] = field(default_factory=Counter)
    _example: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, detector: str, output: str, gaps: Gaps, rows: int) -> None:
        """Count the rows of an output."""
        for word in gaps.words:
            self._words[detector, word] += rows
        for place in gaps.places:
            self._places[detector, place] += rows
            self._example.setdefault((detector, place), output[:SHOWN_CHARS])

    def words(self) -> list[dict[str, Any]]:
        """`detector`, `word` and `rows` of the unknown words, the most frequent first."""
        return [{"detector": d, "word": word, "rows": n} for (d, word), n in _first(self._words)]

    def places(self) -> list[dict[str, Any]]:
        """`detector`, `place`, `rows` and an `example` of the unread places, likewise."""
        return [
            {"detector": d, "place": place, "rows": n, "example": self._example[d, place]}
            for (d, place), n in _first(self._places)
        ]


def make_report(
    tallies: Iterable[Tally], answers: Answers, earlier: Mapping[str, Any] | None
) -> Report:
    """The report of a run. earlier: another one, to compare with."""
    rows: Counter[tuple[str, int]] = Counter()
    totals: Counter[str] = Counter()
    for tally in tallies:
        totals.update(mapped=tally["mapped"], bad=tally["bad"])
        rows.update({(period, number): n for period, number, n in tally["pairs"]})
    by_number = {answer.number: (pair, answer) for pair, answer in answers.items()}
    labels: Counter[str] = Counter()
    by_detector: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_period: defaultdict[str, Counter[str]] = defaultdict(Counter)
    detectors, sources, reasons = Counter[str](), Counter[str](), Counter[str]()
    confidence: Counter[int] = Counter()
    versions: list[Any] = []
    review, ranking = Counter[int](), _Ranking()
    for (period, number), count in rows.items():
        (detector, output, _), answer = by_number[number]
        event = answer.event
        if event is None:
            continue
        detectors[detector] += count
        sources[event["source"]] += count
        if event["fallback_reason"]:
            reasons[event["fallback_reason"]] += count
        confidence[min(int(event["confidence"] * 10), 9)] += count
        for label in event["taxonomy"]:
            labels[label] += count
            by_detector[detector][label] += count
            by_period[period][label] += count
        if event["version_info"] not in versions:
            versions.append(event["version_info"])
        if event["confidence"] < _UNSURE or not OPEN.isdisjoint(event["taxonomy"]):
            review[number] += count
        ranking.add(detector, output, answer.gaps, count)
    report: Report = {
        "rows": totals["mapped"] + totals["bad"],
        "mapped": totals["mapped"],
        "bad": totals["bad"],
        "distinct": len({number for _, number in rows}),
        "versions": versions,
        "labels": _ranked(labels),
        "detectors": {
            name: {"rows": n, "labels": _ranked(by_detector[name])}
            for name, n in detectors.most_common()
        },
        "periods": {p: _ranked(by_period[p]) for p in sorted(by_period) if p},
        "sources": _ranked(sources),
        "fallback_reasons": _ranked(reasons),
        "confidence": [
            {"from": step / 10, "to": (step + 1) / 10, "rows": confidence[step]}
            for step in range(10)
        ],
        "unknown_words": ranking.words(),
        "unread_places": ranking.places(),
        "review": [_shown(*by_number[number], n) for number, n in review.most_common(_MOST_SHOWN)],
    }
    if earlier is not None:
        report["changes"] = _changes(labels, report["mapped"], earlier)
    return report


def read_report(file: Path) -> Report:
    """A report that a run wrote. Raises UsageError for anything else, OSError."""
    try:
        report: Report = json.loads(file.read_bytes())
        report["mapped"], report["labels"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is not the .report.json of a run") from None
    return report


def _shown(pair: Pair, answer: Answer, rows: int) -> dict[str, Any]:
    event = answer.event or {}
    return {
        "detector": pair[0],
        "output": pair[1][:SHOWN_CHARS],
        "rows": rows,
        "taxonomy": event["taxonomy"],
        "confidence": event["confidence"],
        "fallback_reason": event["fallback_reason"],
    }


def _changes(labels: Counter[str], mapped: int, earlier: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Labels whose share of rows differs, the most different first."""
    before, all_before = earlier["labels"], earlier["mapped"]
    found = [
        {
            "label": label,
            "rows_before": before.get(label, 0),
            "rows": labels[label],
            "share_before": round(before.get(label, 0) / max(all_before, 1), 4),
            "share": round(labels[label] / max(mapped, 1), 4),
        }
        for label in labels | before
    ]
    changed = [one for one in found if one["share"] != one["share_before"]]
    return sorted(changed, key=lambda one: -abs(one["share"] - one["share_before"]))


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _first(counts: Counter[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_MOST_SHOWN]
