"""Outcomes of items by detector and day, in memory and in the database.

In: items and their decisions. Out: counts. Outputs are not stored.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from client_api.mapping.gateway import Item
from client_api.review.ledger import of_tenant
from client_api.review.schema import days, words
from fallback.decision.decision import Decision
from fallback.rules.normalise import detector_key
from schemas.contract import FallbackReason
from schemas.slo import Outcome

DAY_S: Final = 86_400
#: Days that are kept.
_KEPT: Final = 35


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcomes of one item; most items have none."""

    tenant: str | None
    detector: str
    outcomes: tuple[Outcome, ...]


def answered(item: Item, decision: Decision) -> Answered:
    """The outcomes of an item, as in the metrics of the same names."""
    reason = decision.fallback_reason
    told = {
        Outcome.UNKNOWN: decision.unknown,
        Outcome.LOW_CONFIDENCE: reason is FallbackReason.LOW_CONFIDENCE,
        Outcome.OVERRIDDEN: decision.overridden,
        Outcome.UNREAD: reason is FallbackReason.UNREAD,
    }
    return Answered(
        item.tenant, item.detector, tuple(outcome for outcome, is_so in told.items() if is_so)
    )


@dataclass(slots=True)
class DayTally:
    """A detector's items since the last write. detector: its name, or a digest of it."""

    tenant: str | None
    detector: str
    items: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))

    def add(self, item: Answered) -> None:
        """Count one more item."""
        self.items += 1
        for outcome in item.outcomes:
            self.outcomes[outcome] += 1


@dataclass(slots=True)
class Day:
    """A detector's items of a day, of the requested tenants. new_words: words that were first seen
    on that day, without those that were deleted since."""

    items: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    new_words: int = 0

    def add(self, other: "Day") -> None:
        """Add the counts of another day."""
        self.items += other.items
        self.new_words += other.new_words
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] += count


def add(
    connection: Connection,
    insert: Callable[..., Any],
    tallies: Mapping[str, DayTally],
    now: int,
    most: int,
) -> None:
    """Add counts to today's rows of these detectors, by their keys; delete rows beyond the limits.

    insert: of the dialect. now: seconds since 1970. most: rows that are kept; beyond it, the rows
    with the fewest items are deleted.
    """
    today = now // DAY_S
    rows = [
        {
            "key": hashlib.sha256(json.dumps([key, today]).encode()).hexdigest(),
            "tenant": tally.tenant,
            "detector": tally.detector,
            "day": today,
            "items": tally.items,
            **{outcome.value: count for outcome, count in tally.outcomes.items()},
        }
        # In one order, so that two processes never wait for each other.
        for key, tally in sorted(tallies.items())
    ]
    table = insert(days)
    counts = ("items", *(outcome.value for outcome in Outcome))
    added = {name: days.c[name] + table.excluded[name] for name in counts}
    connection.execute(table.on_conflict_do_update(index_elements=["key"], set_=added), rows)
    connection.execute(delete(days).where(days.c.day < today - _KEPT))
    beyond = connection.execute(select(func.count()).select_from(days)).scalar_one() - most
    if beyond > 0:
        least = select(days.c.key).order_by(days.c["items"], days.c.day).limit(beyond)
        connection.execute(delete(days).where(days.c.key.in_(least)))


def read(connection: Connection, tenant: str | None, since: int) -> dict[str, dict[int, Day]]:
    """The counts by detector and day (since 1970), from a day on. tenant: None for all tenants."""
    counts = [func.sum(days.c[name]) for name in ("items", *(o.value for o in Outcome))]
    asked = (
        select(days.c.detector, days.c.day, *counts)
        .where(of_tenant(tenant, days), days.c.day >= since)
        .group_by(days.c.detector, days.c.day)
        .order_by(days.c.day)
    )
    found = _ByDetector()
    for detector, day, items, *outcomes in connection.execute(asked):
        told = {o: int(count) for o, count in zip(Outcome, outcomes, strict=True)}
        found.add(detector, day, Day(int(items), told))
    first = (words.c.first_seen // DAY_S).label("first_day")
    fresh = (
        select(words.c.detector, first, func.count())
        .where(of_tenant(tenant), words.c.first_seen >= since * DAY_S, words.c.word != "")
        .group_by(words.c.detector, first.name)
    )
    for detector, day, count in connection.execute(fresh):
        found.add(detector, int(day), Day(new_words=int(count)))
    return {found.names[key]: of_detector for key, of_detector in found.days.items()}


class _ByDetector:
    """Days of detectors; spellings of a detector are merged under the first one."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.days: dict[str, dict[int, Day]] = {}

    def add(self, detector: str, day: int, counts: Day) -> None:
        key = detector_key(detector) or detector
        self.names.setdefault(key, detector)
        self.days.setdefault(key, {}).setdefault(day, Day()).add(counts)
