"""What a panel of the dashboard is, and the queries that many panels are made of.

Knows nothing of Grafana's JSON. `$job` is the facade's job and `$triton_job` Triton's, as they may
be scraped apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FACADE: Final = 'job=~"$job"'
TRITON: Final = 'job=~"$triton_job"'
RATE: Final = "[$__rate_interval]"
SECONDS: Final = "mapper_request_duration_seconds"


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names each series, `{{label}}` standing for the label's value."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """steps: (from this value on, colour), ascending; a panel with steps shows its last values,
    one without shows them over time. unit: Grafana's name. width: of 24.
    """

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    width: int = 12
    steps: Sequence[tuple[float | None, str]] = ()


@dataclass(frozen=True, slots=True)
class RowSpec:
    """Panels under one heading."""

    title: str
    panels: Sequence[PanelSpec]


def rate_by(metric: str, label: str) -> Query:
    """Events per second of a facade's counter, by a label."""
    return Query(f"sum by ({label}) (rate({metric}{{{FACADE}}}{RATE}))", f"{{{{{label}}}}}")


def quantile(q: float, metric: str) -> Query:
    """A quantile of a facade's histogram."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{FACADE}}}{RATE}))"
    return Query(f"histogram_quantile({q}, {buckets})", f"p{round(100 * q)}")
