"""Who comes in: keys, scopes, tenants, hosts and limits, against the running facade."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from client_api.settings import Settings
from tests.support.fake_model import HATE, FakeGateway, KeyFile, facade, key_id, samples

WRITE, READ, ADMIN = "map:write", "metrics:read", "admin"
NO_CAP = {"rate_limit_key": "off", "rate_limit_address": "off"}


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KeyFile:
    return KeyFile(tmp_path / "keys.json", capsys.readouterr)


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["request_id"] == response.headers["x-request-id"]
    return response.status_code, body["error_code"]


FORBIDDEN, UNAUTHORIZED = (403, "FORBIDDEN"), (401, "UNAUTHORIZED")


def test_each_path_wants_its_scope(keys: KeyFile) -> None:
    held = {scope: keys.create("acme", scope) for scope in (WRITE, READ, ADMIN)}
    wants = {
        ("POST", "/map"): WRITE,
        ("POST", "/map/batch"): WRITE,
        ("GET", "/metrics"): READ,
        ("GET", "/metrics/summary"): READ,
        ("GET", "/metrics/alerts"): READ,
        ("GET", "/admin/mode"): ADMIN,
        ("PUT", "/admin/mode"): ADMIN,
    }
    with facade(keys_file=keys.path) as client:
        for (method, path), needed in wants.items():
            body = {"mode": "hybrid"} if method == "PUT" else HATE
            body = {"requests": [HATE]} if path.endswith("batch") else body
            sent = body if method != "GET" else None
            assert code(client.request(method, path, json=sent)) == UNAUTHORIZED
            for scope, header in held.items():
                response = client.request(method, path, json=sent, headers=header)
                if scope == needed:
                    assert response.status_code == 200
                else:
                    assert code(response) == FORBIDDEN
        for path in ("/taxonomy", "/detectors", "/version"):
            assert code(client.get(path)) == UNAUTHORIZED
            assert client.get(path, headers=held[READ]).status_code == 200
        for path in ("/health", "/health/ready", "/health/live", "/health/model", "/docs"):
            assert client.get(path).status_code == 200
        for path in ("/no", "/map/", "/x//map", "/healthz", "/health/../map", "/MAP", "/redoc"):
            assert code(client.get(path)) == UNAUTHORIZED
        assert code(client.get("/no", headers=held[READ])) == (404, "INVALID_REQUEST")
        assert samples(client, **held[READ])["mapper_rejected_total", "FORBIDDEN"] == 14


def test_a_key_is_taken_where_it_may_stand_and_nowhere_else(keys: KeyFile) -> None:
    header = keys.create("acme", WRITE)
    key, other = header["X-API-Key"], keys.create("acme", WRITE)["X-API-Key"]
    with facade(keys_file=keys.path) as client:

        def send(headers: Any, path: str = "/map") -> httpx.Response:
            return client.post(path, json=HATE, headers=headers)

        for good in (
            {"X-API-Key": key},
            {"x-api-KEY": key},
            {"Authorization": f"Bearer {key}"},
            {"Authorization": f"bearer  {key}"},
            [("X-API-Key", key), ("X-API-Key", key)],
            [("X-API-Key", key), ("Authorization", f"Bearer {key}")],
        ):
            assert send(good).status_code == 200
        for bad in (
            {},
            {"X-API-Key": ""},
            {"X-API-Key": key[:-1]},
            {"X-API-Key": key.upper()},
            {"X-API-Key": f"{key}, {key}"},
            {"Authorization": key},
            {"Authorization": f"Basic {key}"},
            {"Cookie": f"X-API-Key={key}"},
            [("X-API-Key", key), ("X-API-Key", other)],
            [("X-API-Key", key), ("Authorization", f"Bearer {other}")],
        ):
            refused = send(bad)
            assert code(refused) == UNAUTHORIZED
            assert refused.headers["www-authenticate"] == "Bearer"
        assert code(send({}, f"/map?X-API-Key={key}&api_key={key}")) == UNAUTHORIZED


def test_keys_are_made_rotated_and_revoked_while_it_runs(keys: KeyFile) -> None:
    first = keys.create("acme", WRITE)
    with facade(keys_file=keys.path) as client:

        def status(header: dict[str, str]) -> int:
            return client.post("/map", json=HATE, headers=header).status_code

        second = keys.create("globex", WRITE)
        assert (status(first), status(second)) == (200, 200)
        successor = {"X-API-Key": keys.run("rotate", key_id(first), "--grace-hours", "0")}
        assert (status(first), status(successor)) == (401, 200)
        keys.run("revoke", key_id(second))
        assert (status(second), status(successor)) == (401, 200)

        good = keys.path.read_text()
        keys.path.write_text("{cut")
        assert status(successor) == 200
        health = client.get("/health").json()
        assert health["status"] == "degraded"
        assert "keys" in health["reasons"][0]
        assert str(keys.path) not in str(health)
        keys.path.write_text(good)
        assert client.get("/health").json()["status"] == "ready"


def test_no_tenant_reaches_another(keys: KeyFile) -> None:
    acme, globex = keys.create("acme", WRITE), keys.create("globex", WRITE)
    gateway = FakeGateway()
    with facade(gateway, keys_file=keys.path, rate_limit_tenant="3/minute") as client:

        def send(key: dict[str, str], item: dict[str, Any], *more: tuple[str, str]) -> Any:
            return client.post("/map", json=HATE | item, headers=[*key.items(), *more])

        own = send(acme, {"tenant_id": "acme"}, ("X-Tenant-ID", "acme"))
        assert own.json()["provenance"]["tenant_id"] == "acme"
        assert send(globex, {}).json()["provenance"]["tenant_id"] == "globex"
        before = list(gateway.asked)
        for item, headers in (
            ({"tenant_id": "globex"}, []),
            ({}, [("X-Tenant-ID", "globex")]),
            ({"tenant_id": "acme"}, [("X-Tenant-ID", "globex")]),
            ({}, [("X-Tenant-ID", "acme"), ("X-Tenant-ID", "globex")]),
            ({}, [("X-Tenant-ID", "ACME")]),
        ):
            refused = send(keys.create("acme", WRITE), item, *headers)
            assert code(refused) in (FORBIDDEN, (429, "RATE_LIMITED"))
            assert "globex" not in refused.text
        assert gateway.asked == before
        # What acme's keys have used up is acme's alone.
        assert code(send(acme, {})) == (429, "RATE_LIMITED")
        assert send(globex, {}).status_code == 200

        items = [HATE, HATE | {"tenant_id": "acme"}, HATE | {"tenant_id": "other"}]
        one = client.post("/map/batch", json={"requests": items[1:2]}, headers=globex).json()
        assert [e["error_code"] for e in one["errors"]] == ["FORBIDDEN"]
        assert one["results"] == [None]


def test_without_keys_tenants_are_what_they_claim_if_they_claim_one() -> None:
    with facade() as client:
        items = [HATE, HATE | {"tenant_id": "a"}, HATE | {"tenant_id": "b"}]
        sent = {"json": {"requests": items}, "headers": {"X-Tenant-ID": "a"}}
        body = client.post("/map/batch", **sent).json()
        both = [("X-Tenant-ID", "a"), ("X-Tenant-ID", "b")]
        assert code(client.post("/map", json=HATE, headers=both)) == FORBIDDEN

    assert [r and r["provenance"]["tenant_id"] for r in body["results"]] == ["a", "a", None]
    assert body["errors"][0]["error_code"] == "FORBIDDEN"


def test_console_and_admin_answer_to_their_own_host_only() -> None:
    with facade(allowed_hosts="localhost, mapper.example, [::1]") as client:

        def status(path: str, host: str) -> int:
            return client.get(path, headers={"Host": host}).status_code

        for host in ("localhost", "LOCALHOST:8080", "mapper.example:80", "[::1]", "[::1]:8080"):
            assert status("/admin/mode", host) == 200
        for host in ("evil.example", "localhost.evil.example:8080", "", "evil@localhost:x:1"):
            for path in ("/admin/mode", "/docs", "/openapi.json", "/"):
                assert status(path, host) == 421
            assert status("/health", host) == 200
        assert code(client.get("/admin/mode", headers={"Host": "evil"})) == (421, "INVALID_REQUEST")
    with facade(allowed_hosts="*") as client:
        assert client.get("/docs", headers={"Host": "any"}).status_code == 200


def test_other_sites_are_told_nothing() -> None:
    with facade() as client:
        origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        for response in (
            client.options("/admin/mode", headers=origin),
            client.get("/version", headers=origin),
        ):
            assert not [h for h in response.headers if h.startswith("access-control")]
        # What a form of another site can send is no JSON to us.
        plain = {"Content-Type": "text/plain"}
        body = json.dumps({"mode": "rules_only"})
        assert client.put("/admin/mode", content=body, headers=plain).status_code == 415
        assert client.get("/admin/mode").json() == {"mode": "hybrid"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "mapper", ""])
def test_nobody_listens_to_the_world_without_keys_by_mistake(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="MAPPER_KEYS_FILE"):
        Settings(host=host)
    assert Settings(host=host, allow_open=True).host == host
    assert Settings(host=host, keys_file=tmp_path / "keys").host == host


def test_a_refusal_to_start_does_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPER_REDIS_URL", "redis://:hunter2@h")
    monkeypatch.setenv("MAPPER_PORT", "hunter2")
    with pytest.raises(ValidationError) as error:
        Settings()
    assert "hunter2" not in str(error.value)
    monkeypatch.setenv("MAPPER_PORT", "")
    assert "hunter2" not in repr(Settings())
