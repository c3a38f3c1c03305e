"""An operator's detector files behind the facade: rules, catalogue, metrics, health."""

from pathlib import Path
from typing import Any

import httpx

from bench.processes import ROOT
from client_api.mapping.gateway import ModelError
from tests.support.fake_model import FakeGateway, facade, raising, samples
from tools.doc_blocks import blocks

FILE = "{detector: acme-guard, maps: {bad vibes: HARM.SPEECH.Toxicity}}"
ITEM = {"detector": "acme-guard", "output": "bad vibes"}


PAGE = ROOT / "docs" / "own-detectors.md"


def ask(client: httpx.Client, **headers: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/map", json=ITEM, headers=headers).json()
    return answer


def names(client: httpx.Client, **headers: str) -> set[str]:
    answer = client.get("/detectors", headers=headers).json()
    return {detector["detector"] for detector in answer["detectors"]}


def test_a_file_that_comes_goes_or_is_bad_while_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    with facade(raising(ModelError("gone")), detectors_dir=tmp_path) as client:
        before = ask(client)
        assert before["taxonomy"] == ["OTHER.Unknown"]
        file.write_text(FILE)
        after = ask(client)
        assert after["taxonomy"] == ["HARM.SPEECH.Toxicity"]
        rules = after["version_info"]["rules"]
        assert rules.startswith(before["version_info"]["rules"] + "+own.")
        assert client.get("/version").json()["rules"] == rules
        assert client.get("/detectors").json()["version"] == rules
        assert "acme-guard" in names(client)
        file.write_text("{detector: acme-guard, maps: {bad vibes: HARM.Nonsense}}")
        assert ask(client)["taxonomy"] == ["HARM.SPEECH.Toxicity"]
        health = client.get("/health").json()
        assert health["status"] == "degraded"
        assert any("detectors" in reason for reason in health["reasons"])
        file.unlink()
        assert ask(client)["taxonomy"] == ["OTHER.Unknown"]
        assert "acme-guard" not in names(client)


def test_a_known_detector_of_ones_own_has_series_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(FILE)
    with facade(detectors_dir=tmp_path) as client:
        ask(client)
        assert samples(client)["mapper_requests_total", "acme-guard", "success"] == 1


def test_a_tenants_file_is_seen_by_that_tenant_alone(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(
        "{detector: acme-guard, tenants: [north], maps: {bad vibes: HARM.SPEECH.Toxicity}}"
    )
    gateway = FakeGateway(raising(ModelError("gone")))
    with facade(gateway, detectors_dir=tmp_path) as client:
        north, south = {"X-Tenant-ID": "north"}, {"X-Tenant-ID": "south"}
        assert ask(client, **north)["taxonomy"] == ["HARM.SPEECH.Toxicity"]
        assert ask(client, **south)["taxonomy"] == ["OTHER.Unknown"]
        assert "acme-guard" in names(client, **north)
        assert "acme-guard" not in names(client, **south) | names(client)
        batch = {"requests": [ITEM | {"tenant_id": "north"}] * 2}
        results = client.post("/map/batch", json=batch, headers=north).json()["results"]
        assert [r["taxonomy"] for r in results] == [["HARM.SPEECH.Toxicity"]] * 2


def test_triton_is_told_the_tenant_of_an_item(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with facade(gateway, detectors_dir=tmp_path) as client:
        ask(client, **{"X-Tenant-ID": "north"})
        ask(client)
    assert [item.tenant for item in gateway.items] == ["north", None]


def test_the_file_of_the_page_is_a_good_one(tmp_path: Path) -> None:
    [file] = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    with facade(detectors_dir=tmp_path) as client:
        checked = client.post("/detectors/check", json={"file": file}).json()
    assert (checked["detector"], checked["problems"]) == ("acme-guard", [])
