"""Writes events to a store outside the request's path.

In: items and their decisions, on the event loop. Out: events in a store, in the order of the
answers. The queue is bounded; further events are dropped and counted. During an outage of the
store, events wait in the queue.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Final, Protocol

import structlog

from client_api.events.record import Event, Known, event_of
from client_api.mapping.gateway import Item
from client_api.review.words import StoreError
from fallback.decision.decision import Decision

_log = structlog.get_logger()
#: Seconds between two checks of the queue.
TURN_S: Final = 0.5
#: The most events in the queue, and the number from which they are written at once.
MAX_WAITING: Final = 20_000
FULL: Final = 5_000
_EXPIRE_EVERY_S: Final = 3600.0


class EventStore(Protocol):
    """A store of events; each method may block and raise StoreError.

    patience_s: seconds for which events may wait to be written in one batch.
    """

    patience_s: float

    def append(self, events: Sequence[Event]) -> None:
        """Keep all of them or none."""
        ...

    def expire(self, before: datetime) -> None:
        """Delete older events."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class EventSink:
    """One thread. `record` is called on the event loop and does not block."""

    def __init__(
        self,
        store: EventStore,
        known: Known,
        *,
        retention_days: float,
        on_dropped: Callable[[int], None],
    ) -> None:
        """known: detectors whose names are kept; on_dropped: gets the number of lost events."""
        self._store = store
        self._known = known
        self._retention = timedelta(days=retention_days)
        self._on_dropped = on_dropped
        self._waiting: SimpleQueue[Event] = SimpleQueue()
        self._unwritten: list[Event] = []
        self._written_at = time.monotonic()
        self._expired_at = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-sink", daemon=True)
        self._out = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Write the queued events and end the thread; events that the store refuses are lost."""
        self._stop.set()
        self._thread.join()
        if lost := len(self._unwritten) + self._waiting.qsize():
            self._on_dropped(lost)
            _log.error("events are lost: the sink does not accept them", events=lost)
        self._store.close()

    def record(self, item: Item, decision: Decision) -> None:
        """Queue the event of an answer."""
        if self._waiting.qsize() + len(self._unwritten) >= MAX_WAITING:
            self._on_dropped(1)
        else:
            self._waiting.put(event_of(item, decision, self._known))

    @property
    def problem(self) -> str | None:
        """The current problem, as a text that is safe to publish."""
        lost = "the event sink does not accept events: they wait; see the log"
        return lost if self._out else None

    def flush(self) -> None:
        """Write the queued events; they stay queued during an outage of the store."""
        self._unwritten += [self._waiting.get() for _ in range(self._waiting.qsize())]
        try:
            if self._unwritten:
                self._store.append(self._unwritten)
                self._unwritten = []
            self._written_at = now = time.monotonic()
            if now - self._expired_at >= _EXPIRE_EVERY_S:
                self._store.expire(datetime.now(UTC) - self._retention)
                self._expired_at = now
        except StoreError as error:
            if not self._out:
                _log.error("the event sink does not accept events; they wait", problem=str(error))
            self._out = True
        else:
            if self._out:
                _log.info("the event sink accepts events again")
            self._out = False

    def _run(self) -> None:
        while not self._stop.wait(TURN_S):
            late = time.monotonic() - self._written_at >= self._store.patience_s
            if late or self._waiting.qsize() >= FULL:
                self.flush()
        self.flush()
