"""Drift of a detector's items: the last two days compared with the week before them.

In: counts by detector and day. Out: shares, the test, and its result; the same as Prometheus' rules
(`slo/drift.py`), on days in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from client_api.review.days import DAY_S, Day
from schemas.slo import Drift, Outcome

#: Today, which may have few items, and yesterday.
WINDOW_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Share:
    """An outcome's share of the items, in the window and in the reference; None without items.

    chi_square: the test of the two; drifted: whether the share rose by the limits of the alert.
    """

    share: float | None
    reference: float | None
    chi_square: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class DetectorDrift:
    """A detector's items in the window and in the reference, and each day's. days: since 1970."""

    detector: str
    window: Day
    reference: Day
    shares: Mapping[Outcome, Share]
    days: Mapping[int, Day]

    @property
    def drifted(self) -> bool:
        """Whether a share drifted."""
        return any(share.drifted for share in self.shares.values())


def first_day(rule: Drift, today: int) -> int:
    """The first day of the reference."""
    return today - WINDOW_DAYS + 1 - rule.reference.seconds // DAY_S


def judge(
    detectors: Mapping[str, Mapping[int, Day]], rule: Drift, today: int
) -> list[DetectorDrift]:
    """The detectors with items: those that drifted first, then the most frequent."""
    begin = today - WINDOW_DAYS + 1
    found = []
    for name, days in detectors.items():
        window, reference = Day(), Day()
        for day, counts in days.items():
            (window if day >= begin else reference).add(counts)
        if window.items or reference.items:
            shares = {outcome: _share(outcome, window, reference, rule) for outcome in Outcome}
            found.append(DetectorDrift(name, window, reference, shares, days))
    return sorted(found, key=lambda one: (not one.drifted, -one.window.items, one.detector))


def chi_square(a: int, n: int, b: int, m: int) -> float:
    """Pearson's chi-square with Yates' correction for `a` of `n` and `b` of `m`; 0 if it is not
    defined: one group is empty, or all items are equal."""
    both, found = n + m, a + b
    product = n * m * found * (both - found)
    apart = max(abs(a * m - b * n) - both / 2, 0)
    return both * apart**2 / product if product else 0.0


def _share(outcome: Outcome, window: Day, reference: Day, rule: Drift) -> Share:
    a, n, b, m = (
        window.outcomes[outcome],
        window.items,
        reference.outcomes[outcome],
        reference.items,
    )
    tested = chi_square(a, n, b, m)
    drifted = (
        min(n, m) >= rule.items and a / n > b / m + rule.points / 100 and tested > rule.chi_square
    )
    return Share(a / n if n else None, b / m if m else None, tested, drifted)
