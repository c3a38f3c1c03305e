"""Which failures count against availability: ours and no others, each once."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from client_api.app import create_app
from client_api.http.admission import Admission
from client_api.mapping.gateway import Item, ModelError
from client_api.settings import Settings
from fallback.decision.decision import Decision
from tests.support.fake_model import HATE, FakeGateway, facade, model, raising, samples

MAP = {
    "type": "http",
    "method": "POST",
    "path": "/map",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}


def counted(seen: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    names = ("mapper_errors_total", "mapper_rejected_total", "mapper_requests_total")
    return {key: value for key, value in seen.items() if key[0] in names and value}


def test_a_probe_that_hears_no_is_no_error() -> None:
    lost = FakeGateway(canary=raising(ModelError("gone")))
    with facade(lost) as client:
        assert client.get("/health/model").status_code == 503
        assert client.get("/health/ready").json()["status"] == "starting"
        client.app.state.drain.begun = True
        answer = client.get("/health/ready")
        seen = samples(client)

    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert counted(seen) == {}


def test_a_refusal_for_our_reasons_counts_against_availability() -> None:
    with facade(inflight_max_bytes=10) as client:
        assert client.post("/map", content=b"x" * 11).status_code == 413
        first = counted(samples(client))
    assert first == {("mapper_rejected_total", "PAYLOAD_TOO_LARGE"): 1}

    with facade(inflight_max=1) as client:
        app = client.app

        async def two_at_once() -> list[int]:
            statuses: list[int] = []
            client.app.state.shared.service._gateway = gate = Waiting()

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": json.dumps(HATE).encode()}

            async def send(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])
                    gate.open.set()

            await asyncio.gather(*(app(dict(MAP), receive, send) for _ in range(2)))
            return statuses

        statuses = asyncio.run(two_at_once())
        seen = samples(client)
        summary = client.get("/metrics/summary").json()

    assert statuses[0] == 503
    assert seen["mapper_errors_total", "OVERLOADED"] == 1
    assert seen["mapper_requests_total", "other", "error"] == 1
    assert seen["mapper_rejected_total", "OVERLOADED"] == 0
    assert seen["mapper_request_duration_seconds_count", "other"] == 0
    assert summary["success_percentage"] == 50
    [level] = [o for o in summary["objectives"] if o["indicator"] == "availability"]
    assert (level["value"], level["budget"]["bad"]) == (50, 1)


class Waiting(FakeGateway):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        await self.open.wait()
        return await super().map(items, budget_s)


def test_a_defect_before_the_items_are_taken_in_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Admission, "admit", raising(RuntimeError("a defect")))
    with facade() as client:
        assert client.post("/map", json=HATE).status_code == 500
        seen = counted(samples(client))
    assert seen == {
        ("mapper_errors_total", "INTERNAL_ERROR"): 1,
        ("mapper_requests_total", "other", "error"): 1,
    }


def test_a_request_that_we_cut_off_counts_as_failed() -> None:
    app = create_app(Settings(), lambda _: FakeGateway())

    async def scenario() -> bytes:
        async with app.router.lifespan_context(app):
            reading = asyncio.Event()

            async def receive() -> dict[str, Any]:
                reading.set()
                await asyncio.Event().wait()
                raise AssertionError

            async def send(message: dict[str, Any]) -> None: ...

            call = asyncio.create_task(app(dict(MAP), receive, send))
            await reading.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            return app.state.shared.metrics.exposition()

    text = asyncio.run(scenario()).decode()
    assert 'mapper_requests_total{detector="other",status="error"} 1.0' in text
    assert 'mapper_errors_total{error_code="OVERLOADED"} 1.0' in text


def test_items_count_by_category_and_framework() -> None:
    with facade() as client:
        before = samples(client)
        client.post("/map/batch", json={"requests": [HATE, HATE]})
        client.post("/map", json={"detector": "presidio", "output": ""})
        seen = samples(client)
        event = client.post("/map", json=HATE).json()
    assert before["mapper_label_category_total", "PII"] == 0
    assert seen["mapper_label_category_total", "HARM"] == 2
    assert seen["mapper_label_category_total", "OTHER"] == 1
    counted = {key[1] for key, n in seen.items() if key[0] == "mapper_framework_total" and n == 2}
    assert counted == event["policy_context"]["frameworks"].keys()


def test_labels_that_are_not_of_the_taxonomy_are_one_series() -> None:
    def answer(item: Item) -> Decision:
        found = model(item)
        return replace(found, event={**found.event, "taxonomy": ["NEW.One", "NEWER.Other"]})

    with facade(FakeGateway(answer)) as client:
        client.post("/map", json=HATE)
        seen = samples(client)
    assert seen["mapper_label_category_total", "other"] == 1
    assert not [key for key in seen if "NEW" in key]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/map", b"{", "INVALID_REQUEST"),
        ("/map", b"x" * 2_000_000, "PAYLOAD_TOO_LARGE"),
        ("/nothing", b"", "INVALID_REQUEST"),
    ],
)
def test_the_log_line_of_a_refused_request_names_the_error(
    path: str, body: bytes, code: str
) -> None:
    with facade() as client, capture_logs() as lines:
        client.post(path, content=body, headers={"content-type": "application/json"})
        client.post("/map", json=HATE)
    refused, answered = (line for line in lines if line["event"] == "request")
    assert refused["error_code"] == code
    assert "error_code" not in answered
