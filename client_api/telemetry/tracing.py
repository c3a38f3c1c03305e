"""OpenTelemetry spans: one per request and one per call to Triton, in the same trace.

In: the endpoint for spans, or None. Out: a provider for the process, the settings of FastAPI's own
telemetry, and a span with the headers that propagate the trace. Every request has a trace id, for
log lines and problem bodies, also without an endpoint. A span has metadata only: no query, no
header and no exception's text.
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
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_tracer = trace.get_tracer(__name__)
# Not the configured one, which would send the caller's baggage to Triton.
_propagator = TraceContextTextMapPropagator()
# FastAPI's span attributes that contain text of the client.
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
    """The OpenTelemetry resource of spans and events."""
    return Resource.create({SERVICE_NAME: "llama-mapper"})


def install(otlp_endpoint: str | None) -> None:
    """Enable spans in this process; call once, before the first request."""
    # Without an exporter a span is only its ids, unless the caller records the trace.
    root = ALWAYS_OFF if otlp_endpoint is None else ALWAYS_ON
    provider = TracerProvider(ParentBased(root), resource=resource())
    if otlp_endpoint is not None:
        # Imported here, since it takes half a second and some megabytes.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


class _WithoutState(TraceContextTextMapPropagator):
    """Continues a caller's trace, without its `tracestate`, which is free text of the caller."""

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Context:
        found = super().extract(carrier, context, getter)
        span = trace.get_current_span(found).get_span_context()
        if not span.is_valid or not span.trace_state:
            return found
        bare = trace.SpanContext(span.trace_id, span.span_id, span.is_remote, span.trace_flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(bare), found)


def follow(*, trust_tracestate: bool) -> None:
    """Sets how this process continues callers' traces; it ignores their baggage."""
    kind = TraceContextTextMapPropagator if trust_tracestate else _WithoutState
    propagate.set_global_textmap(kind())


def caller(headers: Mapping[str, str]) -> trace.SpanContext | None:
    """The span that a `traceparent` names, sampled or not; None without a valid one."""
    found = _propagator.extract(headers, Context())
    span = trace.get_current_span(found).get_span_context()
    return span if span.is_valid else None


def trace_id() -> str | None:
    """The trace id of the current request, as 32 hex digits; None without a trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def hide_words() -> None:
    """Remove the client's text from the current request's span: a query may contain anything."""
    span = trace.get_current_span()
    for name in _CLIENTS_WORDS:
        span.set_attribute(name, "")


@contextmanager
def client_span(name: str, attributes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A span around a call to another service; yields the headers that propagate the trace."""
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
