"""The Python client, against a small application that speaks the contract."""

from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from llama_mapper import (
    AccessError,
    ApiError,
    InvalidRequestError,
    MappedEvent,
    MapRequest,
    RateLimitedError,
    RawContentError,
    TransportError,
    UnavailableError,
)
from llama_mapper.contract import ErrorCode, FallbackReason, Mode, Source
from tests.support.both_clients import Both
from tests.support.fake_service import FakeService, event, problem


def test_an_answer_is_typed(call: Both) -> None:
    service = FakeService()
    found = call(
        service,
        "map",
        "presidio",
        "EMAIL",
        metadata={"a": 1},
        threshold=0.7,
        budget_ms=500,
        explain=True,
        taxonomy="2025.09",
    )
    assert isinstance(found, MappedEvent)
    assert (found.taxonomy, found.confidence) == (("EMAIL",), 0.5)
    assert (found.source, found.fallback_reason) == (Source.RULES, FallbackReason.TIMEOUT)
    assert (found.label_confidence, found.notes) == ({"EMAIL": 0.5}, "1 signal read")
    assert (found.signals, found.reading) == (({"name": "EMAIL"},), {"how": "generic"})
    request, body = service.seen[0]
    assert body == {
        "detector": "presidio",
        "output": "EMAIL",
        "metadata": {"a": 1},
        "threshold": 0.7,
    }
    assert dict(request.query_params) == {"explain": "true", "taxonomy": "2025.09"}
    assert request.headers["x-api-key"] == "k"
    assert request.headers["x-budget-ms"] == "500"


def test_what_may_help_is_tried_again_as_the_same_request(call: Both) -> None:
    service = FakeService(
        [
            problem(503, "OVERLOADED", retryable=True),
            problem(429, "RATE_LIMITED", retryable=True, retry_after="2"),
        ]
    )
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    assert len({str(body) for _, body in service.seen}) == 1
    assert len(service.seen) == 3
    assert 0 <= call.waits[0] <= 0.1
    assert 2 <= call.waits[1] <= 2.15


def test_an_idempotency_key_is_sent_only_when_it_was_given(call: Both) -> None:
    service = FakeService([problem(503, "OVERLOADED", retryable=True)])
    call(service, "map", "d", "o", idempotency_key="mine")
    call(service, "map", "d", "o")
    call(service, "map_many", [MapRequest("d", "o")])
    keys = [request.headers.get("idempotency-key") for request, _ in service.seen]
    assert keys == ["mine", "mine", None, None]


def test_members_of_a_newer_service_pass_through(call: Both) -> None:
    newer = event({"output": "o"}) | {"source": "oracle", "fallback_reason": "full_moon"}
    found = call(FakeService([JSONResponse(newer)]), "map", "d", "o")
    assert (found.source, found.fallback_reason) == ("oracle", "full_moon")
    with pytest.raises(InvalidRequestError) as error:
        call(FakeService([problem(422, "NEW_CODE", retryable=False)]), "map", "d", "o")
    assert error.value.error_code == "NEW_CODE"
    refused = {"index": 0, "error_code": "NEW_CODE", "message": "no", "retryable": False}
    batch = {"results": [None], "errors": [refused]}
    found = call(FakeService([JSONResponse(batch)]), "map_many", [MapRequest("d", "o")])
    assert found.errors[0].error_code == "NEW_CODE"


@pytest.mark.parametrize("method", ["map", "map_many"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        "text",
        {"taxonomy": None, "fallback_reason": 5, "source": []},
        {"results": [None], "errors": [{"index": 7, "error_code": "X"}]},
        {"results": [None], "errors": []},
    ],
)
def test_an_answer_of_another_shape_is_an_api_error(call: Both, method: str, body: Any) -> None:
    args = ("d", "o") if method == "map" else ([MapRequest("d", "o")],)
    with pytest.raises(ApiError, match="unexpected shape"):
        call(FakeService([JSONResponse(body)]), method, *args)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (problem(422, "INVALID_REQUEST", retryable=False), InvalidRequestError),
        (problem(400, "INVALID_REQUEST", retryable=False), InvalidRequestError),
        (problem(413, "PAYLOAD_TOO_LARGE", retryable=False), InvalidRequestError),
        (problem(422, "RAW_CONTENT_REJECTED", retryable=False), RawContentError),
        (problem(401, "UNAUTHORIZED", retryable=False), AccessError),
        (problem(403, "FORBIDDEN", retryable=False), AccessError),
        (problem(500, "INTERNAL_ERROR", retryable=False), UnavailableError),
        (Response("<h1>Not here</h1>", 404), ApiError),
        (Response("fine", 200), ApiError),
    ],
)
def test_what_cannot_help_is_not_tried_again(
    call: Both, failure: Response, kind: type[ApiError]
) -> None:
    service = FakeService([failure])
    with pytest.raises(kind) as error:
        call(service, "map", "d", "o")
    assert error.value.status == failure.status_code
    assert len(service.seen) == 1
    assert call.waits == []


def test_the_last_error_is_raised_with_what_support_needs(call: Both) -> None:
    service = FakeService([problem(429, "RATE_LIMITED", retryable=True, retry_after="1")] * 3)
    with pytest.raises(RateLimitedError) as error:
        call(service, "map", "d", "o")
    assert error.value.error_code is ErrorCode.RATE_LIMITED
    assert (error.value.request_id, error.value.retry_after_s) == ("r-1", 1)
    assert len(call.waits) == 2


def test_nobody_waits_longer_than_he_is_ready_to(call: Both) -> None:
    service = FakeService([problem(429, "RATE_LIMITED", retryable=True, retry_after="31")])
    with pytest.raises(RateLimitedError):
        call(service, "map", "d", "o")
    assert call.waits == []


def test_a_date_to_come_back_at_is_understood(call: Both) -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    service = FakeService([problem(503, "OVERLOADED", retryable=True, retry_after=past)])
    call(service, "map", "d", "o")
    assert 0 <= call.waits[0] <= 0.15


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("")])
def test_no_answer_is_tried_again_and_then_an_error(call: Both, failure: Exception) -> None:
    service = FakeService([failure])
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    with pytest.raises(TransportError):
        call(FakeService([failure] * 3), "map", "d", "o")


def test_a_proxys_page_is_judged_by_its_status(call: Both) -> None:
    service = FakeService([Response("<h1>Bad Gateway</h1>", 502)])
    assert call(service, "map", "d", "o").taxonomy == ("o",)
    assert len(service.seen) == 2


def test_pages_and_the_mode_are_reached(call: Both) -> None:
    assert call(FakeService(), "get", "/version")["path"] == "/version"
    assert call(FakeService(), "set_mode", Mode.RULES_ONLY) == {
        "path": "/admin/mode",
        "body": {"mode": "rules_only"},
    }
    service = FakeService([problem(503, "OVERLOADED", retryable=True)])
    with pytest.raises(UnavailableError):
        call(service, "set_mode", Mode.HYBRID)
