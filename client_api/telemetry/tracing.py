"""OpenTelemetry spans: one a request, one a call to Triton, both of one trace.

In: where spans are sent, if anywhere. Out: a provider for the process, what FastAPI's own
telemetry is to do, and a span with the headers that carry a trace on. Every request has a trace
id, for log lines and problem bodies, also when its spans are sent nowhere. A span holds metadata
only: no query, no header and no exception's text.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from fastapi.telemetry import TelemetryConfig
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer(__name__)
# Not the configured one: a caller's baggage is not Triton's business.
_propagator = TraceContextTextMapPropagator()
# What FastAPI writes down of a request in a client's own words.
_CLIENTS_WORDS = ("url.path", "url.query", "url.full", "user_agent.original", "server.address")

#: FastAPI makes the span of each request. Its logs would quote exceptions; the metrics are ours.
FASTAPI: Final[TelemetryConfig] = {
    "tracing": True,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def resource() -> Resource:
    """What spans and events are of."""
    return Resource.create({SERVICE_NAME: "llama-mapper"})


def install(otlp_endpoint: str | None) -> None:
    """Make spans in this process; once, before the first request."""
    provider = TracerProvider(resource=resource())
    if otlp_endpoint is not None:
        # Half a second and some megabytes that nobody pays who sends no spans.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


class _WithoutState(TraceContextTextMapPropagator):
    """Continues a caller's trace; his `tracestate`, a text of his own, ends here."""

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Context:
        found = super().extract(carrier, context, getter)
        span = trace.get_current_span(found).get_span_context()
        if not span.is_valid or not span.trace_state:
            return found
        bare = trace.SpanContext(span.trace_id, span.span_id, span.is_remote, span.trace_flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(bare), found)


def follow(*, trust_tracestate: bool) -> None:
    """How callers' traces are continued in this process; their baggage is nobody's business."""
    kind = TraceContextTextMapPropagator if trust_tracestate else _WithoutState
    propagate.set_global_textmap(kind())


def caller(headers: Mapping[str, str]) -> trace.SpanContext | None:
    """The span that a `traceparent` names, sampled or not; None without a valid one."""
    found = _propagator.extract(headers, Context())
    span = trace.get_current_span(found).get_span_context()
    return span if span.is_valid else None


def trace_id() -> str | None:
    """Of the running request, as 32 hex digits; None when it has no trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def hide_words() -> None:
    """Take the client's own words out of the running request's span: a query may hold anything."""
    span = trace.get_current_span()
    for name in _CLIENTS_WORDS:
        span.set_attribute(name, "")


@contextmanager
def client_span(name: str, attributes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A span around a call to another service; yields the headers that carry the trace on."""
    with _tracer.start_as_current_span(
        name,
        kind=trace.SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        headers: dict[str, str] = {}
        _propagator.inject(headers)
        try:
            yield headers
        except Exception as error:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
