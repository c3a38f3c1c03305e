"""Safe by default: what every pod of every render has, and who may talk to whom."""

from collections.abc import Iterator

import pytest

from tests.helm.charts import CASES, OPTIONS, Manifest, container, find, pod, render

pytestmark = pytest.mark.slow

PODS = sorted(CASES)


def pod_specs(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["spec"]
        elif manifest["kind"] == "Deployment":
            yield manifest["spec"]["template"]["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    found: list[Manifest] = [*spec.get("initContainers", []), *spec["containers"]]
    return found


@pytest.mark.parametrize("case", PODS)
def test_no_pod_has_more_rights_than_it_needs(case: str) -> None:
    specs = list(pod_specs(render(CASES[case])))
    assert len(specs) == 3
    for spec in specs:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 1000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        for running in containers(spec):
            assert running["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert running["resources"]["limits"]["memory"]


@pytest.mark.parametrize("case", PODS)
def test_volumes_are_what_the_containers_mount(case: str) -> None:
    for spec in pod_specs(render(CASES[case])):
        mounted = {m["name"] for c in containers(spec) for m in c.get("volumeMounts", [])}
        assert mounted == {v["name"] for v in spec.get("volumes", [])}
        assert not any("hostPath" in volume for volume in spec.get("volumes", []))
        for volume in spec.get("volumes", []):
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"]


def test_tensors_travel_through_memory() -> None:
    spec = pod(render(), "triton")["spec"]
    mounts = {m["mountPath"]: m["name"] for m in spec["containers"][0]["volumeMounts"]}
    [shm] = [v for v in spec["volumes"] if v["name"] == mounts["/dev/shm"]]
    assert shm["emptyDir"]["medium"] == "Memory"


def test_no_secret_is_in_an_object() -> None:
    """Secrets are named, never made from values."""
    for values in CASES.values():
        assert "Secret" not in {m["kind"] for m in render(values)}


def sources(policy: Manifest, port: str) -> list[dict[str, object]]:
    return [
        peer for rule in policy["spec"]["ingress"]
        if port in [p["port"] for p in rule["ports"]] for peer in rule["from"]
    ]  # fmt: skip


def test_only_the_facade_reaches_triton() -> None:
    manifests = render()
    policy = find(manifests, "NetworkPolicy", "-triton")
    facade = pod(manifests, "facade")["metadata"]["labels"]
    [peer] = sources(policy, "grpc")
    assert list(peer) == ["podSelector"]
    selector = peer["podSelector"]["matchLabels"]  # type: ignore[index]
    assert selector["app.kubernetes.io/component"] == "facade"
    assert selector.items() <= facade.items()
    assert "egress" not in policy["spec"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_only_monitoring_reads_tritons_metrics() -> None:
    policy = find(render(), "NetworkPolicy", "-triton")
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    assert sources(policy, "metrics") == [{"namespaceSelector": monitoring}]
    nobody = find(render({"networkPolicy": {"monitoring": []}}), "NetworkPolicy", "-triton")
    assert sources(nobody, "metrics") == []


def test_policies_select_the_pods_they_are_for() -> None:
    manifests = render()
    for component in ("facade", "triton"):
        wanted = find(manifests, "NetworkPolicy", f"-{component}")["spec"]["podSelector"]
        labels = pod(manifests, component)["metadata"]["labels"]
        assert wanted["matchLabels"].items() <= labels.items()


def test_clients_can_be_named() -> None:
    clients = [{"namespaceSelector": {"matchLabels": {"team": "trust"}}}]
    policy = find(render({"networkPolicy": {"clients": clients}}), "NetworkPolicy", "-facade")
    assert clients[0] in sources(policy, "http")
    assert {"podSelector": {}} not in sources(policy, "http")


def test_http_of_triton_stays_in_its_container() -> None:
    """Only gRPC and metrics leave it, and the launcher closes the control protocols of both."""
    manifests = render()
    assert "--http-address=127.0.0.1" in container(manifests, "triton")["args"]
    ports = find(manifests, "Service", "-triton")["spec"]["ports"]
    assert {p["port"] for p in ports} == {8001, 8002}


def test_prometheus_shows_a_key_to_the_facade() -> None:
    monitor = find(render(OPTIONS["monitoring"]), "ServiceMonitor", "-facade")
    [endpoint] = monitor["spec"]["endpoints"]
    credentials = {"name": "mapper-metrics", "key": "key"}
    assert endpoint["authorization"] == {"type": "Bearer", "credentials": credentials}


def test_keys_are_mounted_from_their_secret() -> None:
    spec = pod(render(), "facade")["spec"]
    [keys] = [v for v in spec["volumes"] if v["name"] == "keys"]
    assert keys["secret"] == {"secretName": "mapper-keys", "defaultMode": 0o440}


def test_the_ingress_has_tls() -> None:
    [tls] = find(render(OPTIONS["ingress"]), "Ingress", "-facade")["spec"]["tls"]
    assert tls == {"hosts": ["mapper.example.com"], "secretName": "mapper-tls"}
