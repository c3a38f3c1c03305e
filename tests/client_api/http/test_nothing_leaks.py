"""Everything that a run writes, searched for what must not be in it; and its traces."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from client_api.app import triton_gateway
from client_api.mapping.gateway import Item, ModelError
from client_api.settings import Settings
from client_api.telemetry import logs
from pipeline.steps import Pipeline
from tests.support.fake_model import HATE, FakeGateway, KeyFile, facade, model, raising

PLANTED = "Pl4nted-S3cret"
BEARER = {"Authorization": f"Bearer {PLANTED}"}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    found, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    trace.set_tracer_provider(provider)
    return found


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the process logs, as it is served, from the debug level up."""
    root = logging.getLogger()
    # The test client's own log of what it sends; its name follows the installed package.
    clients = [logging.getLogger(name) for name in ("httpx", "httpx2")]
    before = root.handlers, root.level
    logs.configure("debug")
    structlog.configure(cache_logger_on_first_use=False)
    found, [handler] = io.StringIO(), root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(found)
    for client in clients:
        client.setLevel(logging.WARNING)
    yield found
    for client in clients:
        client.setLevel(logging.NOTSET)
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()


def planted_requests() -> list[dict[str, Any]]:
    """Requests that hold the secret in every place a request has, fine ones and bad ones."""
    item = {"detector": "openai-moderation", "output": PLANTED}
    text = f"Dear {PLANTED}, I write to you since I want my money back. " * 20
    post = {"method": "POST", "url": "/map"}
    return [
        post | {"json": item},
        post | {"json": item | {"output": {PLANTED: [PLANTED, {"k": PLANTED}]}}},
        post | {"json": item | {"metadata": {PLANTED: PLANTED}}},
        post | {"json": item | {"detector": f"{PLANTED}-detector"}},
        post | {"json": item | {"output": text}},
        post | {"json": item | {PLANTED: PLANTED}},
        post | {"json": item | {"threshold": PLANTED}},
        post | {"json": {"detector": PLANTED, "output": 7}},
        post | {"json": item | {"output": PLANTED * 10_000}},
        post | {"content": f'{{"detector": "{PLANTED}'},
        post | {"content": PLANTED * 100_000},
        post | {"content": PLANTED, "headers": {"Content-Type": f"text/{PLANTED}"}},
        post | {"json": item, "headers": {"X-API-Key": PLANTED}},
        post | {"json": item, "headers": {"X-Tenant-ID": PLANTED}},
        post | {"json": item, "headers": {"X-Budget-Ms": PLANTED}},
        post | {"json": item, "headers": {"Idempotency-Key": PLANTED}},
        post | {"json": HATE, "headers": {"Idempotency-Key": PLANTED}},
        post | {"json": item, "headers": {"User-Agent": PLANTED, "Cookie": PLANTED}},
        post | {"json": item, "headers": {"traceparent": PLANTED, "baggage": f"k={PLANTED}"}},
        post | {"json": item, "params": {"explain": PLANTED, PLANTED: PLANTED}},
        post | {"json": item, "headers": {"Accept": f"text/{PLANTED}", "X-CloudEvents": PLANTED}},
        {"method": "GET", "url": "/health", "params": {"key": PLANTED}, "headers": BEARER},
        {"method": "PUT", "url": "/admin/mode", "json": {"mode": PLANTED, PLANTED: 1}},
        {
            "method": "POST",
            "url": "/map/batch",
            "json": {"requests": [item, PLANTED, {PLANTED: 1}, item | {"output": text}]},
        },
    ]


def test_nothing_written_holds_what_was_sent(
    spans: InMemorySpanExporter,
    log: io.StringIO,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    scopes = ("map:write", "metrics:read", "admin")
    key = keys.create("acme", *scopes)
    seen, problems = "", ""
    for gateway in (FakeGateway(), FakeGateway(raising(RuntimeError(PLANTED)), model)):
        chosen = {"rate_limit_key": "off", "log_labels": True}
        with facade(gateway, keys_file=keys.path, **chosen) as client:
            for headers in ({}, key):
                for request in planted_requests():
                    own = headers | request.get("headers", {})
                    response = client.request(**request | {"headers": own})
                    if response.status_code != 200:
                        problems += response.text
            with monkeypatch.context() as broken:
                broken.setattr(Pipeline, "decide", raising(RuntimeError(PLANTED)))
                answers = [client.post("/map", json=HATE, headers=key) for _ in range(2)]
                problems += "".join(a.text for a in answers if a.status_code != 200)
            for path in ("/metrics", "/metrics/summary", "/metrics/alerts", "/health"):
                seen += client.get(path, headers=key).text
    seen += log.getvalue() + "".join(s.to_json() for s in spans.get_finished_spans())
    seen += "".join(capsys.readouterr())

    assert len(problems) > 10_000
    assert '"RuntimeError"' in seen
    for text, secret in ((seen, PLANTED), (problems, PLANTED), (seen + problems, key["X-API-Key"])):
        found = text.find(secret)
        assert found < 0, text[max(0, found - 300) : found + 100]
    assert key["X-API-Key"].rpartition("_")[2] not in seen + problems
    assert key["X-API-Key"].split("_")[1] in seen


def lines_of_requests(log: io.StringIO) -> list[dict[str, Any]]:
    lines = map(json.loads, log.getvalue().splitlines())
    return [line for line in lines if line["event"] == "request"]


def test_the_access_log_has_metadata_and_nothing_else(log: io.StringIO) -> None:
    with facade() as client:
        client.post("/map", json=HATE, headers={"User-Agent": PLANTED})
    [line] = lines_of_requests(log)

    assert line["route"] == "/map"
    assert line["status"] == 200
    assert set(line) == {
        *("event", "level", "timestamp", "request_id", "trace_id"),
        *("method", "route", "status", "ms", "detector", "source", "fallback_reason"),
    }


def test_the_access_log_has_labels_where_the_operator_chose_that(log: io.StringIO) -> None:
    items = [HATE, HATE | {"output": "violence"}, {"detector": "", "output": PLANTED}]
    with facade(log_labels=True) as client:
        one = client.post("/map", json=HATE).json()
        many = client.post("/map/batch", json={"requests": items}).json()
        client.post("/map/batch", json={"requests": items[2:]})
    first, second, third = lines_of_requests(log)

    assert first["labels"] == one["taxonomy"]
    assert first["confidence"] == one["confidence"]
    assert first["taxonomy"] == one["version_info"]["taxonomy"]
    answers = [answer for answer in many["results"] if answer]
    assert second["labels"] == sorted({label for one in answers for label in one["taxonomy"]})
    assert second["confidence"] == min(answer["confidence"] for answer in answers)
    assert (second["refused"], second["error_codes"]) == (1, ["INVALID_REQUEST"])
    assert "labels" not in third


def test_the_line_of_each_refused_request_has_its_error_code(log: io.StringIO) -> None:
    gone = raising(ModelError("gone"))
    with facade(FakeGateway(gone, gone), startup_grace_s=0.001, item_max_bytes=100) as client:
        told = [
            client.post("/map", json={}),
            client.post("/map", content="{"),
            client.post("/map", content="detector=d"),
            client.post("/map", json=HATE | {"output": "x" * 200}),
            client.post("/map", json=HATE, headers={"X-Budget-Ms": "0"}),
            client.post("/map", json=HATE, params={"taxonomy": "none"}),
            client.put("/map"),
            client.get("/nowhere"),
            client.get("/review"),
            client.get("/health/model"),
            client.get("/metrics", headers={"Host": "elsewhere.example"}),
        ]
    assert min(answer.status_code for answer in told) >= 400
    codes = [line["error_code"] for line in lines_of_requests(log)]
    assert codes == [answer.json()["error_code"] for answer in told]


def test_spans_are_sent_nowhere_by_default() -> None:
    script = (
        "import sys; from client_api.telemetry import tracing;"
        "from client_api.settings import Settings;"
        "tracing.install(Settings().otlp_endpoint);"
        "print(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False\n"


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_a_trace_is_continued_or_begun_and_seen_in_logs_and_problems(
    spans: InMemorySpanExporter, log: io.StringIO
) -> None:
    theirs = "ab" * 16
    with facade() as client:

        def post(body: Any, **headers: str) -> httpx.Response:
            return client.post("/map", json=body, headers=headers)

        post(HATE, traceparent=f"00-{theirs}-{'cd' * 8}-01")
        problem = post({}, traceparent=f"00-{theirs}-{'cd' * 8}-01").json()
        own = post({}).json()
    said = log.getvalue()

    assert problem["trace_id"] == theirs
    assert len(own["trace_id"]) == 32
    assert own["trace_id"] != theirs
    assert said.count(f'"trace_id":"{theirs}"') == 2
    assert own["trace_id"] in said
    traces = [f"{span.context.trace_id:032x}" for span in named(spans, "POST /map")]
    assert traces == [theirs, theirs, own["trace_id"]]
    assert {span.attributes["http.route"] for span in named(spans, "POST /map")} == {"/map"}


def test_triton_is_given_the_trace(spans: InMemorySpanExporter) -> None:
    seen: list[dict[str, Any]] = []

    class Recorder(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> None:
            seen.append({item.key: item.value for item in details.invocation_metadata})

    async def ask() -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Recorder(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        gateway = triton_gateway(Settings(triton_url=f"127.0.0.1:{port}"))
        with pytest.raises(ModelError):
            await gateway.map([Item("d", PLANTED)], 30.0)
        await gateway.close()
        await server.stop(None)

    asyncio.run(ask())
    [span] = named(spans, "triton.infer")
    carried = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
    assert [headers["traceparent"].startswith(carried) for headers in seen] == [True]
    assert span.status.description == "InferenceServerException"
    assert PLANTED not in span.to_json()
