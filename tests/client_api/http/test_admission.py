"""What a request may cost: limits on items and on nesting."""

from typing import Any

import httpx
import pytest

from bench.faults.redis_server import RedisServer, running_redis
from tests.support.fake_model import HATE, KeyFile, facade, samples

JSON = {"Content-Type": "application/json"}


def left(response: httpx.Response) -> int:
    return int(response.headers["ratelimit-remaining"])


def test_a_batch_costs_its_items_and_every_answer_says_what_is_left() -> None:
    with facade(rate_limit_address="10/minute") as client:
        assert left(client.post("/map", json=HATE)) == 9
        assert left(client.post("/map/batch", json={"requests": [HATE] * 4})) == 5
        for bad in (client.post("/map", json={}), client.post("/map", content=b"{", headers=JSON)):
            assert bad.status_code in (400, 422)
        assert left(bad) == 3
        assert left(client.post("/map", content=b"x" * 10_000_000)) == 2
        over = client.post("/map/batch", json={"requests": [HATE] * 4})
        assert (over.status_code, over.json()["error_code"]) == (429, "RATE_LIMITED")
        assert over.json()["retryable"] is True
        assert 1 <= int(over.headers["retry-after"]) <= 60
        assert over.headers["ratelimit-limit"] == "10"
        never = client.post("/map/batch", json={"requests": [HATE] * 50})
        assert (never.status_code, never.json()["retryable"]) == (429, False)
        # A refused batch cost nothing; a page costs one; probes and metrics are never limited.
        assert left(client.post("/map", json=HATE)) == 1
        assert left(client.get("/taxonomy")) == 0
        assert client.get("/openapi.json").status_code == 429
        assert client.get("/health").status_code == 200
        seen = samples(client)

    assert seen["mapper_rejected_total", "RATE_LIMITED"] >= 2
    assert seen["mapper_requests_total", "openai-moderation", "success"] == 6


def test_an_address_does_not_escape_by_what_it_writes() -> None:
    def forwarded(i: int) -> list[dict[str, str]]:
        return [
            {"X-Forwarded-For": f"9.9.9.{i}"},
            {"Forwarded": f"for=9.9.8.{i}", "X-Real-IP": f"9.9.7.{i}"},
            {"X-Forwarded-For": f"9.9.6.{i}, 127.0.0.1"},
            {"X-Tenant-ID": f"tenant-{i}"},
            {"User-Agent": f"agent {i}"},
        ]

    with facade(rate_limit_address="5/minute", address="203.0.113.9") as client:
        sent = [client.post("/map", json=HATE, headers=h) for i in (1, 2) for h in forwarded(i)]
    assert [r.status_code for r in sent] == [200] * 5 + [429] * 5


def test_a_trusted_proxy_is_believed_to_its_own_entry_and_no_further() -> None:
    limits = {"rate_limit_address": "1/minute", "trusted_proxies": "10.0.0.0/8"}
    with facade(address="10.1.1.1", **limits) as client:

        def status(*forwarded: str) -> int:
            headers = [("X-Forwarded-For", value) for value in forwarded]
            return client.post("/map", json=HATE, headers=headers).status_code

        assert status("203.0.113.1") == 200
        assert status("203.0.113.2") == 200
        assert status("198.51.100.7, 203.0.113.1") == 429
        assert status("198.51.100.7", "203.0.113.2, 10.9.9.9") == 429
        assert status("::ffff:203.0.113.1") == 429


def test_keys_and_wrong_keys_are_limited(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    one, two = keys.create("acme", "map:write"), keys.create("acme", "map:write")
    limits = {"rate_limit_key": "2/minute", "rate_limit_address": "3/minute"}
    with facade(keys_file=keys.path, rate_limit_tenant="3/minute", **limits) as client:

        def status(header: dict[str, str]) -> int:
            return client.post("/map", json=HATE, headers=header).status_code

        assert [status(one) for _ in range(3)] == [200, 200, 429]
        # The tenant's sum, not the key's own: what the first key was refused is not in it.
        assert [status(two) for _ in range(2)] == [200, 429]
        # Guessing is limited by address, and locks out no key holder.
        assert [status({"X-API-Key": f"guess-{i}"}) for i in range(5)] == [401] * 3 + [429] * 2
        assert client.get("/metrics", headers={"X-API-Key": "guess"}).status_code == 429
        for spelled in (one["X-API-Key"].upper(), f" {one['X-API-Key']} ", one["X-API-Key"] + "="):
            assert status({"x-Api-Key": spelled}) == 429


def test_limits_are_on_beyond_loopback_and_off_on_it() -> None:
    with facade(host="0.0.0.0", allow_open=True) as client:
        assert client.post("/map", json=HATE).headers["ratelimit-limit"] == "1200"
    with facade() as client:
        assert "ratelimit-limit" not in client.post("/map", json=HATE).headers


def test_redis_counts_for_all_and_its_outage_lets_pass() -> None:
    def shared(server: RedisServer) -> dict[str, Any]:
        return {
            "redis_url": server.url,
            "rate_limit_address": "3/minute",
            "redis_timeout_ms": 1000.0,
        }

    key = {"Idempotency-Key": "k"}
    with (
        running_redis() as server,
        facade(**shared(server)) as one,
        facade(**shared(server)) as two,
    ):
        first = one.post("/map", json=HATE, headers=key)
        again = two.post("/map", json=HATE, headers=key)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == first.content
        sent = [client.post("/map", json=HATE).status_code for client in (one, two, one)]
        assert sent == [200, 429, 429]
        server.kill()
        assert one.post("/map", json=HATE, headers=key).status_code == 200
        seen = samples(one)
    assert seen["mapper_shared_store_outages_total", "rate_limits"] == 1
    assert seen["mapper_shared_store_outages_total", "idempotency"] == 1


def nested(levels: int) -> Any:
    value: Any = []
    for level in range(levels - 1):
        value = [value] if level % 2 else {"k": value}
    return value


def test_nested_json_has_limits_for_each_item() -> None:
    with facade() as client:

        def status(item: dict[str, Any]) -> int:
            return client.post("/map", json={"detector": "d", "output": "x"} | item).status_code

        assert status({"output": nested(32)}) == 200
        assert status({"output": nested(34)}) == 422
        assert status({"metadata": {"m": nested(600)}}) == 422
        assert status({"output": list(range(9_000))}) == 200
        assert status({"output": list(range(11_000))}) == 422
        assert status({"output": {"a": [[]] * 11_000}}) == 422
        items = [HATE, {"detector": "d", "output": nested(40)}, HATE]
        batch = client.post("/map/batch", json={"requests": items}).json()
        many = b'{"requests": [%s]}' % b",".join([b"[]"] * 1_100_000)
        assert client.post("/map/batch", content=many, headers=JSON).status_code == 413

    assert [r is not None for r in batch["results"]] == [True, False, True]
    assert batch["errors"][0]["index"] == 1
    assert batch["errors"][0]["error_code"] == "INVALID_REQUEST"
