"""Sends a share of the live items to a candidate version, after they were answered.

In: live items with their answers, and the file with the candidate and the share. Out: counts that
compare both answers. Callers see nothing of it: the candidate has its own channel, and does not
affect circuit, permits, caches and service levels. It gets one item at a time, and only while the
model has no live item; the queue of waiting items is bounded.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import orjson
import structlog

from client_api.mapping.gateway import Item, ModelError
from client_api.telemetry.logs import exception_facts
from client_api.telemetry.shadow_counts import Agreement, Comparison, ShadowCounts
from engine.versions import Shadow, read_shadow, shadow_file
from fallback.decision.decision import NO_MODEL, Decision
from pipeline.steps import ReadItem
from pipeline.tenants import TenantPipelines
from schemas.candidate import CandidateSet
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile
from schemas.requests import parse_metadata

#: Items that wait for the candidate; further ones are dropped.
_MOST_WAITING: Final = 100
_LOOK_S: Final = 1.0
#: Seconds between two checks whether the model has live items.
_PAUSE_S: Final = 0.01

_log = structlog.get_logger()


class CandidateModel(Protocol):
    """A client of one candidate."""

    async def ask(self, shadow: Shadow, item: ReadItem) -> CandidateSet:
        """Its answers to the signals of an item. Raises ModelError."""

    async def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class _Served:
    """A live item and the parts of its answer that are compared."""

    item: Item
    labels: frozenset[str]
    confidence: float
    rules: str
    seconds: float


class ShadowTraffic:
    """One per process; `run` it as a task."""

    def __init__(
        self,
        repository: Path,
        model: CandidateModel,
        pipelines: TenantPipelines,
        busy: Callable[[], bool],
        counts: ShadowCounts,
    ) -> None:
        """repository: the model repository, whose hidden file names candidate and share; busy:
        whether the model has live items now."""
        self._file = WatchedFile(shadow_file(repository), _read)
        self._model = model
        self._pipelines = pipelines
        self._busy = busy
        self._counts = counts
        self._on: Shadow | None = None
        self._waiting: asyncio.Queue[_Served] = asyncio.Queue(_MOST_WAITING)

    def offer(self, item: Item, answer: Decision, seconds: float) -> None:
        """Queue a live item that was answered after `seconds`; does not block. Skips items outside
        the share and items that the model did not answer."""
        reason = answer.fallback_reason
        if self._on is None or answer.versions["model"] == NO_MODEL:
            return
        if (reason is not None and not reason.has_candidate) or not _is_in(self._on.share, item):
            return
        labels = frozenset(cast(list[str], answer.event["taxonomy"]))
        served = _Served(item, labels, answer.confidence, answer.versions["rules"], seconds)
        try:
            self._waiting.put_nowait(served)
        except asyncio.QueueFull:
            self._counts.dropped()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self._next()
            except Exception as error:  # the next item may do better
                _log.error("comparing with the candidate failed", **exception_facts(error))
                await asyncio.sleep(_LOOK_S)

    async def _next(self) -> None:
        """Compare one item, if one is queued."""
        await self._look()
        try:
            served = await asyncio.wait_for(self._waiting.get(), _LOOK_S)
        except TimeoutError:
            return
        while self._busy():
            await asyncio.sleep(_PAUSE_S)
            await self._look()
        if self._on is not None:
            await self._compare(self._on, served)

    async def _look(self) -> None:
        """Apply the current content of the file."""
        if (now := await asyncio.to_thread(self._file.current)) != self._on:
            self._on = now
            self._counts.begin(now)
            while not self._waiting.empty():
                self._waiting.get_nowait()

    async def _compare(self, shadow: Shadow, served: _Served) -> None:
        item, pipeline = served.item, self._pipelines.of(served.item.tenant)
        hints = parse_metadata(item.metadata)
        begun = time.perf_counter()
        read = await asyncio.to_thread(pipeline.read, item.detector, item.output, hints)
        if read.rules_version != served.rules:
            return  # the rules changed in between: versions of the model are compared here
        try:
            candidates = await self._model.ask(shadow, read)
        except ModelError as error:
            _log.debug("the candidate gave no answer", problem=str(error))
            found = Comparison(Agreement.UNANSWERED)
        else:
            answer = await asyncio.to_thread(
                pipeline.decide, read, candidates, threshold=item.threshold
            )
            found = _comparison(served, answer, time.perf_counter() - begun)
        if self._on == shadow:
            self._counts.compared(item.detector, found)


def _comparison(served: _Served, answer: Decision, seconds: float) -> Comparison:
    reason = answer.fallback_reason
    if reason is not None and not reason.has_candidate:
        return Comparison(Agreement.UNANSWERED)
    labels = frozenset(cast(list[str], answer.event["taxonomy"]))
    if labels == served.labels:
        agreement = Agreement.SAME
    else:
        agreement = Agreement.PARTIAL if labels & served.labels else Agreement.DIFFERENT
    return Comparison(agreement, answer.confidence - served.confidence, served.seconds, seconds)


def _is_in(share: float, item: Item) -> bool:
    """Whether an item belongs to the share; the same for equal items in every process."""
    asked = orjson.dumps((item.tenant, item.detector, item.output, item.metadata))
    digest = hashlib.blake2b(asked, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def _read(path: Path) -> Shadow | None:
    """The content of the file; None also for a damaged file, and then no candidate gets items."""
    try:
        return read_shadow(path.parent)
    except ConfigError as error:
        _log.error("no candidate gets items", problem=str(error))
        return None
