"""Counts sightings outside the request's path.

In: items and their decisions, on the event loop. Out: counts of words and of days in the store. The
queues for the thread and the counts that are not yet stored are bounded; further ones are dropped
and counted. During an outage of the database, counts stay in memory.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import structlog

from client_api.mapping.gateway import Item
from client_api.review.days import Answered, DayTally, answered
from client_api.review.sightings import Names, Sighting, Tally, sightings
from client_api.review.store import Store
from client_api.review.words import StoreError
from fallback.decision.decision import Decision

_log = structlog.get_logger()
#: Seconds between two writes.
INTERVAL_S: Final = 0.5
#: The most sightings, and answers, in the queues.
MAX_WAITING: Final = 10_000
#: The most words with counts that are not yet stored.
MAX_TALLIES: Final = 10_000
#: The most detectors with counts that are not yet stored.
MAX_DETECTORS: Final = 1000


class Recorder:
    """One thread. `record` is called on the event loop and does not block."""

    def __init__(
        self,
        store: Store,
        names: Names,
        on_dropped: Callable[[int], None],
        after_write: Callable[[], None] = lambda: None,
    ) -> None:
        """on_dropped: called with the number of lost sightings and answers. after_write: called by
        the thread; its StoreError counts as an outage of the database."""
        self._store = store
        self._names = names
        self._on_dropped = on_dropped
        self._after_write = after_write
        self._waiting: SimpleQueue[Sighting] = SimpleQueue()
        self._tallies: dict[str, Tally] = {}
        self._answers: SimpleQueue[Answered] = SimpleQueue()
        self._days: dict[str, DayTally] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review-recorder", daemon=True)
        self.out = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Write the counts once, and end the thread."""
        self._stop.set()
        self._thread.join()

    def record(self, item: Item, decision: Decision) -> None:
        """Count an answer, and its words that need a review."""
        if self._answers.qsize() < MAX_WAITING:
            self._answers.put(answered(item, decision))
        else:
            self._on_dropped(1)
        found = sightings(item, decision)
        room = MAX_WAITING - self._waiting.qsize()
        for sighting in found[:room]:
            self._waiting.put(sighting)
        if len(found) > room:
            self._on_dropped(len(found) - max(room, 0))

    def flush(self) -> None:
        """Store the counts; they stay in memory during an outage of the database."""
        self._fold()
        self._fold_days()
        try:
            if self._days:
                self._store.add_items(self._days)
                self._days = {}
            if self._tallies:
                self._store.add(self._tallies)
                self._tallies = {}
            self._after_write()
        except StoreError as error:
            if not self.out:
                _log.error("the review database is lost; counts stay in memory", problem=str(error))
            self.out = True
        else:
            if self.out:
                _log.info("the review database answers again")
            self.out = False

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self.flush()
        self.flush()

    def _fold_days(self) -> None:
        dropped = 0
        for _ in range(self._answers.qsize()):
            item = self._answers.get()
            key = self._names.day_key(item.tenant, item.detector)
            if key not in self._days:
                if len(self._days) >= MAX_DETECTORS:
                    dropped += 1
                    continue
                name = self._names.detector(item.tenant, item.detector)
                self._days[key] = DayTally(item.tenant, name)
            self._days[key].add(item)
        if dropped:
            self._on_dropped(dropped)

    def _fold(self) -> None:
        dropped = 0
        for _ in range(self._waiting.qsize()):
            sighting = self._waiting.get()
            key = self._names.key(sighting.tenant, sighting.detector, sighting.word)
            if key not in self._tallies:
                if len(self._tallies) >= MAX_TALLIES:
                    dropped += 1
                    continue
                self._tallies[key] = self._names.tally(sighting)
            self._tallies[key].add(sighting)
        if dropped:
            self._on_dropped(dropped)
