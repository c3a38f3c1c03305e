"""Settings by tenant and detector, and the kill switch, in the running facade."""

import json
import threading
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from client_api.app import create_app
from client_api.mapping import kill_switch
from client_api.settings import Settings
from schemas import policies as policies_module
from schemas.config.errors import ConfigError
from tests.support.fake_model import HATE, FakeGateway, facade, model, samples

POLICIES = """
defaults: {threshold: 0.5}
detectors:
  openai-moderation: {threshold: 0.4}
tenants:
  acme:
    threshold: 0.7
    allowed_detectors: [OpenAI Moderation, presidio]
    detectors: {presidio: {threshold: 0.9, budget_cap_ms: 1000}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "policies.yaml"
    found.write_text(POLICIES)
    return found


def send(client: httpx.Client, detector: str, tenant: str | None = None, **more: Any) -> Any:
    headers = {"X-Tenant-ID": tenant} if tenant else {}
    body = {"detector": detector, "output": "hate"} | more
    return client.post("/map", json=body, headers=headers)


def test_the_nearest_threshold_goes_to_the_model(path: Path) -> None:
    gateway = FakeGateway()
    with facade(gateway, policies_file=path) as client:
        for detector, tenant, threshold in (
            ("other", None, 0.5),
            ("OPENAI moderation", None, 0.4),
            ("openai-moderation", "acme", 0.7),
            ("presidio", "acme", 0.9),
            ("openai-moderation", "globex", 0.4),
        ):
            assert send(client, detector, tenant).status_code == 200
            assert gateway.items[-1].threshold == threshold
        send(client, "presidio", "acme", threshold=0.1)
        assert gateway.items[-1].threshold == 0.1


def test_a_tenant_sends_what_it_may(path: Path) -> None:
    with facade(policies_file=path) as client:
        assert send(client, "openai_moderation", "acme").status_code == 200
        refused = send(client, "detoxify", "acme")
        assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")
        assert send(client, "detoxify", "globex").status_code == 200
        items = [HATE | {"tenant_id": "acme"}, {"detector": "detoxify", "output": "toxicity"}]
        sent = {"json": {"requests": items}, "headers": {"X-Tenant-ID": "acme"}}
        body = client.post("/map/batch", **sent).json()
    assert [r is not None for r in body["results"]] == [True, False]
    assert body["errors"][0]["error_code"] == "FORBIDDEN"


def test_a_budget_is_raised_to_the_cap_and_lowered_freely(path: Path) -> None:
    budgets: list[float] = []

    class Recording(FakeGateway):
        async def map(self, items: Any, budget_s: float) -> Any:
            if items[0].detector != "canary":
                budgets.append(budget_s)
            return await super().map(items, budget_s)

    def ask(client: httpx.Client, detector: str, budget: str | None) -> float:
        headers = {"X-Tenant-ID": "acme"} | ({"X-Budget-Ms": budget} if budget else {})
        body = {"detector": detector, "output": "hate"}
        assert client.post("/map", json=body, headers=headers).status_code == 200
        return budgets[-1]

    with facade(Recording(), policies_file=path, budget_ms=500) as client:
        usual = ask(client, "presidio", None)
        assert usual <= 0.5
        assert 0.5 < ask(client, "presidio", "90000") <= 1.0
        assert ask(client, "openai-moderation", "90000") <= 0.5
        assert ask(client, "presidio", "400") <= 0.4


def test_a_change_is_taken_over_and_a_bad_one_is_not(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = FakeGateway()
    with facade(gateway, policies_file=path) as client:

        def threshold() -> float | None:
            assert send(client, "other").status_code == 200
            return gateway.items[-1].threshold

        assert threshold() == 0.5
        path.write_text("defaults: {threshold: 0.25}")
        assert threshold() == 0.25
        path.write_text("defaults: {threshold: 25}")
        assert threshold() == 0.25
        health = client.get("/health").json()
        assert (health["status"], len(health["reasons"])) == ("degraded", 1)
        assert "policies" in health["reasons"][0]
        assert str(path) not in str(health)
        said = capsys.readouterr().out
        assert "defaults.threshold" in said
        assert str(path) in said
        path.unlink()
        assert threshold() == 0.25
        path.write_text("{}")
        assert threshold() is None
        assert client.get("/health").json()["reasons"] == []


def test_a_bad_file_keeps_the_service_from_starting(path: Path, tmp_path: Path) -> None:
    path.write_text("tenants: {acme: {treshold: 1}}")
    with pytest.raises(ConfigError, match=r"tenants\.acme"):
        create_app(Settings(policies_file=path))
    with pytest.raises(ConfigError):
        create_app(Settings(keys_file=tmp_path / "none"))


def holds(client: httpx.Client) -> tuple[str, list[str]]:
    """The mode, as every place tells it, and who asks for it."""
    health, mode = client.get("/health").json(), client.get("/admin/mode").json()["mode"]
    seen, answer = samples(client), client.post("/map", json=HATE).json()
    assert health["mode"] == mode == client.get("/metrics/summary").json()["mode"]
    assert [m for m in ("hybrid", "rules_only") if seen["mapper_mode", m] == 1] == [mode]
    assert (answer["fallback_reason"] == "rules_only") == (mode == "rules_only")
    assert (health["status"] == "degraded") == (mode == "rules_only")
    return mode, health["mode_asked_by"]


def test_the_kill_switch_holds_while_anyone_asks_for_it(path: Path) -> None:
    gateway = FakeGateway()

    def put(client: httpx.Client, mode: str) -> str:
        said: str = client.put("/admin/mode", json={"mode": mode}).json()["mode"]
        return said

    with facade(gateway, policies_file=path) as client:
        assert holds(client) == ("hybrid", [])
        assert put(client, "rules_only") == "rules_only"
        calls = len(gateway.asked)
        assert holds(client) == ("rules_only", ["admin"])
        path.write_text("mode: rules_only")
        assert holds(client) == ("rules_only", ["file", "admin"])
        assert put(client, "hybrid") == "rules_only"
        assert holds(client) == ("rules_only", ["file"])
        batch = client.post("/map/batch", json={"requests": [HATE] * 3}).json()
        assert {r["fallback_reason"] for r in batch["results"]} == {"rules_only"}
        assert len(gateway.asked) == calls
        path.write_text("mode: hybrid")
        assert holds(client) == ("hybrid", [])
    with facade(mode="rules_only") as client:
        assert put(client, "hybrid") == "rules_only"
        assert holds(client) == ("rules_only", ["environment"])


def test_the_administrators_word_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "not" / "yet" / "mode.json"
    with facade(mode_state_file=state) as client:
        client.put("/admin/mode", json={"mode": "rules_only"})
    asked: list[str] = []

    def counting(item: Any) -> Any:
        asked.append(item.detector)
        return model(item)

    with facade(FakeGateway(counting), mode_state_file=state) as client:
        assert holds(client) == ("rules_only", ["admin"])
        assert asked == []
        client.put("/admin/mode", json={"mode": "hybrid"})
    with facade(mode_state_file=state) as client:
        assert holds(client)[0] == "hybrid"
    assert json.loads(state.read_text()) == {"mode": "hybrid"}


def test_a_word_that_cannot_be_kept_holds_and_says_so(tmp_path: Path) -> None:
    with facade(mode_state_file=tmp_path / "folder" / "mode.json") as client:
        (tmp_path / "folder").write_text("a file now")
        response = client.put("/admin/mode", json={"mode": "rules_only"})
        assert (response.status_code, response.json()["error_code"]) == (500, "INTERNAL_ERROR")
        assert str(tmp_path) not in response.text
        assert holds(client) == ("rules_only", ["admin"])


def test_the_switch_is_written_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[str] = []
    monkeypatch.setattr(
        kill_switch,
        "write_private",
        lambda *_: writers.append(threading.current_thread().name),
    )
    with facade(mode_state_file=tmp_path / "mode.json") as client:
        assert client.put("/admin/mode", json={"mode": "rules_only"}).status_code == 200
    assert [name.startswith("asyncio_") for name in writers] == [True]


def test_a_changed_file_is_read_where_it_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[str] = []
    read = policies_module.read_policies

    def note(path: Path, canonical: Any) -> Any:
        readers.append(threading.current_thread().name)
        return read(path, canonical)

    monkeypatch.setattr(policies_module, "read_policies", note)
    file = tmp_path / "policies.yaml"
    file.write_text("{}")
    with facade(policies_file=file) as client:
        for text in ("mode: rules_only", "{}  # again"):
            readers.clear()
            file.write_text(text)
            client.get("/health/live")
            assert [name.startswith("asyncio_") for name in readers] == [True]


def test_the_canary_reads_a_changed_file_in_a_thread_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader: Queue[str] = Queue()
    read = policies_module.read_policies

    def note(path: Path, canonical: Any) -> Any:
        reader.put(threading.current_thread().name)
        return read(path, canonical)

    file = tmp_path / "policies.yaml"
    file.write_text("{}")
    with facade(policies_file=file, canary_interval_s=0.01):
        monkeypatch.setattr(policies_module, "read_policies", note)
        file.write_text("mode: rules_only")
        assert reader.get(timeout=30).startswith("asyncio_")
