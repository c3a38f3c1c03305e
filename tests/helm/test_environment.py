"""Every environment name of the chart is one that somebody reads, with a value that he takes."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from client_api.settings import Settings
from pipeline import detector_series
from pipeline.tenants import VIEWS, TenantPipelines
from schemas.contract import Mode
from schemas.policies import PROFILES, PolicyFile
from tests.helm.charts import (
    CASES,
    OPTIONS,
    ROOT,
    Values,
    chart,
    container,
    environment,
    find,
    merge,
    render,
)

pytestmark = pytest.mark.slow

PREFIX = "MAPPER_"
# Settings that the chart leaves alone, and why.
NOT_IN_CHART = {
    "mode": "the kill switch is in the policies' ConfigMap, which needs no restart",
    "allow_open": "keys are required",
    "triton_model": "the image has the one",
    "max_connections": "a pod's default suits 100 requests in flight",
    "max_connections_per_address": "as above",
    "head_timeout_s": "as above",
    "trust_tracestate": "no caller is",
    "events_dir": "the pods share a database",
}
# What differs from the default on this machine, and why.
CHANGED = {
    "host": "probes and Services come from outside the pod",
    "keys_file": "a mounted Secret",
    "policies_file": "a mounted ConfigMap",
    "detectors_dir": "a mounted ConfigMap",
    "views_dir": "a mounted ConfigMap",
    "mode_state_file": "the root file system is read-only",
    "triton_url": "another pod",
    "drain_delay_s": "kube-proxy and load balancers are slower than one second",
    # Spelled out, since they are off on loopback only:
    "rate_limit_key": "see test_limits_are_the_services_own",
    "rate_limit_tenant": "",
    "rate_limit_address": "",
}


#: Values that the chart takes from Secrets.
_SECRET = {
    "MAPPER_REDIS_URL": "redis://redis",
    "MAPPER_REVIEW_URL": "postgresql://postgres/review",
    "MAPPER_EVENTS_URL": "postgresql://postgres/events",
    "MAPPER_REVIEW_WEBHOOK": "https://chat.example/hook",
}


def names(component: str, values: Values) -> set[str]:
    return set(environment(render(values), component))


def settings_from(values: Values, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The facade's settings in a pod of this render."""
    monkeypatch.delenv("MAPPER_MODE_STATE_FILE")
    for name, value in environment(render(values), "facade").items():
        monkeypatch.setenv(name, _SECRET.get(name, value))
    return Settings()


@pytest.mark.parametrize("case", CASES)
def test_the_facade_reads_every_name(case: str) -> None:
    fields = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert names("facade", CASES[case]) <= fields


def test_every_setting_of_the_facade_can_be_set() -> None:
    values = merge(OPTIONS["redis"], OPTIONS["review"], OPTIONS["events"])
    given = {n.removeprefix(PREFIX).lower() for n in names("facade", values)}
    serve_only = {
        name for name, field in Settings.model_fields.items()
        if (field.description or "").startswith("`serve`")
    }  # fmt: skip
    assert set(Settings.model_fields) - given == serve_only | NOT_IN_CHART.keys()


@pytest.mark.parametrize("case", CASES)
def test_triton_reads_every_name(case: str) -> None:
    text = (ROOT / "model_repository/llama_mapper/config.pbtxt").read_text(encoding="utf-8")
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    # llama_mapper/model.py takes each of its parameters from the environment first.
    read = {f"{PREFIX}{name.upper()}" for name in config.parameters}
    read |= {"MAPPER_POLICIES_FILE", "MAPPER_DETECTORS_DIR", VIEWS, detector_series.VARIABLE}
    read |= {"MAPPER_REVIEW_DIR"} if case == "review" else set()
    assert names("triton", CASES[case]) == read


@pytest.mark.parametrize("case", CASES)
def test_the_facade_starts_with_them(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_from(CASES[case], monkeypatch)


def test_defaults_are_the_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from({}, monkeypatch)
    default = {n: f.default for n, f in Settings.model_fields.items() if n not in CHANGED}
    assert {name: getattr(settings, name) for name in default} == default


@pytest.mark.parametrize("kind", ["key", "tenant", "address"])
def test_limits_are_the_services_own(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from({}, monkeypatch)
    for name in environment(render(), "facade"):
        monkeypatch.delenv(name)
    beyond_loopback = Settings(host="0.0.0.0", allow_open=True)
    assert settings.rate_limit(kind) == beyond_loopback.rate_limit(kind)


def test_large_numbers_stay_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from({"facade": {"settings": {"batchMaxBytes": 123456789}}}, monkeypatch)
    assert settings.batch_max_bytes == 123456789


def test_admin_and_console_answer_to_the_ingress_host(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(OPTIONS["ingress"], monkeypatch)
    default = Settings.model_fields["allowed_hosts"].default
    assert settings.allowed_hosts == (*default, "mapper.example.com")
    assert [str(n) for n in settings.trusted_proxies] == ["10.0.0.0/8"]


@pytest.mark.parametrize(("values", "mode"), [({}, None), (OPTIONS["kill-switch"], "rules_only")])
def test_both_components_read_the_policies(
    values: Values, mode: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = render(OPTIONS["policies"], values)
    text = find(manifests, "ConfigMap", "-policies")["data"]["policies.yaml"]
    (tmp_path / "policies.yaml").write_text(text, encoding="utf-8")
    for component in ("facade", "triton"):
        mounted = environment(manifests, component)["MAPPER_POLICIES_FILE"]
        assert mounted == "/etc/mapper/policies/policies.yaml"
    monkeypatch.setenv("MAPPER_POLICIES_FILE", str(tmp_path / "policies.yaml"))
    policies = PolicyFile.from_environment(str.lower).current()
    assert policies.mode is Mode(mode or "hybrid")
    assert policies.threshold("presidio") == 0.8
    assert policies.threshold("other", "acme") == PROFILES["strict"]
    assert policies.budget_ms("other", None, 240, 5000) == 1000
    assert not policies.allows("other", "acme")


def test_both_components_read_the_detector_files_and_the_views(tmp_path: Path) -> None:
    files = {
        "detectors": "{detector: acme-guard, maps: {bad vibes: acme/vibes}}",
        "views": "{view: acme, own_labels: {acme/vibes: HARM.SPEECH.Toxicity}}",
    }
    manifests = render({"data": {kind: {"acme.yaml": text} for kind, text in files.items()}})
    for kind in files:
        (tmp_path / kind).mkdir()
        for name, text in find(manifests, "ConfigMap", f"-{kind}")["data"].items():
            (tmp_path / kind / name).write_text(text, encoding="utf-8")
        for component in ("facade", "triton"):
            seen = environment(manifests, component)[f"MAPPER_{kind.upper()}_DIR"]
            mounts = container(manifests, component)["volumeMounts"]
            assert {"name": kind, "mountPath": seen, "readOnly": True} in mounts
    pipelines = TenantPipelines([tmp_path / "detectors"], views=tmp_path / "views")
    assert pipelines.resolve("acme-guard") is not None


def test_threads_are_the_cores() -> None:
    manifests = render({"triton": {"cpu": 5}})
    [triton] = find(manifests, "Deployment", "-triton")["spec"]["template"]["spec"]["containers"]
    assert environment(manifests, "triton")["MAPPER_THREADS"] == "5"
    assert triton["resources"]["requests"]["cpu"] == triton["resources"]["limits"]["cpu"] == "5"


def test_the_chart_is_of_this_version() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{chart().metadata["appVersion"]}"' in pyproject
