"""The facade's metrics as traffic would leave them, in promtool's notation.

In: phases, each with shares of what goes wrong. Out: series by name, counters all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Upper edges of the histogram's buckets that matter here.
EDGES = (0.1, 0.12, 0.175, 0.2, 0.225, 0.25, 0.3)


@dataclass(frozen=True)
class Phase:
    """A stretch of steady traffic.

    errors, fallbacks: shares of the items; invalid: of the candidates. took: shares of the items
    by the upper edge of their bucket; the rest took at most 0.1 s.
    """

    seconds: int
    per_minute: float = 6000
    errors: float = 0.0
    invalid: float = 0.0
    fallbacks: float = 0.0
    took: Mapping[float, float] = field(default_factory=dict)

    def within(self, edge: float) -> float:
        """The share of the items that took at most `edge` seconds."""
        return 1 - sum(share for upper, share in self.took.items() if upper > edge)


def series(
    phases: Sequence[Phase], scrape_s: int = 60, detector: str = "other", **target: str
) -> dict[str, str]:
    """The facade's counters over all phases, each a whole number of scrapes long."""
    labels = {"job": "mapper"} | target | {"detector": detector}
    shares = {
        _name("mapper_requests_total", labels, status="success"): [1 - p.errors for p in phases],
        _name("mapper_requests_total", labels, status="error"): [p.errors for p in phases],
        _name("mapper_schema_validation_total", labels, valid="true"): [
            1 - p.invalid for p in phases
        ],
        _name("mapper_schema_validation_total", labels, valid="false"): [p.invalid for p in phases],
        _name("mapper_fallback_total", labels, reason="low_confidence"): [
            p.fallbacks for p in phases
        ],
        _name("mapper_request_duration_seconds_count", labels): [1.0 for _ in phases],
        _name("mapper_request_duration_seconds_bucket", labels, le="+Inf"): [1.0 for _ in phases],
    }
    for edge in EDGES:
        name = _name("mapper_request_duration_seconds_bucket", labels, le=f"{edge:g}")
        shares[name] = [p.within(edge) for p in phases]
    return {name: _counter(phases, share, scrape_s) for name, share in shares.items()}


def _counter(phases: Sequence[Phase], shares: Sequence[float], scrape_s: int) -> str:
    total, parts = 0.0, ["0"]
    for phase, share in zip(phases, shares, strict=True):
        scrapes, rest = divmod(phase.seconds, scrape_s)
        assert rest == 0, f"{phase.seconds} s are no whole number of scrapes"
        step = round(phase.per_minute * share * scrape_s / 60, 6)
        # `a+bxn` is n + 1 values; the first of a phase is a step beyond the last one before it.
        parts.append(f"{total + step:.6f}+{step:.6f}x{scrapes - 1}")
        total += step * scrapes
    return " ".join(parts)


def _name(metric: str, labels: Mapping[str, str], **more: str) -> str:
    chosen = ", ".join(f'{name}="{value}"' for name, value in {**labels, **more}.items())
    return f"{metric}{{{chosen}}}"
