"""What HTTP expects of a careful service, on every path."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry import propagate, trace

from client_api.mapping.gateway import ModelOverloaded, ModelTimeout
from pipeline.tenants import TenantPipelines
from tests.support.fake_model import HATE, FakeGateway, KeyFile, facade, model, raising

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/map/", "/map/batch/", "/health/", "/taxonomy/"])
def test_nobody_is_sent_to_where_the_host_header_says(path: str) -> None:
    with facade(allowed_hosts="*") as client:
        for method in ("GET", "POST"):
            answer = client.request(
                method, path, headers={"Host": "evil.example"}, follow_redirects=False
            )
            assert answer.status_code == 404
            assert "location" not in answer.headers


def test_answers_are_kept_by_nobody_and_are_what_they_say() -> None:
    with facade() as client:
        for path in ("/health", "/metrics", "/taxonomy", "/admin/mode", "/nothing", "/"):
            headers = client.get(path).headers
            assert headers["cache-control"] in ("no-store", "no-cache", "private, no-cache"), path
            assert headers["x-content-type-options"] == "nosniff"
        assert client.post("/map", json=HATE).headers["cache-control"] == "no-store"


def test_head_is_get_without_a_body() -> None:
    paths = ("/health/live", "/health/ready", "/taxonomy", "/metrics", "/", "/nothing")
    with facade() as client:
        for path in paths:
            head, get = client.head(path), client.get(path)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
        assert client.head("/map").status_code == 405
        assert client.post("/taxonomy").headers["allow"] == "GET, HEAD"


def test_without_keys_no_foreign_name_reads_anything(tmp_path: Path, capsys: Any) -> None:
    def statuses(client: Any, host: str) -> set[int]:
        headers = {"Host": host}
        found = {client.get(p, headers=headers).status_code for p in ("/metrics", "/version")}
        return found | {client.post("/map", json=HATE, headers=headers).status_code}

    with facade() as client:
        assert statuses(client, "evil.example") == {421}
        assert statuses(client, "10.1.2.3:8080") == statuses(client, "[::1]:8080") == {200}
        assert client.get("/health/ready", headers={"Host": "probe"}).status_code == 200
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = keys.create("acme", "map:write")
    with facade(keys_file=keys.path) as client:
        in_cluster = {"Host": "llama-mapper:8080"}
        assert client.post("/map", json=HATE, headers=key | in_cluster).status_code == 200


def test_a_body_is_json_and_as_it_is() -> None:
    with facade() as client:
        for headers in ({"Content-Type": "text/plain"}, JSON | {"Content-Encoding": "gzip"}):
            answer = client.post("/map", content=b"{}", headers=headers)
            assert (answer.status_code, answer.json()["error_code"]) == (415, "INVALID_REQUEST")
        identity = JSON | {"Content-Encoding": "identity"}
        assert client.post("/map", content=b"{}", headers=identity).status_code == 422


def test_one_idempotency_key_is_sent() -> None:
    with facade() as client:
        two = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
        assert client.post("/map", json=HATE, headers=two).status_code == 422


@pytest.mark.parametrize("failure", [ModelTimeout("slow"), ModelOverloaded("full")])
def test_an_answer_of_the_moment_is_not_replayed_later(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    gateway = FakeGateway(raising(failure), model)
    key = {"Idempotency-Key": "k"}
    with facade(gateway, circuit_failures=100) as client:
        store = client.app.state.shared.idempotency._store
        monkeypatch.setattr(store, "_clock", lambda: now[0])
        for path, body in (("/map", HATE), ("/map/batch", {"requests": [HATE]})):
            headers = key | {"Idempotency-Key": path}
            gateway.answer = raising(failure)
            first = client.post(path, json=body, headers=headers)
            at_once = client.post(path, json=body, headers=headers)
            assert at_once.content == first.content
            now[0] += 2
            gateway.answer = model
            later = client.post(path, json=body, headers=headers)
            assert "idempotent-replayed" not in later.headers
            now[0] += 2
            assert "idempotent-replayed" in client.post(path, json=body, headers=headers).headers


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"normalised_scores": {}}, "did you mean 'normalized_scores'"),
        ({"Kind": "pii"}, "did you mean 'kind'"),
        ({"a-secret-of-somebody": 1}, "a key is not known"),
    ],
)
def test_a_hint_that_means_nothing_is_refused(metadata: dict[str, Any], said: str) -> None:
    with facade() as client:
        answer = client.post("/map", json=HATE | {"metadata": metadata})
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
        assert "secret" not in answer.text
        batch = {"requests": [HATE, HATE | {"metadata": metadata}]}
        [error] = client.post("/map/batch", json=batch).json()["errors"]
    assert error["index"] == 1


def test_contributing_detectors_are_those_the_tenant_may_use(tmp_path: Path) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text("defaults: {allowed_detectors: [presidio]}\n")

    def status(client: Any, *names: str) -> int:
        body = {"detector": "presidio", "output": "EMAIL"}
        hints = {"metadata": {"contributing_detectors": list(names)}}
        code: int = client.post("/map", json=body | hints).status_code
        return code

    with facade(policies_file=policies) as client:
        assert status(client, "presidio", "nobody-knows-it") == 200
        assert status(client, "presidio", "llama-guard-3") == 403


def test_a_name_that_is_repeated_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text("defaults: {allowed_detectors: [presidio]}\n")
    looked_up: list[str] = []
    names = {"metadata": {"contributing_detectors": ["nobody-knows-it"] * 3000 + ["presidio"] * 9}}
    with facade(policies_file=policies) as client:
        monkeypatch.setattr(TenantPipelines, "resolve", lambda _, name: looked_up.append(name))
        body = {"detector": "presidio", "output": "EMAIL"}
        assert client.post("/map", json=body | names).status_code == 200
    assert looked_up.count("nobody-knows-it") == 1


@pytest.mark.parametrize("tenant", [" acme", "acme\u00a0", "ac\u0007me"])
def test_a_tenant_has_one_spelling(tenant: str) -> None:
    with facade() as client:
        assert client.post("/map", json=HATE | {"tenant_id": tenant}).status_code == 403


@pytest.mark.parametrize("trusted", [False, True])
def test_a_callers_trace_goes_on_and_its_state_only_when_trusted(trusted: bool) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with facade(trust_tracestate=trusted):
        found = propagate.extract({"traceparent": parent, "tracestate": "secret=1"})
    span = trace.get_current_span(found).get_span_context()
    assert trace.format_trace_id(span.trace_id) == parent.split("-")[1]
    assert bool(span.trace_state) is trusted
