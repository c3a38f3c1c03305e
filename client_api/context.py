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

_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


@dataclass(slots=True)
class RequestContext:
    """trace_id: of the caller's trace (W3C), None without one; started: `time.perf_counter()`
    seconds; facts: for the access log.
    """

    request_id: str
    trace_id: str | None = None
    started: float = field(default_factory=time.perf_counter)
    facts: dict[str, Any] = field(default_factory=dict)


_context: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def current() -> RequestContext:
    """The running request's; outside of one, a new one that nobody sees."""
    return _context.get() or RequestContext(request_id=uuid.uuid4().hex)


def current_or_none() -> RequestContext | None:
    """The running request's, if there is one."""
    return _context.get()


def enter(request_id: str | None, traceparent: str | None) -> RequestContext:
    """Begin a request: echo the id if it is a harmless one, else make one."""
    usable = request_id and _REQUEST_ID.fullmatch(request_id)
    trace = _TRACEPARENT.fullmatch(traceparent or "")
    context = RequestContext(
        request_id=request_id if request_id and usable else uuid.uuid4().hex,
        trace_id=trace.group(1) if trace and set(trace.group(1)) != {"0"} else None,
    )
    _context.set(context)
    return context
