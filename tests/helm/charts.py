"""Renders the chart with Helm itself, and names the ways in which it is rendered in the tests."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "helm" / "llama-mapper"
NAME, NAMESPACE = "demo", "prod"

Values = Mapping[str, Any]
Manifest = dict[str, Any]

#: What every install has to say.
NEEDED: Values = {"auth": {"keysSecret": "mapper-keys"}}

_MONITORS = {"serviceMonitor": {"enabled": True, "authorizationSecret": "mapper-metrics"}}

#: Each option of the chart, switched on alone.
OPTIONS: dict[str, Values] = {
    "kill-switch": {"killSwitch": True},
    "pinned-version": {"triton": {"model": {"version": 3, "manifestDigest": f"sha256:{'a' * 64}"}}},
    "store-pvc": {"triton": {"model": {"store": "pvc", "claim": "mapper-versions"}}},
    "store-init-image": {
        "triton": {
            "model": {"store": "initImage", "initImage": {"reference": "registry.test/versions:7"}}
        }
    },
    "policies": {
        "policies": {
            "defaults": {"threshold": 0.7, "budget_cap_ms": 1000},
            "detectors": {"presidio": {"threshold": 0.8}},
            "tenants": {"acme": {"allowed_detectors": ["presidio"], "threshold": "strict"}},
        }
    },
    "own-data": {"data": {"taxonomy": 'version: "1"\n', "detectors": {"mine.yaml": "maps: {}\n"}}},
    "keda": {"autoscaling": {"keda": {"enabled": True}}, "monitoring": _MONITORS},
    "fixed-replicas": {"autoscaling": {"enabled": False}},
    "ingress": {
        "ingress": {"enabled": True, "host": "mapper.example.com", "tlsSecret": "mapper-tls"},
        "facade": {"trustedProxies": ["10.0.0.0/8"]},
    },
    "redis": {
        "redis": {"enabled": True, "urlSecret": "mapper-redis"},
        "networkPolicy": {
            "facadeEgress": [
                {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "port": 6379}
            ]
        },
    },
    "review": {
        "review": {"enabled": True, "urlSecret": "mapper-review", "webhookSecret": "mapper-chat"},
        "networkPolicy": {
            "reviewEgress": [
                {"to": [{"podSelector": {"matchLabels": {"app": "postgresql"}}}], "port": 5432}
            ]
        },
    },
    "events": {
        "events": {"enabled": True, "urlSecret": "mapper-events"},
        "networkPolicy": {
            "facadeEgress": [
                {"to": [{"podSelector": {"matchLabels": {"app": "postgresql"}}}], "port": 5432}
            ]
        },
    },
    "no-network-policy": {"networkPolicy": {"enabled": False}},
    "monitoring": {
        "monitoring": _MONITORS
        | {"prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}}
    },
    "own-links": {
        "monitoring": _MONITORS
        | {
            "prometheusRule": {"enabled": True},
            "dashboard": {"enabled": True},
            "links": {
                "runbook": "https://wiki.test/mapper",
                "dashboard": "https://graphs.test/d/llama-mapper-slo",
            },
        }
    },
    "digests": {
        "images": {name: {"digest": f"sha256:{'a' * 64}"} for name in ("facade", "triton")}
    },
    "tested-with-a-key": {"tests": {"keySecret": "mapper-test"}},
}


def read_values(name: str) -> Values:
    """A values file of the chart."""
    values: Values = yaml.safe_load((CHART / name).read_text(encoding="utf-8"))
    return values


#: The two profiles, as they are meant to be installed.
PROFILES: dict[str, Values] = {"cpu": {}, "gpu": read_values("values-gpu.yaml")}


def merge(*layers: Values) -> dict[str, Any]:
    """Later layers win, key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


CASES = {
    **PROFILES,
    **OPTIONS,
    "50rps-cpu": read_values("values-50rps-cpu.yaml"),
    "gpu-keda": merge(PROFILES["gpu"], OPTIONS["keda"]),
}


@functools.cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@functools.lru_cache(maxsize=64)
def _render(values: str) -> dict[str, str]:
    return chart().render(json.loads(values), name=NAME, namespace=NAMESPACE)


def render_texts(*layers: Values) -> dict[str, str]:
    """Each template's text, by its path in the chart. Raises HelmError as `helm install` fails."""
    texts = _render(json.dumps(merge(NEEDED, *layers), sort_keys=True))
    return {path.partition("/templates/")[2]: text for path, text in texts.items()}


def render(*layers: Values) -> list[Manifest]:
    """Every object of an install."""
    texts = render_texts(*layers)
    texts.pop("NOTES.txt")
    documents = (doc for _, text in sorted(texts.items()) for doc in yaml.safe_load_all(text))
    return [document for document in documents if document]


def find(manifests: list[Manifest], kind: str, suffix: str) -> Manifest:
    """The one object of a kind whose name ends so."""
    wanted = f"{NAME}-llama-mapper{suffix}"
    [found] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, wanted)]
    return found


def pod(manifests: list[Manifest], component: str) -> Manifest:
    """The pod template of the facade's or Triton's Deployment."""
    template: Manifest = find(manifests, "Deployment", f"-{component}")["spec"]["template"]
    return template


def container(manifests: list[Manifest], component: str) -> Manifest:
    """Its only container."""
    running = pod(manifests, component)["spec"]["containers"]
    [found] = [one for one in running if one["name"] == component]
    running: Manifest = found
    return running


def environment(manifests: list[Manifest], component: str) -> dict[str, str]:
    """What a component's container sees; a value out of a Secret is its name."""
    seen: dict[str, str] = {}
    running = container(manifests, component)
    for source in running.get("envFrom", []):
        [settings] = [
            m for m in manifests
            if m["kind"] == "ConfigMap" and m["metadata"]["name"] == source["configMapRef"]["name"]
        ]  # fmt: skip
        seen |= settings["data"]
    for entry in running.get("env", []):
        seen[entry["name"]] = entry.get("value") or entry["valueFrom"]["secretKeyRef"]["name"]
    return seen
