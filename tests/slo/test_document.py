"""`slo.yaml` states the contract, and a wrong one is refused by file and key."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.config.errors import ConfigError
from schemas.slo import DEFAULT_PATH, Indicator, Internal, Profile, Severity, load_slo

pytestmark = pytest.mark.slow


def test_the_document_says_what_was_agreed() -> None:
    slo = load_slo()
    assert slo.owner == "Platform / Model Serving with ML Engineering"
    assert (slo.effective, slo.review, str(slo.period)) == (date(2025, 9, 1), "quarterly", "30d")
    goals = {profile: (goal.seconds, goal.informative) for profile, goal in slo.profiles.items()}
    assert goals == {Profile.CPU: (0.25, False), Profile.GPU: (0.12, True)}
    assert {i: o.good_percent for i, o in slo.objectives.items()} == {
        Indicator.LATENCY: 95,
        Indicator.SCHEMA_VALID: 99.5,
        Indicator.FALLBACK: 90,
        Indicator.AVAILABILITY: 99.9,
    }
    alerts = {
        i: [(a.severity, a.level, str(a.hold)) for a in o.alerts] for i, o in slo.objectives.items()
    }
    assert alerts == {
        Indicator.LATENCY: [
            (Severity.WARNING, 0.2, "5m"),
            (Severity.CRITICAL, 0.25, "10m"),
        ],
        Indicator.SCHEMA_VALID: [(Severity.CRITICAL, 99.5, "15m")],
        Indicator.FALLBACK: [(Severity.WARNING, 10, "10m")],
        Indicator.AVAILABILITY: [(Severity.CRITICAL, 99.0, "10m")],
    }
    assert slo.internal == Internal(schema_valid_min=95, fallback_max=10, latency_p95_max_ms=250)
    assert (Severity.WARNING.priority, Severity.CRITICAL.priority) == ("P2", "P1")


def test_budgets_are_exact() -> None:
    budgets = {i: o.budget for i, o in load_slo().objectives.items()}
    assert list(budgets.values()) == [0.05, 0.005, 0.1, 0.001]


@pytest.mark.parametrize(
    ("place", "value", "key"),
    [
        (("owner",), " ", "owner"),
        (("effective",), "2025-09-31", "effective"),
        (("period",), "1 month", "period"),
        (("period",), "7d", "period"),
        (("windows",), [], "windows"),
        (("windows", 2), 30, "windows[2]"),
        (("profiles", "cpu", "latency_p95_ms"), 0, "profiles.cpu.latency_p95_ms"),
        (("profiles", "cpu", "latency_p95_ms"), float("nan"), "profiles.cpu.latency_p95_ms"),
        (("profiles", "gpu", "informative"), "yes", "profiles.gpu.informative"),
        (("profiles", "tpu"), {}, "profiles.tpu"),
        (("objectives", "fallback", "good_percent"), 100, "objectives.fallback.good_percent"),
        (("objectives", "fallback", "good_percent"), 101, "objectives.fallback.good_percent"),
        (("objectives", "latency", "burns"), "fatal", "objectives.latency.burns"),
        (("objectives", "latency", "alerts", 0, "for"), "5", "objectives.latency.alerts[0].for"),
        (
            ("objectives", "fallback", "alerts", 0, "level"),
            200,
            "objectives.fallback.alerts[0].level",
        ),
        (("burn_rates", 0, "short"), "2h", "burn_rates[0].short"),
        (("burn_rates", 0, "long"), "45m", "burn_rates[0].long"),
        (("burn_rates", 1, "rate"), True, "burn_rates[1].rate"),
        (("guards", "events"), 0.5, "guards.events"),
        (("internal", "fallback_max"), "10", "internal.fallback_max"),
        (("links", "runbook"), None, "links.runbook"),
        (("colour",), "red", "colour"),
    ],
    ids=lambda x: x if isinstance(x, str) and "." in x else "",
)
def test_a_wrong_document_is_refused(
    place: tuple[str | int, ...], value: object, key: str, tmp_path: Path
) -> None:
    data: Any = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))
    part = data
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    path = tmp_path / "slo.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_slo(path)
    assert (refused.value.path, refused.value.key) == (path, key)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    data = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))
    del data["objectives"]["availability"]
    path = tmp_path / "slo.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"objectives\.availability: is missing"):
        load_slo(path)
