"""`map_many` of both clients: order, repetitions, and what a failure leaves of the answers."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from llama_mapper import (
    AccessError,
    AsyncMapperClient,
    MapRequest,
    UnavailableError,
)
from llama_mapper.contract import ErrorCode
from tests.support.both_clients import Both
from tests.support.fake_service import FakeService, problem


def test_attempts_are_those_of_the_whole_call(call: Both) -> None:
    busy = problem(503, "OVERLOADED", retryable=True)
    service = FakeService([busy], flaky={"always": 99})
    found = call(service, "map_many", [MapRequest("d", "always")])
    assert [error.retryable for error in found.errors] == [True]
    assert len(service.seen) == 3
    service = FakeService([busy] * 9)
    with pytest.raises(UnavailableError):
        call(service, "map_many", [MapRequest("d", "o")])
    assert len(service.seen) == 3


def test_no_worker_of_map_many_outlives_a_failure() -> None:
    async def run() -> list[str]:
        service = FakeService([problem(401, "UNAUTHORIZED", retryable=False)])
        client = AsyncMapperClient("http://svc", transport=service.transport(), concurrency=3)
        with pytest.raises(AccessError):
            await client.map_many(MapRequest("d", "o") for _ in range(1000))
        names = [t.get_name() for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        await client.aclose()
        return names

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("count", [0, 1, 100, 101, 450])
def test_any_number_of_items_keeps_its_order(call: Both, count: int) -> None:
    service, progress = FakeService(), []
    items = (MapRequest("d", f"L{i}") for i in range(count))
    found = call(service, "map_many", items, progress=progress.append)
    assert [x.taxonomy[0] for x in found.results] == [f"L{i}" for i in range(count)]
    assert found.errors == ()
    assert all(len(body["requests"]) <= 100 for _, body in service.seen)
    assert progress == sorted(progress)
    assert progress[-1:] == [count][: len(progress)]
    assert len(progress) == -(-count // 100)


def test_only_items_that_may_succeed_are_sent_again(call: Both) -> None:
    service = FakeService(flaky={"once": 1, "always": 99, "never": 99})
    items = [MapRequest("d", output) for output in ("good", "never", "once", "always")]
    found = call(service, "map_many", items)
    assert [x.taxonomy[0] if x else None for x in found.results] == ["good", None, "once", None]
    assert [(e.index, e.error_code, e.retryable) for e in found.errors] == [
        (1, ErrorCode.INVALID_REQUEST, False),
        (3, ErrorCode.OVERLOADED, True),
    ]
    sent = [[item["output"] for item in body["requests"]] for _, body in service.seen]
    assert sent == [["good", "never", "once", "always"], ["once", "always"], ["always"]]


def test_errors_of_later_batches_count_over_all_items(call: Both) -> None:
    service = FakeService(flaky={"never": 1})
    items = [MapRequest("d", "never" if i == 150 else "x") for i in range(160)]
    found = call(service, "map_many", items)
    assert [error.index for error in found.errors] == [150]
    assert found.results[150] is None


def test_a_batch_that_fails_as_a_whole_raises(call: Both) -> None:
    service = FakeService([problem(401, "UNAUTHORIZED", retryable=False)])
    with pytest.raises(AccessError):
        call(service, "map_many", [MapRequest("d", "o")])


def sent(service: FakeService) -> list[list[Any]]:
    return [[item["output"] for item in body["requests"]] for _, body in service.seen]


def test_equal_items_are_sent_once_and_the_result_says_so(call: Both) -> None:
    service, progress = FakeService(flaky={"never": 1}), []
    outputs = ["a", "never", "a", "b", "never", "a"]
    items = [MapRequest("d", output) for output in outputs]
    found = call(service, "map_many", items, progress=progress.append)
    assert sent(service) == [["a", "never", "b"]]
    assert found.distinct == 3
    assert [x.taxonomy[0] if x else None for x in found.results] == ["a", None, "a", "b", None, "a"]
    assert [error.index for error in found.errors] == [1, 4]
    assert progress == [6]


def test_items_that_differ_in_anything_are_sent_each(call: Both) -> None:
    service = FakeService()
    items = [
        MapRequest("d", "1"),
        MapRequest("e", "1"),
        MapRequest("d", "1", tenant_id="t"),
        MapRequest("d", "1", threshold=0.5),
        MapRequest("d", "1", metadata={"a": 1}),
        MapRequest("d", "1", metadata={"a": 1.0}),
    ]
    assert call(service, "map_many", items).distinct == 6
    assert len(sent(service)[0]) == 6


def test_repetitions_over_many_batches_keep_their_places(call: Both) -> None:
    service, progress = FakeService(), []
    outputs = [f"L{i % 250}" for i in range(1000)]
    items = (MapRequest("d", output) for output in outputs)
    found = call(service, "map_many", items, progress=progress.append)
    assert [x.taxonomy[0] for x in found.results] == outputs
    assert sorted(len(batch) for batch in sent(service)) == [50, 100, 100]
    assert (found.distinct, progress[-1], progress) == (250, 1000, sorted(progress))


@pytest.mark.parametrize("bad", ["\ud800", [float("nan")], {"at": object()}])
def test_an_item_that_is_no_json_is_an_error_of_its_own(call: Both, bad: Any) -> None:
    service = FakeService()
    items = [MapRequest("d", "a"), MapRequest("d", bad), MapRequest("d", "b")]
    found = call(service, "map_many", items)
    assert [x.taxonomy[0] if x else None for x in found.results] == ["a", None, "b"]
    assert [(e.index, e.error_code) for e in found.errors] == [(1, ErrorCode.INVALID_REQUEST)]
    assert sent(service) == [["a", "b"]]


@pytest.mark.parametrize("status", [400, 413])
def test_an_item_that_fails_the_whole_body_is_found_and_fails_alone(
    call: Both, status: int
) -> None:
    service = FakeService(unbearable={"huge": status})
    items = [MapRequest("d", x) for x in ("a", "b", "huge", "c", "d")]
    found = call(service, "map_many", items)
    assert [x.taxonomy[0] if x else None for x in found.results] == ["a", "b", None, "c", "d"]
    assert [(e.index, e.retryable) for e in found.errors] == [(2, False)]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (problem(401, "UNAUTHORIZED", retryable=False), ErrorCode.UNAUTHORIZED),
        (Response("<h1>Forbidden</h1>", 403), "HTTP_403"),
        (JSONResponse({"another": "shape"}), "HTTP_200"),
    ],
)
def test_answers_stay_when_sending_the_rest_again_is_refused(
    call: Both, refusal: Response, code: str
) -> None:
    service = FakeService(flaky={"once": 1}, then=[refusal])
    found = call(service, "map_many", [MapRequest("d", "good"), MapRequest("d", "once")])
    assert [x.taxonomy[0] if x else None for x in found.results] == ["good", None]
    assert [(e.index, e.error_code) for e in found.errors] == [(1, code)]


def test_answers_stay_when_the_connection_is_lost_afterwards(call: Both) -> None:
    service = FakeService(flaky={"once": 1}, then=[httpx.ConnectError("refused")] * 9)
    found = call(service, "map_many", [MapRequest("d", "good"), MapRequest("d", "once")])
    assert found.results[0].taxonomy == ("good",)
    assert found.errors[0].error_code == "NO_ANSWER"
    assert found.errors[0].retryable
    assert len(service.seen) == 3


def test_the_model_is_waited_for_when_that_is_asked(call: Both) -> None:
    items = [MapRequest("d", output) for output in ("good", "late", "never")]
    service = FakeService(late={"late": 6, "never": 999})
    found = call(service, "map_many", items, wait_for_model=True)
    assert [x.source for x in found.results] == ["model", "model", "rules"]
    assert found.errors == ()
    assert sent(service)[1:7] == [["late", "never"]] * 6
    assert set(map(tuple, sent(service)[7:])) == {("never",)}
    assert len(service.seen) == len(call.waits) + 1 == 100
    service = FakeService(late={"late": 1})
    assert [x.source for x in call(service, "map_many", items).results][1] == "rules"


def test_a_view_names_the_labels_of_a_batch(call: Both) -> None:
    service = FakeService()
    call(service, "map_many", [MapRequest("d", "o")], taxonomy="2025.09")
    assert dict(service.seen[0][0].query_params) == {"taxonomy": "2025.09"}
