"""How many pods there are, where they run, and what a GPU changes."""

import json

import pytest

from tests.helm.charts import OPTIONS, PROFILES, environment, find, pod, render

pytestmark = pytest.mark.slow

# Scaling


@pytest.mark.parametrize("component", ["facade", "triton"])
def test_it_scales_on_cpu_between_the_documents_bounds(component: str) -> None:
    hpa = find(render(), "HorizontalPodAutoscaler", f"-{component}")["spec"]
    assert hpa["minReplicas"] == 2
    [metric] = hpa["metrics"]
    assert 60 <= metric["resource"]["target"]["averageUtilization"] <= 70
    up, down = hpa["behavior"]["scaleUp"], hpa["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] < down["stabilizationWindowSeconds"]
    assert hpa["scaleTargetRef"]["name"] == f"demo-llama-mapper-{component}"


def test_an_autoscaler_is_not_reset_by_an_upgrade() -> None:
    for component in ("facade", "triton"):
        assert "replicas" not in find(render(), "Deployment", f"-{component}")["spec"]
        fixed = render(OPTIONS["fixed-replicas"])
        assert find(fixed, "Deployment", f"-{component}")["spec"]["replicas"] == 2


def test_keda_takes_the_place_of_tritons_autoscaler() -> None:
    manifests = render(OPTIONS["keda"])
    assert [m["metadata"]["name"] for m in manifests if m["kind"] == "HorizontalPodAutoscaler"] == [
        "demo-llama-mapper-facade"
    ]
    queue, cpu = find(manifests, "ScaledObject", "-triton")["spec"]["triggers"]
    assert 'nv_inference_queue_duration_us{model="llama_mapper"' in queue["metadata"]["query"]
    assert 'service="demo-llama-mapper-triton"' in queue["metadata"]["query"]
    assert cpu["type"] == "cpu"


@pytest.mark.parametrize("profile", PROFILES)
def test_keda_is_a_choice(profile: str) -> None:
    """No profile asks a cluster for it: both components scale without."""
    manifests = render(PROFILES[profile])
    for component in ("facade", "triton"):
        assert find(manifests, "HorizontalPodAutoscaler", f"-{component}")
    assert "ScaledObject" not in {m["kind"] for m in manifests}
    scaled = render(PROFILES[profile], OPTIONS["keda"])
    assert find(scaled, "ScaledObject", "-triton")


def test_disruptions_take_one_pod_at_a_time() -> None:
    for component in ("facade", "triton"):
        pdb = find(render(), "PodDisruptionBudget", f"-{component}")["spec"]
        assert pdb["maxUnavailable"] == 1
        labels = pod(render(), component)["metadata"]["labels"]
        assert pdb["selector"]["matchLabels"].items() <= labels.items()
        rolling = find(render(), "Deployment", f"-{component}")["spec"]["strategy"]
        assert rolling["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_pods_spread_over_zones_and_nodes() -> None:
    values = {"topologySpread": {"zone": "DoNotSchedule"}}
    for component in ("facade", "triton"):
        spread = pod(render(values), component)["spec"]["topologySpreadConstraints"]
        assert {s["topologyKey"]: s["whenUnsatisfiable"] for s in spread} == {
            "topology.kubernetes.io/zone": "DoNotSchedule",
            "kubernetes.io/hostname": "ScheduleAnyway",
        }


# The GPU profile


def test_a_gpu_pod_gets_its_gpu() -> None:
    spec = pod(render(PROFILES["gpu"]), "triton")["spec"]
    [triton] = spec["containers"]
    assert triton["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert triton["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert triton["image"].endswith("-gpu")
    assert "--allow-gpu-metrics=true" in triton["args"]
    assert environment(render(PROFILES["gpu"]), "triton")["MAPPER_DEVICE"] == "cuda"


def test_a_cpu_pod_does_not() -> None:
    spec = pod(render(), "triton")["spec"]
    assert "nvidia" not in json.dumps(spec)
    assert "--allow-gpu-metrics=false" in spec["containers"][0]["args"]
    assert environment(render(), "triton")["MAPPER_DEVICE"] == "cpu"
    assert "nvidia" not in json.dumps(pod(render(PROFILES["gpu"]), "facade"))
