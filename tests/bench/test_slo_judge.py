"""What a run makes of alerts, and how it shortens the rules; the runs themselves are long."""

import pytest
import yaml

from bench.processes import ROOT
from bench.slo.faults import FAULTS
from bench.slo.judge import AlertSeen, alert_problems
from bench.slo.load import key_limit
from bench.slo.prometheus import time_lapse

RULES = ROOT / "helm/llama-mapper/files/prometheus-rules.yaml"


def seen(name: str, slo: str, *, fired: bool = True) -> AlertSeen:
    return AlertSeen(name, "P2", slo, 1.0, 2.0 if fired else None)


def test_a_fault_wants_its_alerts_firing_and_no_others() -> None:
    fault = FAULTS["rules-only"]
    right = seen("MapperFallbackWarning", "fallback")
    burn = seen("MapperFallbackBurnFast", "fallback")

    assert alert_problems([right, burn], fault) == []
    assert "did not fire" in alert_problems([burn], fault)[0]
    pending = seen("MapperFallbackWarning", "fallback", fired=False)
    assert "did not fire" in alert_problems([pending], fault)[0]
    other = seen("MapperAvailabilityCritical", "availability")
    assert "MapperAvailabilityCritical fired" in alert_problems([right, other], fault)[0]


def test_every_alert_that_a_fault_wants_is_one_that_the_chart_ships() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    shipped = {rule.get("alert") for group in groups for rule in group["rules"]}

    assert {name for fault in FAULTS.values() for name in fault.alerts} <= shipped


def test_a_time_lapse_changes_waits_only() -> None:
    text = RULES.read_text(encoding="utf-8")
    before, after = (
        [rule for group in yaml.safe_load(one)["groups"] for rule in group["rules"]]
        for one in (text, time_lapse(text, 10))
    )

    assert [rule["expr"] for rule in after] == [rule["expr"] for rule in before]
    waits = {rule["alert"]: rule["for"] for rule in after if "for" in rule}
    assert waits["MapperSchemaValidCritical"] == "90s"
    assert waits["MapperMetricsAbsent"] == "30s"


@pytest.mark.parametrize("rps", [5, 50, 500])
def test_the_limit_lets_every_tenant_send_its_share(rps: float) -> None:
    assert key_limit(rps, 20) / 60 * 20 > 1.3 * rps
