"""`Idempotency-Key` against the running facade: one answer, for one tenant and one body."""

import asyncio
from typing import Any

import httpx
import pytest

from client_api.mapping.gateway import ModelError
from pipeline.steps import Pipeline
from tests.client_api.http.test_in_flight import Gate, serving, until
from tests.support.fake_model import HATE, FakeGateway, KeyFile, facade, raising, samples

KEY = {"Idempotency-Key": "order-66"}
OTHER = HATE | {"output": "violence"}


def replayed(response: httpx.Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/map", HATE, OTHER),
        ("/map/batch", {"requests": [HATE, {"detector": ""}]}, {"requests": [OTHER]}),
    ],
)
def test_the_same_request_replays_and_another_is_refused(
    path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    gateway = FakeGateway()
    with facade(gateway) as client:
        first = client.post(path, json=body, headers=KEY)
        again = client.post(path, json=body, headers=KEY)
        elsewhere = client.post(path, json=body, headers={"Idempotency-Key": "order-67"})
        refused = [
            client.post(path, json=other, headers=KEY),
            client.post(path, json=body, headers=KEY, params={"explain": "true"}),
        ]
        seen = samples(client)

    assert (first.status_code, replayed(first)) == (200, False)
    assert (again.status_code, replayed(again)) == (200, True)
    assert again.content == first.content
    assert again.headers["content-type"] == "application/json"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert not replayed(elsewhere)
    assert [(r.status_code, r.json()["error_code"]) for r in refused] == [
        (422, "INVALID_REQUEST")
    ] * 2
    assert len(gateway.asked) == 2
    assert seen["mapper_idempotent_replays_total",] == 1
    assert seen["mapper_requests_total", "openai-moderation", "success"] == 2


def test_no_tenant_is_given_anothers_answer(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    acme, same, globex = (keys.create(t, "map:write") for t in ("acme", "acme", "globex"))
    with facade(keys_file=keys.path) as client:

        def send(key: dict[str, str], body: Any = HATE) -> httpx.Response:
            return client.post("/map", json=body, headers=KEY | key)

        assert send(acme).json()["provenance"]["tenant_id"] == "acme"
        theirs = send(globex)
        assert not replayed(theirs)
        assert theirs.json()["provenance"]["tenant_id"] == "globex"
        assert replayed(send(same))
        # Nor is a tenant told that another has used the key for something else.
        assert send(globex, OTHER).status_code == 422
        assert send(keys.create("initech", "map:write"), OTHER).status_code == 200
    with facade() as client:
        for tenant in ("a", "b"):
            answer = client.post("/map", json=HATE, headers=KEY | {"X-Tenant-ID": tenant})
            assert answer.json()["provenance"]["tenant_id"] == tenant
            assert not replayed(answer)


def test_a_duplicate_in_flight_waits_for_the_first() -> None:
    async def run() -> None:
        gate = Gate()
        async with serving(gate, budget_ms=60_000) as client:
            tasks = [
                asyncio.create_task(client.post("/map", json=HATE, headers=KEY)) for _ in range(5)
            ]
            await until(lambda: gate.waiting == 1)
            await asyncio.sleep(0.05)
            assert gate.waiting == 1
            gate.open.set()
            answers = [await task for task in tasks]
        assert len({answer.content for answer in answers}) == 1
        assert sorted(map(replayed, answers)) == [False, True, True, True, True]
        assert len(gate.asked) == 1

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_duplicate_waits_no_longer_than_its_budget() -> None:
    async def run() -> None:
        gate = Gate()
        async with serving(gate, budget_ms=60_000) as client:
            first = asyncio.create_task(client.post("/map", json=HATE, headers=KEY))
            await until(lambda: gate.waiting == 1)
            hurried = KEY | {"X-Budget-Ms": "50"}
            second = await client.post("/map", json=HATE, headers=hurried)
            assert (second.status_code, replayed(second)) == (200, False)
            assert second.json()["fallback_reason"] == "timeout"
            gate.open.set()
            assert (await first).json()["source"] == "model"

    asyncio.run(asyncio.wait_for(run(), 60))


def test_failures_and_refusals_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with facade(raising(ModelError("gone"))) as client:
        with monkeypatch.context() as broken:
            broken.setattr(Pipeline, "decide", raising(RuntimeError("a defect")))
            assert client.post("/map", json=HATE, headers=KEY).status_code == 500
        assert client.post("/map", json={"detector": "d"}, headers=KEY).status_code == 422
        answer = client.post("/map", json=OTHER, headers=KEY)
    assert (answer.status_code, replayed(answer)) == (200, False)


def test_what_is_kept_expires_and_is_bounded() -> None:
    with facade(idempotency_ttl_s=1e-6) as client:
        assert [replayed(client.post("/map", json=HATE, headers=KEY)) for _ in "12"] == [False] * 2
    with facade(idempotency_max_bytes=4_000) as client:
        for i in range(20):
            client.post("/map", json=HATE, headers={"Idempotency-Key": str(i)})
        assert not replayed(client.post("/map", json=HATE, headers={"Idempotency-Key": "0"}))
        assert replayed(client.post("/map", json=HATE, headers={"Idempotency-Key": "19"}))


@pytest.mark.parametrize("bad", ["", "two words", "x" * 256, "schlüssel"])
def test_a_key_that_is_none_is_refused(bad: str) -> None:
    with facade() as client:
        headers = [("Idempotency-Key", bad.encode("latin-1"))]
        assert client.post("/map", json=HATE, headers=headers).status_code == 422
