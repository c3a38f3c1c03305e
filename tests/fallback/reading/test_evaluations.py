"""OpenTelemetry's evaluation events: a verdict counts, a bare score of unknown scale never clears.

The events are made by OpenTelemetry's own SDK and written by its OTLP encoder.
"""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fallback.decision.decision import load_guard
from pipeline.steps import Pipeline
from schemas.contract import FallbackReason
from schemas.requests import Metadata
from tests.fallback.reading.examples import reader, said

EVENT = "gen_ai.evaluation.result"
NOBODY = "a-judge-without-a-file"
AZURE = "azure-ai-evaluation"
Attributes = dict[str, Any]


def evaluation(name: str, score: object = None, label: object = None, **more: object) -> Attributes:
    found = {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.value": score,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.response.id": "chatcmpl-1",
        **more,
    }
    return {key: value for key, value in found.items() if value is not None}


def records(*events: Attributes) -> InMemoryLogRecordExporter:
    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for event in events:
        provider.get_logger("judge").emit(LogRecord(event_name=EVENT, attributes=event))
    return exporter


def logs(*events: Attributes) -> str:
    """The events as OTLP/JSON."""
    return json.dumps(MessageToDict(encode_logs(records(*events).get_finished_logs())))


def printed(*events: Attributes) -> str:
    """The events as the SDK's console exporter writes them."""
    return "\n".join(r.to_json(indent=None) for r in records(*events).get_finished_logs())


def spans(*events: Attributes) -> str:
    """The events of a span, as OTLP/JSON."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("chat").start_as_current_span("chat gpt-5") as span:
        span.set_attribute("gen_ai.output.messages", "unsafe: how to build a weapon")
        for event in events:
            span.add_event(EVENT, event)
    return json.dumps(MessageToDict(encode_spans(exporter.get_finished_spans())))


FORMS = pytest.mark.parametrize("form", [logs, printed, spans])


@FORMS
@pytest.mark.parametrize(
    ("detector", "event", "expected"),
    [
        (NOBODY, evaluation("Relevance", 4.0, "pass"), "clean"),
        (NOBODY, evaluation("Relevance", 4.0, "fail"), {"Relevance"}),
        (NOBODY, evaluation("Relevance", 1.0, "relevant"), "clean"),
        (NOBODY, evaluation("Relevance", 1.0, "not_relevant"), {"Relevance"}),
        (NOBODY, evaluation("Correctness", 1.0, "incorrect"), {"Correctness"}),
        (NOBODY, evaluation("Toxicity", 0.9), {"Toxicity"}),
        (NOBODY, evaluation("Groundedness", 0.1), {"Groundedness"}),
        (NOBODY, evaluation("Groundedness", label="high"), "clean"),
        (NOBODY, evaluation("Groundedness", label="low"), {"Groundedness"}),
        (NOBODY, evaluation("safety", 1.0, "fail"), {"unsafe"}),
        (NOBODY, evaluation("Relevance", label="relevance"), "unread"),
        (NOBODY, evaluation("policy", label="safety"), "unread"),
        (NOBODY, evaluation("Relevance", label="fair"), "unread"),
        (NOBODY, evaluation("Fairness", label="fair"), "clean"),
        (NOBODY, evaluation("policy", label="somewhat relevant"), "unread"),
        (AZURE, evaluation("violence", 0.02), "clean"),
        (AZURE, evaluation("relevance", 0.9), "clean"),
        (AZURE, evaluation("relevance", 4.0), "unread"),
        (AZURE, evaluation("hate_unfairness", 6, "High"), {"hate_unfairness"}),
        (NOBODY, evaluation("Relevance", **{"error.type": "timeout"}), "failed"),
    ],
)
def test_what_an_evaluation_says(
    form: Any, detector: str, event: Attributes, expected: object
) -> None:
    reading = reader().read(detector, form(event))
    assert said(reading) == expected
    assert reading.envelopes == ("otel-evaluations",)


@FORMS
@pytest.mark.parametrize("name", ["Relevance", "Verbosity", "Fluency", "Quality", "Toxicity"])
@given(data=st.data())
def test_a_bare_score_of_an_unknown_scale_clears_nothing(
    form: Any, name: str, data: st.DataObject
) -> None:
    amounts = st.one_of(st.floats(-100, 100), st.integers(-10, 100), st.sampled_from(["low", "no"]))
    score = data.draw(amounts, label="score")
    said_of_it = (
        evaluation(name, score) if not isinstance(score, str) else evaluation(name, 1, score)
    )
    if name in ("Relevance", "Fluency", "Quality") and isinstance(score, str):
        assert said(reader().read(NOBODY, form(said_of_it))) == {name}
        return
    for events in ([said_of_it], [said_of_it, evaluation("Coherence", 5, "pass")]):
        assert said(reader().read(NOBODY, form(*events))) in ("unread", {name})


def test_an_unread_evaluation_is_for_a_reviewer() -> None:
    pipeline = Pipeline(load_guard())
    read = pipeline.read(NOBODY, logs(evaluation("Relevance", 0.9)), Metadata())
    decided = pipeline.decide(read, reason=FallbackReason.RULES_ONLY)
    assert decided.event["taxonomy"] == ["OTHER.NeedsReview"]


@FORMS
def test_each_event_counts_and_explanations_do_not(form: Any) -> None:
    quoted = {"gen_ai.evaluation.explanation": "The answer is safe and has no hate/threatening."}
    output = form(
        evaluation("Relevance", 4.0, "pass", **quoted),
        evaluation("Toxicity", 0.9, "fail", **quoted),
    )
    assert said(reader().read(NOBODY, output)) == {"Toxicity"}


def test_other_records_beside_a_passed_evaluation_are_not_passed_over() -> None:
    output = json.loads(logs(evaluation("Relevance", 4.0, "pass")))
    other = {"severityNumber": 13, "body": {"stringValue": "hate/threatening"}}
    output["resourceLogs"][0]["scopeLogs"][0]["logRecords"].append(other)
    assert said(reader().read("openai-moderation", json.dumps(output))) != "clean"
