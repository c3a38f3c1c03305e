"""The model step of Triton: items of many callers become one list of queries and back."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.answer_cache import AnswerCache
from engine.known_answers import ANSWERS, read_answers
from engine.mapper import MapperEngine
from engine.runtime.cores import usable_cores
from pipeline import wire
from pipeline.heap import keep_for_good
from pipeline.model_counts import ModelMetrics
from pipeline.steps import queries_of
from schemas.candidate import Candidate, CandidateSet, CandidateStatus, Query
from schemas.contract import Mode
from schemas.requests import parse_options

_log = logging.getLogger(__name__)


class ModelStep:
    """One loaded version behind its answer cache. One thread at a time."""

    def __init__(self, engine: MapperEngine, cache: AnswerCache, metrics: ModelMetrics) -> None:
        self._engine = engine
        self._cache = cache
        self._metrics = metrics

    @classmethod
    def load(
        cls, version_dir: Path, setting: Callable[[str], str], metrics: ModelMetrics
    ) -> "ModelStep":
        """Load a version and try one answer.

        setting: the text of a parameter of the model's configuration. Raises ConfigError for an
        incomplete version, RuntimeError for one that does not answer; Triton then refuses the
        version and keeps the previous one.
        """
        engine = MapperEngine.load(
            version_dir,
            threads=int(setting("threads")) or usable_cores(),
            max_input_tokens=int(setting("max_input_tokens")),
            max_new_tokens=int(setting("max_new_tokens")),
            device=setting("device"),
        )
        cache = AnswerCache(int(setting("cache_entries")))
        cache.fill(read_answers(version_dir / ANSWERS, engine.confidence))
        parse_options("{}")  # compiles its schema
        [first] = engine.answer([Query("warm-up", "hate")])
        if first.status is CandidateStatus.ERROR:
            raise RuntimeError(f"{engine.model_id} does not answer; see the log above")
        keep_for_good()
        return cls(engine, cache, metrics)

    def ask(
        self, queries: list[Query], detector: str, signals: str, options: str, deadline: float
    ) -> slice:
        """Append an item's queries; return their place among all queries.

        deadline: `time.monotonic()` seconds; infinity for none. Raises ValueError for a tensor
        with invalid content, and then appends nothing.
        """
        item = wire.load_item(detector, signals)
        until = None if math.isinf(deadline) else deadline
        asked = queries_of(item, until)
        # An item that was refused for its options has no queries: do not parse the options again.
        if asked and parse_options(options).mode is Mode.RULES_ONLY:
            asked = []
        start = len(queries)
        queries += asked
        return slice(start, len(queries))

    def answer(self, queries: Sequence[Query]) -> list[Candidate]:
        """One candidate per query, order kept. A failure is the status of every query."""
        try:
            answers = self._cache.answer(queries, self._compute)
            self._metrics.cached(answers)
            return answers.candidates
        except Exception:
            _log.exception("a batch of %d signals failed", len(queries))
            return [Candidate("", status=CandidateStatus.ERROR)] * len(queries)

    def candidates(self, answers: Sequence[Candidate]) -> CandidateSet:
        """The answers of one item."""
        return CandidateSet(self._engine.model_id, tuple(answers))

    def _compute(self, queries: Sequence[Query]) -> Sequence[Candidate]:
        started = time.monotonic()
        candidates = self._engine.answer(queries)
        self._metrics.computed(queries, candidates, time.monotonic() - started)
        return candidates
