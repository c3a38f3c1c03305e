"""JSON log lines of metadata: no raw outputs, no keys, no exception texts.

All log lines of the process pass through this module, including uvicorn's.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from client_api.telemetry.context import current_or_none

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS


def configure(level: str) -> None:
    """Send structlog's and the standard library's records to stderr as JSON."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request,
        _name_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Ignore lines that cannot be written; by default logging reports each to the same full disk.
    logging.raiseExceptions = False
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = name != "uvicorn.access"


def on_loop_exception(_: asyncio.AbstractEventLoop, facts: dict[str, Any]) -> None:
    """An event loop's exception handler; the default one quotes exceptions in its message."""
    error = facts.get("exception")
    found = exception_facts(error) if isinstance(error, BaseException) else {}
    structlog.get_logger().error("an unhandled error in a background task", **found)


def _add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    context = current_or_none()
    if context is not None:
        event["request_id"] = context.request_id
        if context.trace_id is not None:
            event["trace_id"] = context.trace_id
    return event


def _name_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception's class and place instead of its text, which may quote a client."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[1] is not None:
        event.update(exception_facts(info[1]))
    return event


def _json(event: EventDict, default: Callable[[Any], Any], **_: object) -> str:
    return orjson.dumps(event, default, _OPTIONS).decode()


def exception_facts(error: BaseException) -> dict[str, Any]:
    """The log fields of an exception: its class and place, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "exception": type(error).__name__,
        "place": [f"{frame.filename}:{frame.lineno}" for frame in frames[-4:]],
    }
