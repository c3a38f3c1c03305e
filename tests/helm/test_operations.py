"""What an operator does by a value: switch off, roll back, roll out; and how pods leave."""

from typing import Any

import pytest

from client_api.http import shutdown
from client_api.settings import Settings
from client_api.upstream import probe as triton_probe
from client_api.upstream.triton import KEEPALIVE_MS
from schemas import taxonomy
from tests.helm.charts import CHART, OPTIONS, Values, container, environment, find, pod, render

pytestmark = pytest.mark.slow

FILES = CHART / "files"


def argument(args: list[str], name: str) -> str | None:
    """The value of --name=value."""
    return next((a.partition("=")[2] for a in args if a.startswith(f"--{name}=")), None)


# Order of retreat


def test_the_kill_switch_restarts_nothing() -> None:
    on, off = render(OPTIONS["kill-switch"]), render()
    changed = [a["metadata"]["name"] for a, b in zip(on, off, strict=True) if a != b]
    # The test's pod stops asking for the model, which is not to answer.
    assert changed == ["demo-llama-mapper-policies", "demo-llama-mapper-test"]
    for component in ("facade", "triton"):
        mounts = container(on, component)["volumeMounts"]
        [policies] = [m for m in mounts if m["name"] == "policies"]
        assert "subPath" not in policies, "a file mounted alone is never refreshed"


def test_a_threshold_restarts_nothing() -> None:
    higher, before = render({"policies": {"defaults": {"threshold": 0.8}}}), render()
    changed = [a["metadata"]["name"] for a, b in zip(higher, before, strict=True) if a != b]
    assert changed == ["demo-llama-mapper-policies"]


def test_a_rollback_is_a_value() -> None:
    """What the launcher makes of it is tested with a real Triton in test_launcher."""
    args = container(render(OPTIONS["pinned-version"]), "triton")["args"]
    assert argument(args, "version") == "3"
    assert args.index("--version=3") < args.index("--")
    assert argument(container(render(), "triton")["args"], "version") is None


def test_shorter_sequences_are_a_value() -> None:
    seen = environment(render({"triton": {"maxInputTokens": 64, "maxNewTokens": 32}}), "triton")
    assert seen["MAPPER_MAX_INPUT_TOKENS"] == "64"
    assert seen["MAPPER_MAX_NEW_TOKENS"] == "32"


@pytest.mark.parametrize("store", ["store-pvc", "store-init-image"])
def test_versions_can_come_from_elsewhere(store: str) -> None:
    manifests = render(OPTIONS[store])
    triton = container(manifests, "triton")
    assert argument(triton["args"], "store") == "/store"
    [mount] = [m for m in triton["volumeMounts"] if m["mountPath"] == "/store"]
    assert mount["readOnly"] is True
    assert argument(container(render(), "triton")["args"], "store") is None


# Rollouts


@pytest.mark.parametrize(
    ("values", "rolled"),
    [
        ({"facade": {"settings": {"budgetMs": 200}}}, ["facade"]),
        (OPTIONS["own-data"], ["facade", "triton"]),
        ({"triton": {"model": {"version": 2}}}, ["triton"]),
        ({"autoscaling": {"triton": {"minReplicas": 4}}}, []),
    ],
)
def test_a_change_rolls_who_reads_it(values: Values, rolled: list[str]) -> None:
    before, after = render(), render(values)
    assert rolled == [c for c in ("facade", "triton") if pod(before, c) != pod(after, c)]


def test_new_text_of_the_taxonomy_rolls_the_pods() -> None:
    one, other = (render({"data": {"taxonomy": text}}) for text in ("version: 1", "version: 2"))
    for component in ("facade", "triton"):
        assert pod(one, component) != pod(other, component)


@pytest.mark.parametrize("kind", ["detectors", "views"])
def test_new_text_of_a_file_that_is_read_anew_restarts_nothing(kind: str) -> None:
    texts = ({"data": {kind: {"mine.yaml": text}}} for text in ("maps: {}", "maps: {a: b}"))
    one, other = map(render, texts)
    changed = [a["metadata"]["name"] for a, b in zip(one, other, strict=True) if a != b]
    assert changed == [f"demo-llama-mapper-{kind}"]


def test_curated_data_lies_where_the_packages_look() -> None:
    manifests = render(OPTIONS["own-data"])
    for component in ("facade", "triton"):
        one = container(manifests, component)
        mounts = {m["name"]: m["mountPath"] for m in one["volumeMounts"]}
        root = taxonomy.DEFAULT_PATH.parent.parent
        assert mounts["data"] == f"/opt/mapper/{taxonomy.DEFAULT_PATH.relative_to(root)}"
        # The taxonomy needs no setting; the folders are where the settings say.
        seen = environment(manifests, component)
        assert mounts["detectors"] == seen["MAPPER_DETECTORS_DIR"]


# Leaving and health


def test_the_facade_has_the_time_to_drain() -> None:
    values: Any = {"facade": {"settings": {"drainDelayS": 12.5}}}
    for layer, delay in (({}, 5), (values, 12.5)):
        grace = pod(render(layer), "facade")["spec"]["terminationGracePeriodSeconds"]
        assert grace > delay + shutdown._DRAIN_S


def test_triton_has_the_time_to_drain() -> None:
    spec = pod(render(), "triton")["spec"]
    [triton] = spec["containers"]
    before = int(triton["lifecycle"]["preStop"]["exec"]["command"][1])
    longest = int(argument(triton["args"], "exit-timeout-secs") or 0)
    assert spec["terminationGracePeriodSeconds"] > before + longest
    # New connections must have gone elsewhere when the doors close.
    assert before > triton["readinessProbe"]["timeoutSeconds"]


@pytest.mark.parametrize(
    ("probe", "without_model"), [("startupProbe", 1), ("readinessProbe", 1), ("livenessProbe", 0)]
)
def test_tritons_probes_are_canaries(
    probe: str, without_model: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    triton = container(render(), "triton")
    command = triton[probe]["exec"]["command"]
    assert command[:4] == ["python3", "-I", "-S", "/opt/mapper/client_api/upstream/probe.py"]

    def ask(url: str, model: str, timeout_s: float) -> str:
        host, port = (argument(triton["args"], f"http-{x}") for x in ("address", "port"))
        assert (url, model) == (f"http://{host}:{port}", Settings().triton_model)
        assert timeout_s < triton[probe]["timeoutSeconds"]
        return "model_error"

    monkeypatch.setattr(triton_probe, "ask", ask)
    assert triton_probe.main(command[4:]) == without_model


def test_a_facade_that_lost_the_model_is_not_restarted() -> None:
    facade = container(render(), "facade")
    assert facade["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert facade["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_a_started_facade_outlasts_its_grace() -> None:
    """Readiness, not start-up, waits for the canary: the pod must live until rules may answer."""
    startup = container(render(), "facade")["startupProbe"]
    assert startup["httpGet"]["path"] == "/health/live"
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


# The way to Triton


def test_the_facade_takes_turns_over_tritons_pods() -> None:
    manifests = render()
    service = find(manifests, "Service", "-triton")["spec"]
    assert service["clusterIP"] == "None"
    seen = environment(manifests, "facade")["MAPPER_TRITON_URL"]
    assert seen == "dns:///demo-llama-mapper-triton.prod.svc:8001"
    assert argument(container(manifests, "triton")["args"], "grpc-max-connection-age") == "60000"


def test_triton_allows_the_clients_pings() -> None:
    args = container(render(), "triton")["args"]
    allowed = argument(args, "grpc-http2-min-recv-ping-interval-without-data")
    assert int(allowed or 0) < KEEPALIVE_MS


def test_services_select_their_pods() -> None:
    manifests = render()
    for component in ("facade", "triton"):
        service = find(manifests, "Service", f"-{component}")["spec"]
        assert (
            service["selector"].items() <= pod(manifests, component)["metadata"]["labels"].items()
        )
        ports = {p["name"] for p in container(manifests, component)["ports"]}
        assert {p["targetPort"] for p in service["ports"]} <= ports


def test_the_facade_listens_where_its_service_looks() -> None:
    manifests = render()
    [port] = container(manifests, "facade")["ports"]
    assert environment(manifests, "facade")["MAPPER_PORT"] == str(port["containerPort"])
    assert port["containerPort"] == Settings.model_fields["port"].default
