"""The service levels: objectives, alerts, burn rates and internal thresholds.

In: `slo.yaml`. Out: `Slo`. Knows nothing of Prometheus, Grafana or metric names; who writes rules,
dashboards or docs, or holds the service against its thresholds, takes the numbers from here.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from schemas.yaml_file import read_yaml
from schemas.yaml_reader import YamlReader

DEFAULT_PATH: Final = Path(__file__).with_name("slo.yaml")

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9]\d*)([smhd])")


class Indicator(StrEnum):
    """What is measured."""

    LATENCY = "latency"
    SCHEMA_VALID = "schema_valid"
    FALLBACK = "fallback"
    AVAILABILITY = "availability"


class Severity(StrEnum):
    """How grave an alert is; `priority` is how it pages."""

    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def priority(self) -> str:
        return "P1" if self is Severity.CRITICAL else "P2"


class Profile(StrEnum):
    """What a deployment runs on."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as Prometheus writes it."""

    text: str
    seconds: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class LatencyGoal:
    """seconds: the p95 that is good enough; informative: nobody is paged for missing it."""

    seconds: float
    informative: bool


@dataclass(frozen=True, slots=True)
class LevelAlert:
    """Fires when the indicator is beyond `level` for `hold`; seconds for latency, else percent."""

    severity: Severity
    level: float
    hold: Span


@dataclass(frozen=True, slots=True)
class Objective:
    """good_percent: the least share of good events; burns: the gravest its burn alerts may be."""

    indicator: Indicator
    title: str
    good_percent: float
    burns: Severity
    alerts: tuple[LevelAlert, ...]

    @property
    def budget(self) -> float:
        """The share of events that may be bad, 0..1."""
        return round((100 - self.good_percent) / 100, 9)


@dataclass(frozen=True, slots=True)
class BurnRate:
    """Fires while both windows spend the budget `rate` times as fast as the period allows."""

    rate: float
    long: Span
    short: Span
    severity: Severity

    def error_ratio(self, objective: Objective) -> float | None:
        """The share of bad events beyond which it fires; None where no share is that large."""
        ratio = round(self.rate * objective.budget, 9)
        return ratio if ratio < 1 else None


@dataclass(frozen=True, slots=True)
class Guards:
    """events: a level alert needs as many in the first window; errors: a burn alert needs as
    many in its long window; absent: how long metrics may be missing.
    """

    events: int
    errors: int
    absent: Span


@dataclass(frozen=True, slots=True)
class Internal:
    """The looser thresholds of `/metrics/alerts`; percent, seconds."""

    schema_valid_min: float
    fallback_max: float
    latency_p95_max_s: float


@dataclass(frozen=True, slots=True)
class Links:
    """Where alerts send whom they wake."""

    runbook: str
    dashboard: str


@dataclass(frozen=True, slots=True)
class Slo:
    """The whole document."""

    service: str
    owner: str
    effective: date
    review: str
    period: Span
    profiles: Mapping[Profile, LatencyGoal]
    objectives: Mapping[Indicator, Objective]
    windows: tuple[Span, ...]
    burn_rates: tuple[BurnRate, ...]
    guards: Guards
    internal: Internal
    links: Links


class _Reader(YamlReader):
    """Reads the parts of `slo.yaml`."""

    def span(self, key: str, value: object) -> Span:
        found = _SPAN.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.fail(key, f"{value!r} is no span of time; write one as 30s, 5m, 1h or 3d")
        return Span(found[0], int(found[1]) * _UNITS[found[2]])

    def goal(self, key: str, value: object) -> LatencyGoal:
        part = self.part(key, value, {"latency_p95_ms", "informative"})
        return LatencyGoal(
            self.number(f"{key}.latency_p95_ms", part["latency_p95_ms"]) / 1000,
            self.flag(f"{key}.informative", part["informative"]),
        )

    def objective(self, indicator: Indicator, value: object) -> Objective:
        key = f"objectives.{indicator}"
        part = self.part(key, value, {"title", "good_percent", "burns", "alerts"})
        good = self.number(f"{key}.good_percent", part["good_percent"], 100)
        if good == 100:
            raise self.fail(f"{key}.good_percent", "leaves no error budget; must be below 100")
        return Objective(
            indicator,
            self.text(f"{key}.title", part["title"]),
            good,
            self.choice(f"{key}.burns", part["burns"], Severity),
            tuple(
                self.level_alert(at, item, indicator)
                for at, item in self.parts(f"{key}.alerts", part["alerts"])
            ),
        )

    def level_alert(self, key: str, value: object, indicator: Indicator) -> LevelAlert:
        part = self.part(key, value, {"severity", "level", "for"})
        in_ms = indicator is Indicator.LATENCY
        level = self.number(f"{key}.level", part["level"], math.inf if in_ms else 100)
        return LevelAlert(
            self.choice(f"{key}.severity", part["severity"], Severity),
            level / 1000 if in_ms else level,
            self.span(f"{key}.for", part["for"]),
        )

    def burn_rate(self, key: str, value: object) -> BurnRate:
        part = self.part(key, value, {"rate", "long", "short", "severity"})
        long = self.span(f"{key}.long", part["long"])
        short = self.span(f"{key}.short", part["short"])
        if short.seconds >= long.seconds:
            raise self.fail(f"{key}.short", f"{short} must be shorter than {long}")
        return BurnRate(
            self.number(f"{key}.rate", part["rate"]),
            long,
            short,
            self.choice(f"{key}.severity", part["severity"], Severity),
        )


def load_slo(path: Path = DEFAULT_PATH) -> Slo:
    """The service levels in `path`; the project's own are read once a process.

    Raises ConfigError, naming file and key, on a missing or unknown key, a number out of range,
    a span that is none, or a span that a burn rate or the period needs and `windows` lacks.
    """
    return _load_default() if path == DEFAULT_PATH else _load(path)


@cache
def _load_default() -> Slo:
    return _load(DEFAULT_PATH)


def _load(path: Path) -> Slo:
    read = _Reader(path)
    keys = {"service", "owner", "effective", "review", "period", "profiles", "objectives"}
    keys |= {"windows", "burn_rates", "guards", "internal", "links"}
    data = read.part("", read_yaml(path), keys)
    profiles = read.part("profiles", data["profiles"], set(Profile))
    objectives = read.part("objectives", data["objectives"], set(Indicator))
    guards = read.part("guards", data["guards"], {"events", "errors", "absent"})
    internal = read.part(
        "internal", data["internal"], {"schema_valid_min", "fallback_max", "latency_p95_max_ms"}
    )
    links = read.part("links", data["links"], {"runbook", "dashboard"})
    slo = Slo(
        service=read.text("service", data["service"]),
        owner=read.text("owner", data["owner"]),
        effective=read.day("effective", data["effective"]),
        review=read.text("review", data["review"]),
        period=read.span("period", data["period"]),
        profiles={p: read.goal(f"profiles.{p}", profiles[p]) for p in Profile},
        objectives={i: read.objective(i, objectives[i]) for i in Indicator},
        windows=tuple(read.span(*item) for item in read.parts("windows", data["windows"])),
        burn_rates=tuple(
            read.burn_rate(*item) for item in read.parts("burn_rates", data["burn_rates"])
        ),
        guards=Guards(
            read.count("guards.events", guards["events"]),
            read.count("guards.errors", guards["errors"]),
            read.span("guards.absent", guards["absent"]),
        ),
        internal=Internal(
            read.number("internal.schema_valid_min", internal["schema_valid_min"], 100),
            read.number("internal.fallback_max", internal["fallback_max"], 100),
            read.number("internal.latency_p95_max_ms", internal["latency_p95_max_ms"]) / 1000,
        ),
        links=Links(
            read.text("links.runbook", links["runbook"]),
            read.text("links.dashboard", links["dashboard"]),
        ),
    )
    needed = {"period": slo.period}
    for i, burn in enumerate(slo.burn_rates):
        needed |= {f"burn_rates[{i}].long": burn.long, f"burn_rates[{i}].short": burn.short}
    for key, span in needed.items():
        if span not in slo.windows:
            raise read.fail(key, f"{span} is not one of `windows`; add it there")
    return slo
