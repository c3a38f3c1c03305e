"""What belongs to the request being handled: its ids, and what its log line will say.

Set by the middleware, read wherever a problem body or a log line is made. Holds metadata only,
never a detector's output.
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
    """trace_id: of the caller's trace or a new one (W3C); caller: his span, if he has one;
    started: `time.perf_counter()` seconds; facts: for the access log; accepted: whether the
    request's items count by themselves from here; passing: whether its answer is one of the moment.
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
    """The running request's; outside of one, a new one that nobody sees."""
    return _context.get() or RequestContext(request_id=uuid.uuid4().hex)


def current_or_none() -> RequestContext | None:
    """The running request's, if there is one."""
    return _context.get()


def tenant() -> str | None:
    """Whose key the running request came with; None without keys, and outside of a request."""
    context = _context.get()
    return None if context is None else context.facts.get("tenant")


def enter(request_id: str | None, caller: SpanContext | None = None) -> RequestContext:
    """Begin a request: echo the id if it is a harmless one, else make one."""
    usable = request_id and _REQUEST_ID.fullmatch(request_id)
    context = RequestContext(
        request_id=request_id if request_id and usable else uuid.uuid4().hex,
        trace_id=tracing.trace_id(),
        caller=caller,
    )
    _context.set(context)
    return context
