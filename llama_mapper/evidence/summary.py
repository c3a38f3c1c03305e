"""Counts of answers by control, label, detector, tenant and period; and controls without coverage.

In: answers, one after another, and the catalogue of the service. Out: a summary as JSON values.
Memory grows with the distinct combinations, not with the answers.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from llama_mapper.evidence.answers import Answer, Outcome


class Period(StrEnum):
    """A period in UTC; a week begins on Monday and has its ISO number."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def of(self, time: datetime) -> str:
        """The name of the period of a time: 2026-11-29, 2026-W48, 2026-11."""
        if self is Period.WEEK:
            year, week, _ = time.isocalendar()
            return f"{year}-W{week:02}"
        return time.strftime("%Y-%m-%d" if self is Period.DAY else "%Y-%m")


@dataclass(frozen=True, slots=True)
class Control:
    """A control of a framework, and the labels that touch it."""

    framework: str
    id: str
    title: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The service's controls, and the labels of each curated detector's vocabulary."""

    version: str
    controls: tuple[Control, ...]
    detectors: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, frameworks: Mapping[str, Any], detectors: Mapping[str, Any]) -> "Catalogue":
        """Read `/frameworks` and `/detectors`; raises KeyError for another shape."""
        controls = tuple(
            Control(one["name"], control["id"], control["title"], frozenset(control["labels"]))
            for one in frameworks["frameworks"]
            for control in one["controls"]
        )
        labels = {
            name: frozenset(one["labels"])
            for one in detectors["detectors"]
            for name in (one["detector"], *one["aliases"])
        }
        return cls(frameworks["version"], controls, labels)


@dataclass
class Summary:
    """The counts so far.

    cells: incidents by (period, tenant, detector, label). control_cells: incidents by (period,
    tenant, framework, control); one incident may touch several. versions: answers by (kind,
    version).
    """

    period: Period
    answers: int = 0
    rejected: int = 0
    first: datetime | None = None
    last: datetime | None = None
    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    by_label: Counter[str] = field(default_factory=Counter)
    control_cells: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    by_detector: defaultdict[str, Counter[Outcome]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    by_tenant: defaultdict[str, Counter[Outcome]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        period, outcome = self.period.of(answer.time), answer.outcome
        self.answers += 1
        self.first = min(self.first or answer.time, answer.time)
        self.last = max(self.last or answer.time, answer.time)
        self.outcomes[period, outcome] += 1
        self.by_detector[answer.detector][outcome] += 1
        self.by_tenant[answer.tenant][outcome] += 1
        self.versions.update(answer.versions.items())
        if outcome is Outcome.INCIDENT:
            self.by_label.update(answer.findings)
            self.control_cells.update(
                (period, answer.tenant, name, control)
                for name, ids in answer.controls.items()
                for control in ids
            )
            self.cells.update(
                (period, answer.tenant, answer.detector, label) for label in answer.findings
            )

    def total(self, outcome: Outcome) -> int:
        """The number of answers."""
        return sum(count for (_, one), count in self.outcomes.items() if one is outcome)

    def controls(self, catalogue: Catalogue) -> list[dict[str, Any]]:
        """Every control with its incidents, in all and by period and tenant, and the detectors of
        the answers that can touch it.

        Controls of answers that the catalogue lacks are last, without a title.
        """
        seen = {name: catalogue.detectors.get(name) for name in sorted(self.by_detector)}
        periods: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        tenants: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for (period, tenant, framework, id_), count in self.control_cells.items():
            periods[framework, id_][period] += count
            tenants[framework, id_][tenant] += count
        known = {(control.framework, control.id) for control in catalogue.controls}
        unlisted = [
            Control(framework, id_, "", frozenset())
            for framework, id_ in sorted(periods.keys() - known)
        ]
        return [
            {
                "framework": control.framework,
                "id": control.id,
                "title": control.title,
                "incidents": periods[control.framework, control.id].total(),
                "by_period": dict(sorted(periods[control.framework, control.id].items())),
                "by_tenant": dict(sorted(tenants[control.framework, control.id].items())),
                "detectors": [
                    name for name, labels in seen.items() if labels and labels & control.labels
                ],
            }
            for control in (*catalogue.controls, *unlisted)
        ]

    def data(self, catalogue: Catalogue) -> dict[str, Any]:
        """The summary as JSON values."""
        controls = self.controls(catalogue)
        periods = sorted({period for period, _ in self.outcomes})
        return {
            "answers": self.answers,
            "rejected": self.rejected,
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "period": self.period.value,
            "outcomes": {one.value: self.total(one) for one in Outcome},
            "by_period": [
                {"period": p, **{one.value: self.outcomes[p, one] for one in Outcome}}
                for p in periods
            ],
            "by_label": dict(self.by_label.most_common()),
            "by_detector": _by_outcome(self.by_detector),
            "by_tenant": _by_outcome(self.by_tenant),
            "by_control": controls,
            "not_covered": [
                {key: one[key] for key in ("framework", "id", "title")}
                for one in controls
                if not one["detectors"]
            ],
            "detectors_not_curated": [
                name for name in sorted(self.by_detector) if name not in catalogue.detectors
            ],
            "versions": _versions(self.versions, {"frameworks_of_the_service": catalogue.version}),
        }


def _by_outcome(counts: Mapping[str, Counter[Outcome]]) -> dict[str, dict[str, int]]:
    return {
        name: {one.value: found[one] for one in Outcome} for name, found in sorted(counts.items())
    }


def _versions(
    counts: Mapping[tuple[str, str], int], others: Mapping[str, str]
) -> dict[str, Sequence[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind, version in sorted(counts):
        found[kind].append(version)
    return {**found, **{kind: [version] for kind, version in others.items()}}
