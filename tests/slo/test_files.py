"""The files made from `slo.yaml`: up to date, valid, and about metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from client_api.telemetry.metrics import LATENCY_EDGES
from schemas.slo import Indicator, load_slo
from slo import generate
from tests.slo.metric_names import asked_for, existing, facade, recorded, series_names
from tests.slo.promtool import GPU_RULES, ROOT, RULES, promtool

pytestmark = pytest.mark.slow

SLO = load_slo()
DASHBOARD = ROOT / "helm/llama-mapper/files/dashboard.json"


def rules(path: Path = RULES) -> list[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> Iterator[str]:
    for path in (RULES, GPU_RULES):
        yield from (rule["expr"] for rule in rules(path))
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def test_the_files_are_up_to_date() -> None:
    assert generate.stale(SLO) == [], "run `python -m slo.generate`"


def test_a_stale_file_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 0
    made = generate.files(SLO)
    monkeypatch.setattr(generate, "files", lambda _: made | {generate.PAGE: "other"})
    assert generate.main() == 1


@pytest.mark.prometheus
@pytest.mark.parametrize("path", [RULES, GPU_RULES], ids=lambda p: p.name)
def test_promtool_finds_nothing_in_the_rules(path: Path) -> None:
    result = promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.prometheus
def test_promtool_finds_nothing_in_the_metrics() -> None:
    result = promtool("check", "metrics", stdin=facade().exposition().decode())
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout + result.stderr == ""


def test_every_metric_asked_for_exists() -> None:
    made = {rule["record"] for rule in rules() if "record" in rule}
    there = existing()
    for expr in queries():
        assert asked_for(expr) <= there, expr
        assert recorded(expr) <= made, expr
        assert asked_for(expr) | recorded(expr) or "ALERTS" in expr


def test_a_metric_that_is_not_there_would_be_noticed() -> None:
    expr = 'sum by (mapper_label) (rate(mapper_gone_total{job="mapper_x"}[5m])) / nv_gone'
    assert asked_for(expr) - existing() >= {"mapper_gone_total", "nv_gone"}


def test_the_latency_levels_are_edges_of_the_histogram() -> None:
    goals = [goal.seconds for goal in SLO.profiles.values()]
    levels = [alert.level for alert in SLO.objectives[Indicator.LATENCY].alerts]
    assert {*goals, *levels} <= set(LATENCY_EDGES)
    bounds = set(re.findall(r'le="([\d.]+)"', facade().exposition().decode()))
    assert {f"{goal:g}" for goal in goals} <= bounds


def test_every_alert_says_whom_it_wakes_and_where_to_look() -> None:
    for rule in (rule for rule in rules() if "alert" in rule):
        labels, notes = rule["labels"], rule["annotations"]
        assert (labels["severity"], labels["priority"]) in {("critical", "P1"), ("warning", "P2")}
        assert notes["runbook_url"] == f"{SLO.links.runbook}#{rule['alert'].lower()}"
        assert notes["dashboard_url"].startswith(SLO.links.dashboard)
        assert notes["summary"]
        assert notes["description"]


def test_the_documents_alerts_have_its_durations_and_priorities() -> None:
    said = {r["alert"]: (r["for"], r["labels"]["priority"]) for r in rules() if r.get("for")}
    assert said == {
        "MapperLatencyP95Warning": ("5m", "P2"),
        "MapperLatencyP95Critical": ("10m", "P1"),
        "MapperSchemaValidCritical": ("15m", "P1"),
        "MapperFallbackWarning": ("10m", "P2"),
        "MapperAvailabilityCritical": ("10m", "P1"),
        "MapperDetectorLatencyP95Warning": ("10m", "P2"),
        "MapperOverloadedWarning": ("5m", "P2"),
        "MapperDetectorDrift": ("1h", "P2"),
        "MapperMetricsAbsent": ("5m", "P1"),
    }


def test_what_is_out_of_reach_is_left_out_and_said() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert "Fallback has no alert at 14.4x (1h/5m): the budget is 10 %" in text
    fast = [r for r in rules() if r.get("alert") == "MapperFallbackBurnFast"]
    assert [r["labels"]["burn_rate"] for r in fast] == ["6"]


def test_availability_burns_are_p2() -> None:
    burns = [r for r in rules() if r.get("alert", "").startswith("MapperAvailabilityBurn")]
    assert len(burns) == 4
    assert {r["labels"]["priority"] for r in burns} == {"P2"}


def test_the_gpu_rules_differ_in_the_latency_objective_only() -> None:
    cpu, gpu = ({_key(r): r for r in rules(path)} for path in (RULES, GPU_RULES))
    assert {k for k in cpu if k not in gpu} == {
        k for k in cpu if k[0].startswith(("MapperLatencyBurn", "MapperLatencyWindowsBurn"))
    }
    changed = [cpu[k]["expr"] for k in gpu if cpu[k] != gpu[k]]
    assert all("0.25" in expr for expr in changed)
    assert all("0.12" in gpu[k]["expr"] for k in gpu if cpu[k] != gpu[k])
    assert changed


def test_every_panel_says_what_it_shows() -> None:
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert (
                "$job" in target["expr"]
                or "$triton_job" in target["expr"]
                or (target["expr"].startswith("sum(ALERTS{"))
            ), target["expr"]


def test_the_dashboard_has_its_rows_and_variables() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["Service levels", "Golden signals", "Quality", "Model step", "Saturation"]
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert names == ["datasource", "job", "triton_job"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert board["uid"] == SLO.links.dashboard.rpartition("/")[2]


@pytest.mark.prometheus
def test_the_panels_queries_are_promql(tmp_path: Path) -> None:
    exprs = [target["expr"] for panel in panels() for target in panel["targets"]]
    known = [expr.replace("$__rate_interval", "1m") for expr in exprs]
    made = [{"record": f"panel:query:{i}", "expr": expr} for i, expr in enumerate(known)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    result = promtool("check", "rules", str(file))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_metric_of_the_facade_is_watched() -> None:
    """In the rules or on the dashboard, so that none is counted for nobody."""
    watched = set().union(*(asked_for(expr) for expr in queries()))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in watched}
    own = {re.sub(r"_(bucket|sum|count)$", "", n) for n in series_names(_exposition())}
    # The gauges over the facade's own window are for who has no Prometheus.
    assert own - families == {"mapper_schema_valid_percentage", "mapper_fallback_percentage"}


def _exposition() -> str:
    return facade().exposition().decode()


def _key(rule: dict[str, Any]) -> tuple[str, str, str]:
    labels = rule.get("labels", {})
    return (
        rule.get("alert") or rule["record"],
        labels.get("slo", ""),
        labels.get("burn_rate", ""),
    )
