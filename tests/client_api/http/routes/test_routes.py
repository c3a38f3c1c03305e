"""The facade without Triton: what a slow, a failing and a lying model do to an answer, and what
is counted."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from starlette.testclient import TestClient

from client_api.app import create_app
from client_api.mapping.gateway import Item, ModelError, ModelTimeout
from client_api.settings import Settings
from client_api.telemetry.window import Window
from fallback.decision.decision import Decision
from pipeline.steps import Pipeline
from schemas.contract import ErrorCode, Source
from tests.support.fake_model import HATE, FakeGateway, facade, model, raising, samples


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelTimeout("slow"), "timeout"),
        (ModelError("gone"), "model_error"),
        (RuntimeError("a defect"), "model_error"),
    ],
)
def test_without_the_model_the_rules_answer(error: Exception, reason: str) -> None:
    with facade(raising(error), circuit_failures=100) as client:
        answer = client.post("/map", json=HATE).json()
        many = client.post("/map/batch", json={"requests": [HATE] * 9}).json()
        seen = samples(client)

    assert answer["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
    assert (answer["source"], answer["fallback_reason"]) == ("rules", reason)
    assert [r["fallback_reason"] for r in many["results"]] == [reason] * 9
    assert seen["mapper_requests_total", "openai-moderation", "success"] == 10
    assert seen["mapper_fallback_total", "openai-moderation", reason] == 10
    assert seen["mapper_schema_validation_total", "openai-moderation", "true"] == 0
    assert seen["mapper_schema_validation_total", "openai-moderation", "false"] == 0
    assert seen["mapper_fallback_percentage",] == 100


def test_a_defect_in_the_rules_is_an_internal_error_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with facade(raising(ModelError("gone"))) as client:
        monkeypatch.setattr(Pipeline, "decide", raising(RuntimeError("secret text")))
        single = client.post("/map", json=HATE)
        batch = client.post("/map/batch", json={"requests": [HATE]}).json()
        client.get("/nothing")
        seen = samples(client)

    assert single.status_code == 500
    assert single.headers["content-type"] == "application/problem+json"
    assert single.json()["error_code"] == ErrorCode.INTERNAL_ERROR
    assert batch["results"] == [None]
    assert batch["errors"][0]["error_code"] == ErrorCode.INTERNAL_ERROR
    assert "secret" not in single.text + str(batch) + "".join(capsys.readouterr())
    assert seen["mapper_errors_total", "INTERNAL_ERROR"] == 2
    assert seen["mapper_rejected_total", "INVALID_REQUEST"] == 1
    assert seen["mapper_requests_total", "openai-moderation", "error"] == 2


def test_answers_of_the_model_are_counted_once_and_refusals_elsewhere() -> None:
    with facade(model) as client:
        client.post("/map", json=HATE)
        client.post("/map", json={"detector": "nobody-knows-it", "output": "qwyx"})
        client.post("/map/batch", json={"requests": [HATE, HATE, {"detector": ""}]})
        client.post("/map", content=b"{", headers={"Content-Type": "application/json"})
        seen = samples(client)

    assert seen["mapper_requests_total", "openai-moderation", "success"] == 3
    assert seen["mapper_requests_total", "other", "success"] == 1
    assert seen["mapper_request_duration_seconds_count", "openai-moderation"] == 3
    assert seen["mapper_schema_validation_total", "openai-moderation", "true"] == 3
    assert seen["mapper_rejected_total", "INVALID_REQUEST"] == 2
    assert seen["mapper_batch_size_sum",] == 3
    assert seen["mapper_batch_duration_seconds_count",] == 1
    assert seen["mapper_confidence_count",] == 4
    assert not any("nobody" in str(key) for key in seen)
    assert seen["mapper_mode", "hybrid"] == 1
    assert sum(v for k, v in seen.items() if k[0] == "mapper_fallback_total") == 0


def test_a_frequent_detector_without_a_file_counts_by_its_name() -> None:
    items = [{"detector": "Acme Guard", "output": "qwyx"}] * 60
    with facade(lambda item: model(item, '{"taxonomy":["OTHER.Unknown"]}')) as client:
        for _ in range(2):
            client.post("/map/batch", json={"requests": items})
        seen = samples(client)

    assert seen["mapper_requests_total", "other", "success"] == 99
    assert seen["mapper_requests_total", "acmeguard", "success"] == 21
    assert seen["mapper_unknown_total", "other"] + seen["mapper_unknown_total", "acmeguard"] == 120
    assert seen["mapper_override_total", "acmeguard"] == 0


def test_invalid_candidates_show_in_the_gauge_and_raise_alerts() -> None:
    with facade(lambda item: model(item, "{cut")) as client:
        assert client.get("/metrics/alerts").json()["alerts"] == []
        client.post("/map", json=HATE)
        seen = samples(client)
        body = client.get("/metrics/alerts").json()
        summary = client.get("/metrics/summary").json()

    assert seen["mapper_schema_validation_total", "openai-moderation", "false"] == 1
    assert seen["mapper_schema_valid_percentage",] == 0
    assert body["count"] == len(body["alerts"]) == 2
    assert {a["metric"] for a in body["alerts"]} == {
        "schema_valid_percentage",
        "fallback_percentage",
    }
    assert all(set(a) >= {"value", "threshold", "severity", "message"} for a in body["alerts"])
    assert summary["items"] == 1


def test_without_traffic_series_exist_and_gauges_are_no_nan() -> None:
    with facade(model) as client:
        seen = samples(client)

    assert seen["mapper_schema_valid_percentage",] == 100
    assert seen["mapper_fallback_percentage",] == 0
    for series in (
        ("mapper_requests_total", "other", "success"),
        ("mapper_requests_total", "other", "error"),
        ("mapper_schema_validation_total", "other", "true"),
        ("mapper_schema_validation_total", "other", "false"),
        ("mapper_fallback_total", "other", "timeout"),
        *(
            ("mapper_request_duration_seconds_bucket", "other", le)
            for le in ("0.12", "0.2", "0.25")
        ),
    ):
        assert seen[series] == 0


def test_rules_only_from_the_environment_asks_nobody() -> None:
    gateway = FakeGateway(model)
    app = create_app(Settings(mode="rules_only"), lambda _: gateway)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/map", json=HATE).json()
        ready = client.get("/health/ready")

    assert answer["fallback_reason"] == "rules_only"
    assert gateway.asked == []
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")


def test_not_ready_before_the_first_canary_and_ready_by_rules_after_the_grace() -> None:
    with facade(FakeGateway(raising(ModelError("gone")))) as client:
        waiting = client.get("/health/ready")
        assert client.get("/health/live").status_code == 200
    with facade(FakeGateway(raising(ModelError("gone"))), startup_grace_s=1e-9) as client:
        degraded = client.get("/health")

    assert waiting.status_code == 503
    assert waiting.json()["retryable"] is True
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")


def test_a_batch_travels_in_chunks_and_a_late_one_is_answered_by_rules() -> None:
    class Slow(FakeGateway):
        async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
            await asyncio.sleep(budget_s)
            return await super().map(items, budget_s)

    gateway = Slow(model)
    app = create_app(Settings(batch_chunk=2), lambda _: gateway)
    items = [HATE | {"output": f"word {i}"} for i in range(5)]
    with TestClient(app, base_url="http://localhost") as client:
        response = client.post(
            "/map/batch", json={"requests": items}, headers={"X-Budget-Ms": "200"}
        )

    reasons = [r["fallback_reason"] for r in response.json()["results"]]
    asked = [chunk for chunk in gateway.asked if chunk[0].startswith("word")]
    assert len(reasons) == 5
    assert reasons[2:] == ["timeout"] * 3
    assert asked == [["word 0", "word 1"]]


def test_the_window_forgets() -> None:
    now = [1000.0]
    window = Window((0.1, 0.2), clock=lambda: now[0])
    for seconds in (0.05, 0.15, 0.15, 9.0):
        window.add(seconds, detector="d", source=Source.MODEL, valid=True, reason=None)
    counts = window.total()

    assert counts.items == 4
    assert window.quantile(counts, 0.25) == pytest.approx(0.1)
    assert window.quantile(counts, 0.5) == pytest.approx(0.15)
    assert window.quantile(counts, 1.0) == pytest.approx(0.2)
    now[0] += 310
    assert window.total().items == 0
    assert window.quantile(window.total(), 0.95) is None


def test_every_error_code_has_its_row_in_the_table() -> None:
    from client_api.http.errors import ERRORS

    assert set(ERRORS) == set(ErrorCode)
    assert httpx.codes(ERRORS[ErrorCode.RATE_LIMITED].status) == 429
