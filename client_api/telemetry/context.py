"""The context of the current request: its ids, and the fields of its log line.

Set by the middleware, read by the code that makes problem bodies and log lines. It has metadata
only, never a detector's output.
"""

import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanContext

from client_api.telemetry import tracing

_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


@dataclass(slots=True)
class RequestContext:
    """trace_id: of the caller's trace or a new one (W3C); caller: the caller's span, or None;
    started: `time.perf_counter()` seconds; facts: fields of the access log; accepted: whether the
    request's items are counted one by one; passing: whether its answer is temporary.
    """

    request_id: str
    trace_id: str | None = None
    caller: SpanContext | None = None
    started: float = field(default_factory=time.perf_counter)
    facts: dict[str, Any] = field(default_factory=dict)
    accepted: bool = False
    passing: bool = False


_context: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def current() -> RequestContext:
    """The context of the current request; outside a request, a new unused one."""
    return _context.get() or RequestContext(request_id=uuid.uuid4().hex)


def current_or_none() -> RequestContext | None:
    """The context of the current request; None outside a request."""
    return _context.get()


def tenant() -> str | None:
    """The tenant of the current request's key; None without keys, and outside a request."""
    context = _context.get()
    return None if context is None else context.facts.get("tenant")


def enter(request_id: str | None, caller: SpanContext | None = None) -> RequestContext:
    """Start the context of a request; keep the client's id if its form is valid, else make one."""
    usable = request_id and _REQUEST_ID.fullmatch(request_id)
    context = RequestContext(
        request_id=request_id if request_id and usable else uuid.uuid4().hex,
        trace_id=tracing.trace_id(),
        caller=caller,
    )
    _context.set(context)
    return context
