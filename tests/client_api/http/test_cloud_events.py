"""Answers as CloudEvents, read by the package of that project."""

import json
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_structured_event
from cloudevents.core.v1.event import CloudEvent
from starlette.testclient import TestClient

from tests.support.fake_model import HATE, facade

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = {"X-CloudEvents": "binary"}


def patient() -> TestClient:
    """A facade whose model has all the time that this machine may need."""
    return facade(budget_ms=60_000.0)


def message(response: httpx.Response) -> HTTPMessage:
    assert response.status_code == 200
    return HTTPMessage(dict(response.headers), response.content)


def undated(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"provenance": {**event["provenance"], "ts": ""}}


def test_both_modes_carry_the_answer_of_the_plain_request() -> None:
    with patient() as client:
        plain = client.post("/map", json=HATE).json()
        structured = client.post("/map", json=HATE, headers={"Accept": STRUCTURED})
        binary = client.post("/map", json=HATE, headers=BINARY)

    assert structured.headers["content-type"] == STRUCTURED
    assert binary.headers["content-type"] == "application/json"
    events = from_structured_event(message(structured)), from_binary_event(message(binary))
    for event in events:
        data = event.get_data()
        assert isinstance(data, dict)
        assert undated(data) == undated(plain)
        assert event.get_type() == "llama-mapper.mapped.v1"
        assert event.get_source() == "urn:llama-mapper:facade"
        assert event.get_subject() == "openai-moderation"
        assert event.get_time().isoformat(timespec="milliseconds") == data["provenance"]["ts"]
        assert event.get_datacontenttype() == "application/json"
    assert events[0].get_id() != events[1].get_id()


def test_a_batch_has_an_event_for_each_item() -> None:
    items = [HATE, {"detector": "", "output": "x"}, HATE | {"output": "violence"}]
    with patient() as client:
        answer = client.post("/map/batch", json={"requests": items}, headers={"Accept": BATCH})
        document = client.get("/openapi.json").json()

    assert answer.headers["content-type"] == BATCH
    events = [
        from_structured_event(HTTPMessage({}, json.dumps(event).encode()))
        for event in answer.json()
    ]
    assert all(isinstance(event, CloudEvent) for event in events)
    assert len({event.get_id() for event in events}) == 3
    assert [event.get_type() for event in events] == [
        "llama-mapper.mapped.v1",
        "llama-mapper.refused.v1",
        "llama-mapper.mapped.v1",
    ]
    refused = events[1].get_data()
    assert isinstance(refused, dict)
    assert (refused["index"], refused["error_code"]) == (1, "INVALID_REQUEST")
    # A second media type would make each generated client's answer a union.
    assert [*document["paths"]["/map/batch"]["post"]["responses"]["200"]["content"]] == [
        "application/json"
    ]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (STRUCTURED, STRUCTURED),
        (f"text/html, {STRUCTURED.upper()}; charset=utf-8; q=0.5, */*;q=0.1", STRUCTURED),
        (f"application/json;q=0.4, {STRUCTURED};q=0.5", STRUCTURED),
        (f"application/json, {STRUCTURED};q=0.5", "application/json"),
        (f"{STRUCTURED};q=0", "application/json"),
        (f"{STRUCTURED};q=x", STRUCTURED),
        (f"{STRUCTURED};q=nan", "application/json"),
        (BATCH, "application/json"),
        ("*/*", "application/json"),
        (";;,,=;q=", "application/json"),
    ],
)
def test_accept_decides(accept: str, expected: str) -> None:
    with patient() as client:
        answer = client.post("/map", json=HATE, headers={"Accept": accept})
    assert answer.headers["content-type"] == expected


@pytest.mark.parametrize(
    ("detector", "header"),
    [('wächter "9" %', "w%C3%A4chter%20%229%22%20%25"), ("two\nlines", None)],
)
def test_a_detectors_name_cannot_break_a_header(detector: str, header: str | None) -> None:
    with patient() as client:
        answer = client.post("/map", json=HATE | {"detector": detector}, headers=BINARY)

    assert answer.headers.get("ce-subject") == header
    event = from_binary_event(message(answer))
    assert event.get_subject() == (detector if header else None)
    assert event.get_data()["provenance"]["detector"] == detector  # type: ignore[index, call-overload]


def test_a_kept_answer_is_replayed_as_the_same_event() -> None:
    key = {"Idempotency-Key": "one"}
    with patient() as client:
        first, again = (client.post("/map", json=HATE, headers=key | BINARY) for _ in range(2))
        refused = client.post("/map", json=HATE, headers=key)

    assert again.headers["idempotent-replayed"] == "true"
    assert from_binary_event(message(first)).get_attributes() == (
        from_binary_event(message(again)).get_attributes()
    )
    assert refused.status_code == 422


def test_an_error_stays_a_problem_and_an_unknown_mode_is_one() -> None:
    with patient() as client:
        problem = client.post("/map", json={}, headers={"Accept": STRUCTURED})
        unknown = client.post("/map", json=HATE, headers={"X-CloudEvents": "sideways"})

    assert problem.headers["content-type"] == "application/problem+json"
    assert unknown.status_code == 422
    assert "header.X-CloudEvents" in unknown.json()["detail"]


def test_a_view_stands_in_the_event() -> None:
    with patient() as client:
        answer = client.post(
            "/map", json=HATE, params={"taxonomy": "2025.09"}, headers={"Accept": STRUCTURED}
        )
    assert answer.json()["data"]["version_info"]["view"] == "2025.09"
