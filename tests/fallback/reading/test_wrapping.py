"""What loggers, HTTP clients and serialisers put around an output is taken off first."""

import json

import pytest

from fallback.reading.decode import decode
from tests.fallback.reading.examples import reader

OUTPUT = '{"flagged": true, "labels": ["hate"]}'
LINES = [
    f"2026-11-28T10:00:00.123Z INFO [guard] response: {OUTPUT}",
    f"2026-11-28 10:00:00,123 - guard.app - INFO - {OUTPUT}",
    f"2026-11-28 10:00:00.123 | INFO     | guard.app:run:12 - {OUTPUT}",
    f"2026-11-28T10:00:00Z [info     ] {OUTPUT}",
    f"[2026-11-28 10:00:00,123: INFO/MainProcess] {OUTPUT}",
    f"2026/11/28 10:00:00 ERROR guard: {OUTPUT}",
    f"Nov 28 10:00:00 host guard[123]: {OUTPUT}",
    f"INFO:guard.app:{OUTPUT}",
]


@pytest.mark.parametrize("line", LINES)
def test_the_prefix_of_a_log_line_is_taken_off(line: str) -> None:
    assert decode(line).parts == (json.loads(OUTPUT),)
    read = reader().read("a-vendor-nobody-knows", line)
    assert ([s.name for s in read.signals], read.envelopes) == (["hate"], ("log-line",))


@pytest.mark.parametrize("line", LINES)
def test_a_word_in_a_log_line_is_read_as_alone(line: str) -> None:
    written = line.replace(OUTPUT, "unsafe\nS1, S10")
    read = reader().read("llama-guard-3", written)
    assert {s.name for s in read.signals} == {"S1", "S10"}


def test_every_line_of_a_log_loses_its_prefix() -> None:
    text = "\n".join(f"2026-11-28T10:00:0{n}Z INFO guard: {w}" for n, w in enumerate("ab"))
    assert decode(text).text == "a\nb"


@pytest.mark.parametrize(
    "text",
    ["ERROR: connection refused", "INFO", "2026-11-28 hate", "warning: hate", "[INFO] hate",
     "2026-11-28T10:00:00Z INFO"],
)  # fmt: skip
def test_a_level_or_a_time_alone_is_no_prefix(text: str) -> None:
    assert decode(text).text == text
    assert decode(text).wrapped == ()


def test_an_http_message_is_its_body() -> None:
    for headers in (
        "Content-Type: application/json\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\n",
        "",
    ):
        read = reader().read("llama-guard-3", f"HTTP/1.1 200 OK\r\n{headers}\r\nunsafe\nS1")
        assert [s.name for s in read.signals] == ["S1"]
        assert read.envelopes[0] == "http-message"
        read = reader().read("llama-guard-3", f"HTTP/1.1 200 OK\r\n{headers}\r\nsafe")
        assert read.signals[0].verdict == "nothing_found"
    read = reader().read("llama-guard-3", "HTTP/1.1 503 Service Unavailable\r\n\r\nsafe")
    assert read.signals[0].verdict == "failure"


@pytest.mark.parametrize(
    "text", ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK\nunsafe\nS1", "HTTP/1.1 is old\n\nunsafe"]
)
def test_what_only_begins_like_an_http_message_stays_a_text(text: str) -> None:
    assert decode(text).wrapped == ()


def test_a_string_that_holds_the_whole_output_is_opened() -> None:
    once = json.dumps(OUTPUT)
    for text in (once, json.dumps(once), repr(OUTPUT), f"'{OUTPUT}'", "\n" + once):
        read = reader().read("a-vendor-nobody-knows", text)
        assert [(s.name, s.flagged) for s in read.signals] == [("hate", True)], text
    assert reader().read("llama-guard-3", json.dumps("safe")).signals[0].verdict == "nothing_found"
    assert reader().read("llama-guard-3", json.dumps("unsafe\nS1")).signals[0].name == "S1"


def test_a_quotation_in_a_text_stays_closed() -> None:
    text = f"user wrote {json.dumps(OUTPUT.replace('true', 'false'))} and hate"
    assert decode(text).format == "text"


@pytest.mark.parametrize(
    "record",
    [
        {"ts": 1788920450.1, "level": "info", "logger": "g", "message": OUTPUT},
        {"time": "2026-11-28T10:00:00Z", "level": 30, "pid": 7, "hostname": "h", "msg": OUTPUT},
        {"@timestamp": "2026-11-28T10:00:00Z", "log.level": "info", "message": OUTPUT},
        {"timestamp": "2026-11-28T10:00:00Z", "severity": "INFO", "textPayload": OUTPUT},
        {"log": OUTPUT + "\n", "stream": "stdout", "time": "2026-11-28T10:00:00Z"},
        {"event": OUTPUT, "level": "warning", "timestamp": "2026-11-28T10:00:00Z"},
        {"level": "info", "ts": 1.5, "caller": "a.go:1", "msg": "checked", **json.loads(OUTPUT)},
        {"asctime": "2026-11-28", "levelname": "INFO", "message": "done", "hate": True},
    ],
    ids=str,
)
def test_a_log_record_is_its_message_and_the_fields_beside_it(record: object) -> None:
    read = reader().read("a-vendor-nobody-knows", json.dumps(record))
    assert [(s.name, s.flagged) for s in read.signals] == [("hate", True)]


def test_a_clean_field_of_a_log_record_clears_it() -> None:
    record = {"level": "info", "ts": 1.5, "caller": "a.go:1", "msg": "checked", "flagged": False}
    read = reader().read("a-vendor-nobody-knows", json.dumps(record))
    assert read.signals[0].verdict == "nothing_found"


def test_a_grade_beside_a_message_is_no_level_of_a_log() -> None:
    alert = {
        "severity": "high",
        "time": "2026-11-28T10:00:00Z",
        "message": "card number",
        "rule": "pan",
    }
    read = reader().read("a-vendor-nobody-knows", json.dumps(alert))
    assert [(s.name, s.flagged) for s in read.signals] == [("pan", True)]


def test_a_structure_that_ends_too_early_inside_an_envelope_is_not_clean() -> None:
    body = '{"flagged": false, "results": [{"name": "a", "score": 0.'
    read = reader().read("x", json.dumps({"statusCode": 200, "headers": {}, "body": body}))
    assert read.cut
    assert read.signals[0].verdict != "nothing_found"
