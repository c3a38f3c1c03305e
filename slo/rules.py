"""The Prometheus rule file of a profile.

In: `schemas/slo.yaml`. Out: the text of the file that the chart ships. The rules need 30 days of
history for their longest window: Prometheus keeps 15 unless told otherwise.
"""

from schemas.slo import LatencyGoal, Profile, Slo
from slo import alerts, drift, records
from slo.rule import Group, render
from slo.sli import INTERVAL_S


def rule_file(slo: Slo, profile: Profile) -> str:
    """All rules of one profile."""
    goal = slo.profiles[profile]
    head = (
        "Generated from schemas/slo.yaml by `python -m slo.generate`; edit that file.\n"
        f"{slo.owner}; effective {slo.effective}; reviewed {slo.review}.\n"
        f"Profile {profile}: latency p95 at most {goal.seconds * 1000:g} ms"
        f"{', informative' if goal.informative else ''}."
    )
    recorded = [*records.groups(slo, goal), *drift.records(slo)]
    return render([*recorded, *alert_groups(slo, goal)], INTERVAL_S, head)


def alert_groups(slo: Slo, goal: LatencyGoal) -> list[Group]:
    """All alerts."""
    return [*alerts.groups(slo, goal), drift.alerts(slo)]
