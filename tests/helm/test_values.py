"""Every value is read by somebody, and a wrong one is refused in words that help."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import helm_python
import pytest

from tests.helm.charts import CHART, NEEDED, OPTIONS, PROFILES, Values, chart, merge, render_texts

pytestmark = pytest.mark.slow

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

# Renders that between them read every value.
CONTEXTS: list[Values] = [
    merge(
        *(
            OPTIONS[name]
            for name in ("monitoring", "ingress", "redis", "review", "events", "tested-with-a-key")
        ),
        {"profile": "gpu", "data": {"taxonomy": "version: x"}},
    ),
    OPTIONS["keda"],
    OPTIONS["fixed-replicas"],
    OPTIONS["store-pvc"],
    OPTIONS["store-init-image"],
    OPTIONS["pinned-version"],
]
# Where another value of the same type would not be valid.
OTHER: dict[str, Any] = {
    "profile": "gpu",
    "facade.settings.rawContent": "refuse",
    "imagePullSecrets": ["registry"],
    "policies.defaults": {"threshold": 0.9},
    "policies.detectors": {"presidio": {"threshold": 0.9}},
    "policies.tenants": {"acme": {"threshold": 0.9}},
    "data.detectors": {"mine.yaml": "maps: {}"},
    "data.views": {"mine.yaml": "view: mine"},
    "facade.allowedHosts": ["mapper.example.com"],
    "facade.trustedProxies": ["192.0.2.0/24"],
    "facade.settings.logLevel": "debug",
    "facade.settings.otlpEndpoint": "http://collector:4318/v1/traces",
    "facade.settings.otlpLogsEndpoint": "http://collector:4318/v1/logs",
    "facade.settings.onTimeout": "error",
    "gpu.tolerations": [{"key": "other", "operator": "Exists"}],
    "triton.model.store": "pvc",
    "triton.model.initImage.path": "/other",
    "triton.model.initImage.size": "3Gi",
    "topologySpread.zone": "DoNotSchedule",
    "topologySpread.node": "DoNotSchedule",
    "service.type": "LoadBalancer",
    "networkPolicy.clients": [{"podSelector": {"matchLabels": {"a": "b"}}}],
    "networkPolicy.monitoring": [],
    "networkPolicy.dns": [{"podSelector": {"matchLabels": {"a": "b"}}}],
    "networkPolicy.facadeEgress": [
        {"to": [{"podSelector": {"matchLabels": {"a": "b"}}}], "port": 1}
    ],
    "networkPolicy.reviewEgress": [
        {"to": [{"podSelector": {"matchLabels": {"a": "b"}}}], "port": 1}
    ],
    "monitoring.serviceMonitor.interval": "17s",
    "monitoring.links.runbook": "https://wiki.test/mapper",
    "monitoring.links.dashboard": "https://graphs.test/d/llama-mapper-slo",
    "autoscaling.keda.prometheusAddress": "http://other:9090",
}


def leaves(values: Values, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping of others, by its dotted path."""
    for key, value in values.items():
        place = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and value and place not in ("gpu.nodeSelector",):
            yield from leaves(value, place)
        else:
            yield place, value


LEAVES = dict(leaves(chart().values))


def nested(path: str, value: Any) -> Values:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def another(path: str, value: Any) -> Any:
    if path in OTHER:
        return OTHER[path]
    if path.endswith(("digest", "Digest")):
        return f"sha256:{'b' * 64}"
    if path.endswith("pullPolicy"):
        return "Always"
    if path.startswith("facade.settings.rateLimit"):
        return "17/minute"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and value[:1].isdigit():  # a quantity
        return f"9{value}"
    return f"x{value}" if isinstance(value, str) else {"a": "b"}


@pytest.mark.parametrize("path", LEAVES)
def test_every_value_is_read(path: str) -> None:
    change = nested(path, another(path, LEAVES[path]))
    for context in CONTEXTS:
        try:
            if render_texts(context) != render_texts(context, change):
                return
        except helm_python.HelmRenderError:
            return  # the template asks for another value because of this one
    pytest.fail(f"nobody reads {path}")


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that the schema describes."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" or "properties" in schema:
            yield path, dict(schema)
        for key, part in schema.items():
            yield from objects(part, f"{path}/{key}")


def test_the_schema_is_closed_at_every_level() -> None:
    """An object lists its keys, or says what the values under any key are."""
    found = dict(objects(SCHEMA))
    assert len(found) > 35
    for path, schema in found.items():
        more = schema.get("additionalProperties")
        assert more is False or (isinstance(more, dict) and more), path


def properties(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What can be set, as far as values.yaml spells it out."""
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    for key, part in schema.get("properties", {}).items():
        place = f"{path}.{key}" if path else key
        yield from [place] if place in LEAVES else properties(part, place)


def test_values_and_schema_list_the_same() -> None:
    described, given = set(properties(SCHEMA)), set(LEAVES)
    open_maps = {p for p in given if p.rpartition(".")[0].endswith("labels")}
    assert given - described == open_maps


def test_every_section_is_commented() -> None:
    """A section of the first level has a comment above it, or above its first value."""
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    sections = [n for n, line in enumerate(lines) if line[:1].isalpha()]
    assert len(sections) == len(chart().values)
    for n in sections:
        assert lines[n - 1].startswith("#") or lines[n + 1].strip().startswith("#"), lines[n]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"killSwich": True}, ["killSwich"]),
        ({"killSwitch": "yes"}, ["/killSwitch", "want boolean"]),
        ({"profile": "tpu"}, ["/profile", "'cpu', 'gpu'"]),
        ({"triton": {"cpu": 1.5}}, ["/triton/cpu", "want integer"]),
        ({"triton": {"cpu": 0}}, ["/triton/cpu", "minimum"]),
        ({"triton": {"model": {"version": -1}}}, ["/triton/model/version"]),
        ({"triton": {"memory": "lots"}}, ["/triton/memory", "pattern"]),
        ({"triton": {"model": {"versoin": 2}}}, ["/triton/model", "versoin"]),
        ({"autoscaling": {"triton": {"minReplicas": 1}}}, ["minReplicas", "want 2"]),
        ({"autoscaling": {"facade": {"targetCPUPercent": 90}}}, ["targetCPUPercent", "70"]),
        ({"facade": {"settings": {"budgetms": 1}}}, ["/facade/settings", "budgetms"]),
        ({"facade": {"settings": {"budgetMs": "240ms"}}}, ["/facade/settings/budgetMs", "number"]),
        ({"facade": {"settings": {"rateLimitKey": "many"}}}, ["rateLimitKey", "many"]),
        ({"facade": {"settings": {"onTimeout": "wait"}}}, ["onTimeout", "'rules', 'error'"]),
        ({"policies": {"defaults": {"threshold": 7}}}, ["/policies/defaults/threshold", "maximum"]),
        ({"policies": {"tenants": {"acme": {"treshold": 1}}}}, ["/policies/tenants/acme"]),
        ({"images": {"facade": {"digest": "latest"}}}, ["/images/facade/digest"]),
        ({"networkPolicy": {"clients": [{}]}}, ["/networkPolicy/clients/0"]),
        ({"networkPolicy": {"clients": [{"podSelektor": {}}]}}, ["podSelektor"]),
        ({"data": {"detectors": {"../x": "a"}}}, ["/data/detectors"]),
        ({"monitoring": {"links": {"runbook": "wiki"}}}, ["/monitoring/links/runbook", "pattern"]),
    ],
)
def test_a_bad_value_is_refused(values: Values, words: list[str]) -> None:
    with pytest.raises(helm_python.HelmValuesError) as refused:
        render_texts(values)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auth": {"keysSecret": ""}}, "auth.keysSecret: name the Secret"),
        ({"triton": {"model": {"store": "pvc"}}}, "triton.model.claim: name"),
        (
            {"triton": {"model": {"manifestDigest": f"sha256:{'a' * 64}"}}},
            "triton.model.manifestDigest: is of one version",
        ),
        ({"triton": {"model": {"store": "initImage"}}}, "triton.model.initImage.reference: name"),
        ({"ingress": {"enabled": True, "host": "a.example.com"}}, "keys do not travel without TLS"),
        ({"monitoring": {"serviceMonitor": {"enabled": True}}}, "scope metrics:read"),
        ({"redis": {"enabled": True}}, "redis.urlSecret: name the Secret"),
        ({"redis": {"enabled": True, "urlSecret": "r"}}, "say where Redis is"),
        ({"review": {"enabled": True}}, "review.urlSecret: name the Secret"),
        ({"review": {"enabled": True, "urlSecret": "r"}}, "say where PostgreSQL is"),
        ({"events": {"enabled": True}}, "events.urlSecret: name the Secret"),
        ({"events": {"enabled": True, "urlSecret": "r"}}, "say where the PostgreSQL of events is"),
        ({"facade": {"settings": {"otlpEndpoint": "http://c:4318"}}}, "say where facade.settings"),
        ({"facade": {"settings": {"otlpLogsEndpoint": "http://c:4318"}}}, "otlpLogsEndpoint is"),
        ({"autoscaling": {"keda": {"enabled": True}}}, "nobody reads the queue time"),
        (
            {"autoscaling": {"triton": {"minReplicas": 5, "maxReplicas": 4}}},
            "autoscaling.triton: minReplicas 5 is above maxReplicas 4",
        ),
    ],
)
def test_what_is_missing_is_said(values: Values, words: str) -> None:
    with pytest.raises(helm_python.HelmRenderError) as refused:
        render_texts(values)
    assert words in str(refused.value)


def test_an_install_without_values_says_what_it_needs() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"auth\.keysSecret"):
        chart().render({}, name="demo", namespace="prod")


def test_a_long_release_name_stays_within_bounds() -> None:
    texts = chart().render(dict(NEEDED), name="a" * 53, namespace="prod")
    assert "a" * 41 not in "".join(t for p, t in texts.items() if "services" in p).replace(
        f"instance: {'a' * 53}", ""
    )


def test_profiles_are_complete() -> None:
    assert set(PROFILES) == set(SCHEMA["properties"]["profile"]["enum"])
