"""The service levels: objectives, alerts, burn rates and internal thresholds.

In: `slo.yaml`. Out: `Slo`, the source of the numbers in Prometheus rules, dashboard, docs and
`/metrics/alerts`.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Final, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.config.config_file import (
    ConfigModel,
    Count,
    Flag,
    Percent,
    Positive,
    Text,
    read_config,
    refuse,
)

DEFAULT_PATH: Final = Path(__file__).with_name("slo.yaml")

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9]\d*)([smhd])")


class Indicator(StrEnum):
    """The measured quantity of an objective."""

    LATENCY = "latency"
    SCHEMA_VALID = "schema_valid"
    FALLBACK = "fallback"
    AVAILABILITY = "availability"


class Severity(StrEnum):
    """The severity of an alert; `priority` is its paging priority."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def priority(self) -> str:
        return "P1" if self is Severity.CRITICAL else "P2"


class Profile(StrEnum):
    """The hardware of a deployment."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as Prometheus writes it."""

    text: str
    seconds: int

    def __str__(self) -> str:
        return self.text


def _span(value: object) -> Span:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse(problem=f"{value!r} is not a duration; write one as 30s, 5m, 1h or 3d")
    return Span(match[0], int(match[1]) * _UNITS[match[2]])


Duration = Annotated[Span, PlainValidator(_span)]


class LatencyGoal(ConfigModel):
    """latency_p95_ms: the highest allowed p95; informative: exceeding it raises no alert."""

    latency_p95_ms: Positive
    informative: Flag

    @property
    def seconds(self) -> float:
        return self.latency_p95_ms / 1000


class LevelAlert(ConfigModel):
    """Fires when the indicator is beyond `level` for `hold`; seconds for latency, else percent."""

    severity: Severity
    level: Positive
    hold: Duration = Field(alias="for")


class Objective(ConfigModel):
    """good_percent: the least share of good events; burns: the highest severity of burn alerts.

    indicator: the key of the objective in the file.
    """

    indicator: Indicator
    title: Text
    good_percent: Percent
    burns: Severity
    alerts: Annotated[tuple[LevelAlert, ...], Field(min_length=1)]

    @field_validator("good_percent")
    @classmethod
    def _leaves_a_budget(cls, value: float) -> float:
        if value == 100:
            raise refuse(problem="leaves no error budget; must be below 100")
        return value

    @field_validator("alerts")
    @classmethod
    def _levels(
        cls, alerts: tuple[LevelAlert, ...], info: ValidationInfo
    ) -> tuple[LevelAlert, ...]:
        """Latency from milliseconds to seconds; percentages are at most 100."""
        if info.data.get("indicator") is Indicator.LATENCY:
            return tuple(a.model_copy(update={"level": a.level / 1000}) for a in alerts)
        for index, alert in enumerate(alerts):
            if alert.level > 100:
                raise refuse(index, "level", problem=f"{alert.level:g} must be at most 100")
        return alerts

    @property
    def budget(self) -> float:
        """The share of events that may be bad, 0..1."""
        return round((100 - self.good_percent) / 100, 9)


class BurnRate(ConfigModel):
    """Fires while both windows spend the budget `rate` times as fast as the period allows."""

    rate: Positive
    long: Duration
    short: Duration
    severity: Severity

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if self.short.seconds >= self.long.seconds:
            raise refuse("short", problem=f"{self.short} must be shorter than {self.long}")
        return self

    def error_ratio(self, objective: Objective) -> float | None:
        """The share of bad events beyond which it fires; None where no share is that large."""
        ratio = round(self.rate * objective.budget, 9)
        return ratio if ratio < 1 else None


class Guards(ConfigModel):
    """events: the fewest in the first window for a level alert; errors: the fewest in the long
    window for a burn alert; absent: the longest time without metrics.
    """

    events: Count
    errors: Count
    absent: Duration


class Outcome(StrEnum):
    """Outcomes of a detector's item that are tested for drift; most items have none."""

    UNKNOWN = "unknown"
    LOW_CONFIDENCE = "low_confidence"
    OVERRIDDEN = "overridden"
    UNREAD = "unread"


class Drift(ConfigModel):
    """window, reference: the compared spans, the reference before the window. items: the fewest in
    each; points: the least rise of a share, in percentage points; p: the significance of the test.
    """

    window: Duration
    reference: Duration
    items: Count
    points: Percent
    p: Positive
    hold: Duration = Field(alias="for")

    @field_validator("p")
    @classmethod
    def _is_a_probability(cls, value: float) -> float:
        if value >= 1:
            raise refuse(problem=f"{value:g} is not a significance level; must be below 1")
        return value

    @property
    def chi_square(self) -> float:
        """The critical value of the chi-square distribution with one degree of freedom: that of a
        squared normal variable."""
        return NormalDist().inv_cdf(1 - self.p / 2) ** 2


class Internal(ConfigModel):
    """The looser thresholds of `/metrics/alerts`; percent, milliseconds."""

    schema_valid_min: Percent
    fallback_max: Percent
    latency_p95_max_ms: Positive


class Links(ConfigModel):
    """Addresses in the annotations of alerts."""

    runbook: Text
    dashboard: Text


def _with_indicators(objectives: object) -> object:
    if not isinstance(objectives, dict):
        return objectives
    return {
        name: item | {"indicator": name} if isinstance(item, dict) else item
        for name, item in objectives.items()
    }


class Slo(ConfigModel):
    """The whole document."""

    service: Text
    owner: Text
    effective: date
    review: Text
    period: Duration
    profiles: dict[Profile, LatencyGoal]
    objectives: Annotated[dict[Indicator, Objective], BeforeValidator(_with_indicators)]
    windows: Annotated[tuple[Duration, ...], Field(min_length=1)]
    burn_rates: Annotated[tuple[BurnRate, ...], Field(min_length=1)]
    guards: Guards
    drift: Drift
    internal: Internal
    links: Links

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for key, names, items in (
            ("profiles", Profile, self.profiles),
            ("objectives", Indicator, self.objectives),
        ):
            for name in names:
                if name not in items:
                    raise refuse(key, name.value, problem="is missing")
        return self

    @model_validator(mode="after")
    def _windows_are_recorded(self) -> Self:
        needed: dict[tuple[str | int, ...], Span] = {("period",): self.period}
        for index, burn in enumerate(self.burn_rates):
            needed |= {("burn_rates", index, "long"): burn.long}
            needed |= {("burn_rates", index, "short"): burn.short}
        for place, span in needed.items():
            if span not in self.windows:
                raise refuse(*place, problem=f"{span} is not one of `windows`; add it there")
        return self


def load_slo(path: Path = DEFAULT_PATH) -> Slo:
    """The service levels in `path`; the project's own are read once per process.

    Raises ConfigError, naming file and key, on a missing or unknown key, a number out of range,
    a span that is none, or a span that a burn rate or the period needs and `windows` lacks.
    """
    return _load_default() if path == DEFAULT_PATH else read_config(path, Slo)


@cache
def _load_default() -> Slo:
    return read_config(DEFAULT_PATH, Slo)
