"""The REST facade over real HTTP, in front of the real Triton."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.processes import ROOT, eventually, free_ports
from schemas.contract import ErrorCode
from schemas.event import event_errors
from tests.support.serving import Stack, running_stack

pytestmark = pytest.mark.triton

PROBLEM = {"type", "title", "status", "detail", "instance", "error_code", "request_id", "retryable"}
JSON = {"Content-Type": "application/json"}
BESIDE_THE_EVENT = {"version_info", "source", "fallback_reason", "label_confidence"}


def assert_problem(response: httpx.Response, status: int, code: ErrorCode) -> dict[str, Any]:
    """The body every error has."""
    body: dict[str, Any] = response.json()
    assert response.status_code == status == body["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) >= PROBLEM
    assert body["error_code"] == code
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def event_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k not in BESIDE_THE_EVENT | {"signals", "reading"}}


@pytest.mark.parametrize(
    ("detector", "output", "labels"),
    [
        ("openai-moderation", "hate/threatening", {"HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"}),
        ("OpenAI Moderation", {"flagged": True, "categories": {"hate": True, "violence": False}},
         {"HARM.SPEECH.Hate.Other"}),
        ("presidio", "US_SSN", {"PII.Identifier.SSN"}),
        ("any", "", {"OTHER.Unknown"}),
        ("any", [], {"OTHER.Safe"}),
    ],
)  # fmt: skip
def test_maps(stack: Stack, detector: str, output: Any, labels: set[str]) -> None:
    response = stack.http.post(
        "/map", json={"detector": detector, "output": output}, headers=stack.budget
    )

    answer = response.json()
    assert response.status_code == 200
    assert set(answer["taxonomy"]) == labels
    assert set(answer) >= BESIDE_THE_EVENT
    assert event_errors(event_of(answer)) == []
    assert answer["source"] == answer["provenance"]["route"]
    assert answer["version_info"]["model"] == answer["provenance"]["model"] != "none"


def test_explains_on_request_only(stack: Stack) -> None:
    item = {"detector": "openai-moderation", "output": "hate|qwyx"}

    assert "signals" not in stack.http.post("/map", json=item).json()
    explained = stack.http.post("/map?explain=true", json=item).json()
    assert [s["name"] for s in explained["signals"]] == ["hate", "qwyx"]


def test_the_tenant_is_the_bodys_or_the_headers(stack: Stack) -> None:
    def tenant(body: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        item = {"detector": "d", "output": "hate"}
        return stack.http.post("/map", json=item | body, headers=headers)

    for body, headers in (({"tenant_id": "a"}, {}), ({}, {"X-Tenant-ID": "a"})):
        assert tenant(body, headers).json()["provenance"]["tenant_id"] == "a"
    assert tenant({}, {}).json()["provenance"]["tenant_id"] is None
    assert_problem(tenant({"tenant_id": "a"}, {"X-Tenant-ID": "b"}), 403, ErrorCode.FORBIDDEN)


def test_a_batch_keeps_order_and_reports_bad_items(stack: Stack) -> None:
    good = [{"detector": f"d{i}", "output": text} for i, text in enumerate(["hate", "暴力 🔪", ""])]
    big = {"detector": "d", "output": "x" * 65_537}
    full = {"detector": "d", "output": "y" * 65_536}
    requests = [good[0], {"detector": "d"}, good[1], big, 7, full, good[2]]
    response = stack.http.post("/map/batch", json={"requests": requests}, headers=stack.budget)

    body = response.json()
    assert response.status_code == 200
    assert [r and r["provenance"]["detector"] for r in body["results"]] == [
        "d0", None, "d1", None, None, "d", "d2",
    ]  # fmt: skip
    assert [(e["index"], e["error_code"], e["retryable"]) for e in body["errors"]] == [
        (1, "INVALID_REQUEST", False),
        (3, "PAYLOAD_TOO_LARGE", False),
        (4, "INVALID_REQUEST", False),
    ]
    assert all(event_errors(event_of(r)) == [] for r in body["results"] if r)


def test_200_requests_100_at_once_each_get_their_own_answer(stack: Stack) -> None:
    async def ask_all() -> list[dict[str, Any]]:
        # As many as may be in flight in one process.
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=stack.url, timeout=60.0, limits=limits) as client:
            asked = [
                client.post("/map?explain=true", json={"detector": f"d{i}", "output": f"word{i}"})
                for i in range(200)
            ]
            responses = await asyncio.gather(*asked)
            assert {r.status_code for r in responses} == {200}
            return [r.json() for r in responses]

    answers = asyncio.run(ask_all())
    assert [a["provenance"]["detector"] for a in answers] == [f"d{i}" for i in range(200)]
    assert [a["signals"][0]["name"] for a in answers] == [f"word{i}" for i in range(200)]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("POST", "/map", "{nope", JSON, 400, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", '{"detector": "d", "output": {"a": NaN}}', JSON, 400,
         ErrorCode.INVALID_REQUEST),
        ("POST", "/map", "[" * 100_000, JSON, 400, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", b"\xff", JSON, 400, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", "", JSON, 422, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", "{}", {}, 415, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", '{"detector": "d", "output": 3}', JSON, 422, ErrorCode.INVALID_REQUEST),
        ("POST", "/map", '{"detector": "d", "output": "x", "more": 1}', JSON, 422,
         ErrorCode.INVALID_REQUEST),
        ("POST", "/map", '{"detector": "d", "output": "x"}', JSON | {"X-Budget-Ms": "0"}, 422,
         ErrorCode.INVALID_REQUEST),
        ("POST", "/map", json.dumps({"detector": "d", "output": "x" * 65_537}), JSON, 413,
         ErrorCode.PAYLOAD_TOO_LARGE),
        ("POST", "/map/batch", '{"requests": []}', JSON, 422, ErrorCode.INVALID_REQUEST),
        ("POST", "/map/batch", json.dumps({"requests": [1] * 101}), JSON, 422,
         ErrorCode.INVALID_REQUEST),
        ("PUT", "/admin/mode", '{"mode": "off"}', JSON, 422, ErrorCode.INVALID_REQUEST),
        ("GET", "/map", "", {}, 405, ErrorCode.INVALID_REQUEST),
        ("GET", "/nothing", "", {}, 404, ErrorCode.INVALID_REQUEST),
    ],
)  # fmt: skip
def test_refusals_are_problems(
    stack: Stack,
    method: str,
    path: str,
    content: str,
    headers: dict[str, str],
    status: int,
    code: ErrorCode,
) -> None:
    response = stack.http.request(method, path, content=content, headers=headers)

    body = assert_problem(response, status, code)
    assert body["instance"] == path
    assert not body["retryable"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_declared_or_streamed(
    stack: Stack, declared: bool
) -> None:
    block = b"x" * 1_000_000

    def stream() -> Iterator[bytes]:
        for _ in range(20):
            yield block

    body = block * 20 if declared else stream()
    response = stack.http.post("/map", content=body, headers=JSON)
    assert_problem(response, 413, ErrorCode.PAYLOAD_TOO_LARGE)


def test_request_ids_are_echoed_or_made(stack: Stack) -> None:
    for sent in ("abc-1", "x" * 129, "two words"):
        given = stack.http.get("/version", headers={"X-Request-ID": sent}).headers["x-request-id"]
        assert (given == sent) == (sent == "abc-1")


def test_the_kill_switch_asks_no_model(stack: Stack) -> None:
    item = {"detector": "openai-moderation", "output": "hate"}
    assert stack.http.put("/admin/mode", json={"mode": "rules_only"}).json() == {
        "mode": "rules_only"
    }
    try:
        answer = stack.http.post("/map", json=item).json()
        health = stack.http.get("/health/ready")
    finally:
        stack.http.put("/admin/mode", json={"mode": "hybrid"})

    assert (answer["source"], answer["fallback_reason"]) == ("rules", "rules_only")
    assert answer["version_info"]["model"] == "none"
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert stack.http.get("/admin/mode").json() == {"mode": "hybrid"}


def test_says_what_is_served(stack: Stack) -> None:
    taxonomy = stack.http.get("/taxonomy").json()
    detectors = stack.http.get("/detectors").json()
    version = stack.http.get("/version").json()

    assert len(taxonomy["labels"]) == 116
    assert "openai-moderation" in {d["detector"] for d in detectors["detectors"]}
    assert version["taxonomy"] == taxonomy["version"]
    assert version["rules"] == detectors["version"]
    assert version["model"] not in (None, "none")
    assert stack.http.get("/health/live").json() == {"status": "live"}
    assert stack.http.get("/health").json()["status"] == "ready"
    assert stack.http.get("/docs").status_code == 200


def test_openapi_documents_problems_with_their_media_type(stack: Stack) -> None:
    responses = stack.http.get("/openapi.json").json()["paths"]["/map"]["post"]["responses"]

    assert set(responses) >= {"200", "400", "413", "422"}
    assert list(responses["422"]["content"]) == ["application/problem+json"]


def test_answers_by_rules_while_triton_restarts_and_comes_back(tiny_repository: Path) -> None:
    item = {"detector": "openai-moderation", "output": "hate"}
    with running_stack(tiny_repository) as stack:

        def answer() -> dict[str, Any]:
            response = stack.http.post("/map", json=item, headers=stack.budget)
            assert response.status_code == 200
            assert response.json()["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
            return dict(response.json())

        assert answer()["version_info"]["model"] != "none"
        stack.triton.stop()
        assert answer()["fallback_reason"] == "model_error"
        eventually(lambda: not stack.model_answers())
        lost = assert_problem(stack.http.get("/health/model"), 503, ErrorCode.OVERLOADED)
        assert lost["canary_age_s"] > 0
        ready = stack.http.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        stack.triton.start()
        eventually(lambda: answer()["version_info"]["model"] != "none", within_s=10)
        eventually(stack.model_answers, within_s=10)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serve_starts_both_and_stops_both(
    tiny_repository: Path, tmp_path: Path, end: signal.Signals
) -> None:
    names = ("MAPPER_PORT", "MAPPER_TRITON_HTTP_PORT", "MAPPER_TRITON_GRPC_PORT")
    ports = dict(zip((*names, "MAPPER_TRITON_METRICS_PORT"), map(str, free_ports(4)), strict=True))
    repository = {"MAPPER_MODEL_REPOSITORY": str(tiny_repository)}
    process = subprocess.Popen(
        [sys.executable, "-m", "client_api", "serve"],
        env=os.environ | ports | repository | {"MAPPER_TRITON_LOG": str(tmp_path / "log")},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{ports['MAPPER_PORT']}"
    secret = "planted-5Tr1ng"
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/health/model").status_code == 200
        except httpx.TransportError:  # it does not listen, or is busy with its start
            assert process.poll() is None, process.communicate()
            return False

    try:
        eventually(answers)
        for item in ({"detector": "d", "output": secret}, {"detector": secret}):
            httpx.post(f"{url}/map", json=item, headers={"traceparent": trace})
    finally:
        process.send_signal(end)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert url in out
    assert f"127.0.0.1:{ports['MAPPER_TRITON_GRPC_PORT']}" in out
    assert secret not in out + err + (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in err.splitlines()]
    assert {line["status"] for line in lines if line.get("route") == "/map"} == {200, 422}
    assert any(line.get("trace_id") == "ab" * 16 for line in lines)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{ports['MAPPER_TRITON_HTTP_PORT']}/v2/health/live")
