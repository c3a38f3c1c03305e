"""The OpenAPI document: it states what callers get, and answers are as it states."""

import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.taxonomy import load_taxonomy
from tests.support.fake_model import HATE, KeyFile, facade

READ = (
    *("/taxonomy", "/frameworks", "/detectors", "/version", "/admin/mode"),
    *("/metrics/summary", "/metrics/alerts", "/health", "/health/live", "/health/model"),
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with facade() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [op for path in document["paths"].values() for op in path.values()]


def schema_of(document: dict[str, Any], method: str, path: str, status: str) -> dict[str, Any]:
    """The schema of a body, with the components that it refers to."""
    content = document["paths"][path][method]["responses"][status]["content"]
    return next(iter(content.values()))["schema"] | {"components": document["components"]}


def test_the_version_is_the_projects(document: dict[str, Any]) -> None:
    root = Path(__file__).parents[4]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    chart = yaml.safe_load((root / "helm/llama-mapper/Chart.yaml").read_text("utf-8"))
    assert document["info"]["version"] == project["version"] == chart["appVersion"]


def test_every_operation_is_described_and_plainly_named(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = [op["operationId"] for op in operations(document)]

    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and len(name) < 20 for name in ids)
    for op in operations(document):
        assert set(op["tags"]) <= tags
        assert op["description"]
        assert all(p["description"] for p in op.get("parameters", ()))
        for status, response in op["responses"].items():
            assert "X-Request-ID" in response["headers"]
            if int(status) >= 400:
                problem = response["content"]["application/problem+json"]["schema"]
                assert problem == {"$ref": "#/components/schemas/Problem"}


def test_headers_are_stated_where_they_are_sent(document: dict[str, Any]) -> None:
    mapping = document["paths"]["/map"]["post"]["responses"]
    assert {"RateLimit-Limit", "Idempotent-Replayed", "X-Budget-Granted-Ms"} <= set(
        mapping["200"]["headers"]
    )
    assert {"Retry-After", "RateLimit-Reset"} <= set(mapping["429"]["headers"])
    assert "ETag" in document["paths"]["/taxonomy"]["get"]["responses"]["304"]["headers"]
    assert "RateLimit-Limit" not in str(document["paths"]["/health"])
    budget = next(
        p for p in document["paths"]["/map"]["post"]["parameters"] if p["name"] == "X-Budget-Ms"
    )
    assert budget["schema"]["type"] == "number"
    assert budget["schema"]["exclusiveMinimum"] == 0


def test_labels_are_one_enum_and_items_of_a_batch_are_typed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    label = {"$ref": "#/components/schemas/Label"}
    item = {"$ref": "#/components/schemas/MapRequest"}
    results = schemas["BatchResponse"]["properties"]["results"]["items"]

    assert schemas["Label"]["enum"] == list(load_taxonomy().names)
    assert schemas["MapResponse"]["properties"]["taxonomy"]["items"] == label
    assert schemas["BatchRequest"]["properties"]["requests"]["items"] == item
    assert results["anyOf"] == [{"$ref": "#/components/schemas/MapResponse"}, {"type": "null"}]
    for name in ("MapRequest", "BatchRequest", "MapResponse", "BatchResponse", "Problem"):
        for example in schemas[name]["examples"]:
            whole = schemas[name] | {"components": document["components"]}
            jsonschema.validate(example, whole, jsonschema.Draft202012Validator)


def test_keys_are_stated_only_where_they_are_on(
    document: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    keys.create("acme", "map:write")
    with facade(keys_file=keys.path) as client:
        guarded = client.get("/openapi.json").json()

    assert "securitySchemes" not in document["components"]
    assert not any("security" in op or "401" in op["responses"] for op in operations(document))
    assert guarded["paths"]["/map"]["post"]["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert "security" not in guarded["paths"]["/health"]["get"]


@pytest.mark.parametrize("path", READ)
def test_an_answer_is_as_the_document_states(document: dict[str, Any], path: str) -> None:
    with facade() as client:
        client.post("/map", json=HATE)
        answer = client.get(path)

    assert answer.status_code == 200
    jsonschema.validate(answer.json(), schema_of(document, "get", path, "200"))


def test_an_event_is_as_the_document_states(document: dict[str, Any]) -> None:
    items = [HATE, {"detector": "", "output": "x"}, {"detector": "new", "output": {"a": [1]}}]
    with facade() as client:
        one = client.post("/map?explain=true", json=HATE).json()
        many = client.post("/map/batch?explain=true", json={"requests": items}).json()
        wrong = client.post("/map", json={}).json()

    jsonschema.validate(one, schema_of(document, "post", "/map", "200"))
    jsonschema.validate(many, schema_of(document, "post", "/map/batch", "200"))
    jsonschema.validate(wrong, schema_of(document, "post", "/map", "422"))


def test_controls_have_titles() -> None:
    with facade() as client:
        served = client.get("/frameworks").json()["frameworks"]
        touched = client.post("/map", json=HATE).json()["policy_context"]["frameworks"]

    titles = {f["name"]: {c["id"]: c["title"] for c in f["controls"]} for f in served}
    assert all(all(controls.values()) for controls in titles.values())
    assert all(set(ids) <= titles[name].keys() for name, ids in touched.items())


@pytest.mark.parametrize("path", ["/taxonomy", "/frameworks", "/openapi.json"])
def test_what_never_changes_is_sent_once_and_compressed(path: str) -> None:
    with facade() as client:
        plain = client.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
        packed = client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        tag = plain.headers["etag"]
        held = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
        changed = client.get(path, headers={"If-None-Match": '"other"'})
        head = client.head(path, headers={"If-None-Match": tag})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == changed.content
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
    assert head.status_code == 304


def test_errors_in_a_body_name_the_place() -> None:
    with facade() as client:
        headers = {"Content-Type": "application/json"}
        broken = client.post("/map", content=b'{"detector":\n "x",, }', headers=headers)
        near = client.post("/map", json=HATE | {"treshold": 0.5})
        far = client.post("/map", json=HATE | {"4111111111111111": 1})
        item = client.post("/map/batch", json={"requests": [HATE | {"treshold": 0.5}]})
        mode = client.put("/admin/mode", json={"mod": "hybrid"})

    assert (broken.status_code, broken.json()["detail"]) == (
        400,
        "the body is not JSON: line 2, column 6",
    )
    assert "'treshold' is not known; did you mean 'threshold'" in near.json()["detail"]
    assert "a key is not known; known are detector" in far.json()["detail"]
    assert "4111" not in far.text
    assert "did you mean 'threshold'" in item.json()["errors"][0]["message"]
    assert "did you mean 'mode'" in mode.json()["detail"]


def test_the_granted_budget_is_stated(tmp_path: Path) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text("defaults: {budget_cap_ms: 1000}\n")
    with facade(policies_file=policies) as client:

        def granted(path: str, body: Any, **headers: str) -> str:
            return client.post(path, json=body, headers=headers).headers["x-budget-granted-ms"]

        batch = {"requests": [HATE] * 3}
        replayed = {"Idempotency-Key": "once"}
        assert granted("/map", HATE) == "240"
        assert granted("/map", HATE, **{"X-Budget-Ms": "99.5"}) == "99.5"
        assert granted("/map", HATE, **{"X-Budget-Ms": "9000"}) == "1000"
        assert granted("/map/batch", batch) == "720"
        assert granted("/map", HATE, **replayed) == granted("/map", HATE, **replayed) == "240"
