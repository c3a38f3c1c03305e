"""Answers as OpenTelemetry's event `gen_ai.evaluation.result`, one log record per answer.

In: items and their decisions, while their request runs. Out: records to a collector, sent in
batches outside the request's path. A record has the detector, the labels and the confidence: no
output and no notes. Its parent is the caller's span, which evaluated the text.
"""

import time
from typing import Final, cast

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from client_api.events.record import Known, name_of
from client_api.mapping.gateway import Item
from client_api.telemetry import context, tracing
from fallback.decision.decision import Decision

EVENT: Final = "gen_ai.evaluation.result"


class Evaluations:
    """Sends to one collector. `record` is called on the event loop and does not block.
    OpenTelemetry's SDK bounds the queue and logs lost records."""

    def __init__(self, endpoint: str, known: Known) -> None:
        """endpoint: of OTLP over HTTP, for logs; known: detectors whose names are sent."""
        self._provider = LoggerProvider(resource=tracing.resource())
        exporter = OTLPLogExporter(endpoint=endpoint)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._logger = self._provider.get_logger(__name__)
        self._known = known

    def record(self, item: Item, decision: Decision) -> None:
        """Send the event of an answer."""
        labels = cast(list[str], decision.event["taxonomy"])
        self._logger.emit(
            LogRecord(
                event_name=EVENT,
                timestamp=time.time_ns(),
                context=_parent(),
                severity_number=SeverityNumber.INFO,
                attributes={
                    "gen_ai.evaluation.name": name_of(item, self._known),
                    "gen_ai.evaluation.score.value": cast(float, decision.event["confidence"]),
                    "gen_ai.evaluation.score.label": "|".join(labels),
                },
            )
        )

    def close(self) -> None:
        """Send the queued records."""
        self._provider.shutdown()


def _parent() -> Context | None:
    """The caller's span; without one, the current context, which has the request's own span."""
    request = context.current_or_none()
    if request is None or request.caller is None:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(request.caller), Context())
