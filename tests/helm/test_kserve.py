"""The KServe manifest: valid, and Triton started and probed as the chart does it."""

import json
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.helm.charts import ROOT, container, render
from tests.helm.test_renders import KUBERNETES, SCHEMAS

pytestmark = pytest.mark.slow

MANIFEST = yaml.safe_load((ROOT / "helm/kserve/inference-service.yaml").read_text("utf-8"))
PREDICTOR: dict[str, Any] = MANIFEST["spec"]["predictor"]
# Of the predictor itself; all else of it is a pod's.
SCALING = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")


def started() -> dict[str, Any]:
    [found] = PREDICTOR["containers"]
    return dict(found)


def test_kserve_accepts_it() -> None:
    schema = json.loads((SCHEMAS / "inferenceservice.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(MANIFEST)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_its_pod(version: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "predictor"},
        "spec": {k: v for k, v in PREDICTOR.items() if k not in SCALING},
    }
    kubernetes_validate.validate(pod, version, strict=True)


def test_the_service_reaches_grpc_and_no_http() -> None:
    """KServe makes the first port the Service's port 80, and knows gRPC by the port's name."""
    first, *others = started()["ports"]
    assert (first["name"], first["containerPort"]) == ("h2c", 8001)
    assert 8000 not in {port["containerPort"] for port in others}
    assert "--http-address=127.0.0.1" in started()["args"]


def test_it_starts_triton_as_the_chart_does() -> None:
    chart = container(render(), "triton")
    assert set(started()["args"]) <= {*chart["args"], "--allow-gpu-metrics=false"}
    assert {m["mountPath"] for m in started()["volumeMounts"]} <= {
        m["mountPath"] for m in chart["volumeMounts"]
    }
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert started()[probe]["exec"] == chart[probe]["exec"]
    for name, value in chart["securityContext"].items():
        assert started()["securityContext"][name] == value
