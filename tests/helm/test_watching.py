"""What Prometheus and Grafana get."""

import json

import pytest
import yaml

from schemas.slo import Profile, load_slo
from tests.helm.charts import CHART, OPTIONS, PROFILES, find, render, render_texts

pytestmark = pytest.mark.slow

FILES = CHART / "files"


@pytest.mark.parametrize(
    ("profile", "file"), [("cpu", "prometheus-rules.yaml"), ("gpu", "prometheus-rules-gpu.yaml")]
)
def test_prometheus_gets_the_tested_rules(profile: str, file: str) -> None:
    manifests = render(OPTIONS["monitoring"], {"profile": profile})
    rules = find(manifests, "PrometheusRule", "")["spec"]
    assert rules == yaml.safe_load((FILES / file).read_text(encoding="utf-8"))


def test_a_gpu_has_the_faster_objective() -> None:
    profiles = load_slo().profiles
    assert profiles[Profile.GPU].seconds == 0.12
    text = json.dumps(find(render(PROFILES["gpu"]), "PrometheusRule", "")["spec"])
    assert 'le=\\"0.12\\"' in text


def test_grafana_gets_the_generated_dashboard() -> None:
    board = find(render(OPTIONS["monitoring"]), "ConfigMap", "-dashboard")
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    text = board["data"]["llama-mapper.json"]
    assert json.loads(text) == json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))


def test_alerts_and_dashboard_link_to_the_hosts_that_are_set() -> None:
    plain, own = render(OPTIONS["monitoring"]), render(OPTIONS["own-links"])
    set_links = OPTIONS["own-links"]["monitoring"]["links"]
    links = load_slo().links
    for kind, suffix in (("PrometheusRule", ""), ("ConfigMap", "-dashboard")):
        before, after = (json.dumps(find(m, kind, suffix)) for m in (plain, own))
        assert links.runbook in before
        # Nothing else is touched.
        changed = before.replace(links.runbook, set_links["runbook"])
        assert changed.replace(links.dashboard, set_links["dashboard"]) == after


@pytest.mark.parametrize(("option", "said"), [("monitoring", True), ("own-links", False)])
def test_notes_say_that_the_hosts_are_examples(option: str, said: bool) -> None:
    assert ("monitoring.links.runbook" in render_texts(OPTIONS[option])["NOTES.txt"]) is said


def test_monitors_find_their_services() -> None:
    manifests = render(OPTIONS["monitoring"])
    for component in ("facade", "triton"):
        monitor = find(manifests, "ServiceMonitor", f"-{component}")["spec"]
        service = find(manifests, "Service", f"-{component}")
        wanted = monitor["selector"]["matchLabels"]
        assert wanted.items() <= service["metadata"]["labels"].items()
        [endpoint] = monitor["endpoints"]
        assert endpoint["port"] in {p["name"] for p in service["spec"]["ports"]}
