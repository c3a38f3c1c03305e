"""Answers as OpenTelemetry's evaluation events: what a collector gets, and whose child it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from client_api.settings import Settings
from tests.client_api.http.test_nothing_leaks import PLANTED, planted_requests
from tests.support.fake_model import HATE, facade

PATIENT = {"budget_ms": 60_000.0}
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportLogsServiceRequest]]]:
    """A receiver of OTLP over HTTP: its address for logs, and what it got."""
    got: list[ExportLogsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(ExportLogsServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/logs", got
        finally:
            server.shutdown()
            thread.join()


def sent(got: list[ExportLogsServiceRequest]) -> list[tuple[Any, dict[str, Any]]]:
    """Each record, with its attributes."""
    return [
        (record, {a.key: a.value for a in record.attributes})
        for request in got
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def test_each_answer_is_an_event_below_the_callers_span() -> None:
    parents = [{"traceparent": f"00-{TRACE}-{SPAN}-{flags}"} for flags in ("01", "00")]
    items = [HATE, {"detector": "acme-guard", "output": "new"}, {"detector": "", "output": "x"}]
    with collector() as (url, got):
        with facade(otlp_logs_endpoint=url, **PATIENT) as client:
            answer = client.post("/map", json=HATE, headers=parents[0]).json()
            client.post("/map/batch", json={"requests": items}, headers=parents[1])
            client.post("/map", json={}, headers=parents[0])
            client.post("/map", json=HATE)
        records = sent(got)
    (first, said), *_, (last, _) = records
    assert len(records) == 4
    assert first.event_name == "gen_ai.evaluation.result"
    assert {key: MessageToDict(value) for key, value in said.items()} == {
        "gen_ai.evaluation.name": {"stringValue": "openai-moderation"},
        "gen_ai.evaluation.score.label": {"stringValue": "|".join(answer["taxonomy"])},
        "gen_ai.evaluation.score.value": {"doubleValue": answer["confidence"]},
    }
    for record, _ in records[:3]:
        assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
    assert last.span_id.hex() != SPAN
    assert records[2][1]["gen_ai.evaluation.name"].string_value.startswith("#")


def test_nothing_that_was_sent_reaches_the_collector() -> None:
    with collector() as (url, got):
        with facade(otlp_logs_endpoint=url, **PATIENT) as client:
            for request in planted_requests():
                client.request(**request)
        assert len(sent(got)) > 5
    assert PLANTED not in str(got)


def test_off_by_default_and_a_lost_collector_delays_nobody() -> None:
    assert Settings().otlp_logs_endpoint is None
    with facade(otlp_logs_endpoint="http://127.0.0.1:9/v1/logs", **PATIENT) as client:
        assert client.post("/map", json=HATE).status_code == 200
