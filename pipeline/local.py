"""The whole pipeline in one process: for evaluation, smoke tests and bulk work without Triton."""

from collections.abc import Sequence
from pathlib import Path

from engine.answer_cache import AnswerCache
from engine.known_answers import ANSWERS, read_answers
from engine.mapper import MapperEngine
from engine.runtime.cores import usable_cores
from fallback.decision.decision import Decision
from pipeline.steps import Pipeline, ReadItem, load_pipeline, queries_of
from schemas.candidate import Candidate, CandidateSet, Query


class LocalPipeline:
    """A published model version with the steps around it. One thread at a time."""

    def __init__(
        self,
        version_dir: Path,
        pipeline: Pipeline | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        """cache: keeps answers, and those that the version brings along; without one the model
        computes each. Raises ConfigError when the directory holds no complete version."""
        self.engine = MapperEngine.load(version_dir, threads=usable_cores())
        self.steps = pipeline or load_pipeline()
        self._cache = cache
        if cache is not None:
            cache.fill(read_answers(version_dir / ANSWERS, self.engine.confidence))

    @property
    def model_id(self) -> str:
        """The identifier of the version, as in every answer."""
        return self.engine.model_id

    def ask(self, items: Sequence[ReadItem]) -> list[CandidateSet]:
        """Step 2 for many items in one call of the engine, order kept."""
        queries = [queries_of(item) for item in items]
        answers = iter(self._answer([query for some in queries for query in some]))
        return [CandidateSet(self.model_id, tuple(next(answers) for _ in some)) for some in queries]

    def decide(
        self, outputs: Sequence[tuple[str, str]], threshold: float | None = None
    ) -> list[Decision]:
        """One decision per (detector, output), order kept."""
        items = [self.steps.read(detector, output) for detector, output in outputs]
        return [
            self.steps.decide(item, candidates, threshold=threshold)
            for item, candidates in zip(items, self.ask(items), strict=True)
        ]

    def _answer(self, queries: Sequence[Query]) -> Sequence[Candidate]:
        if self._cache is None:
            return self.engine.answer(queries)
        return self._cache.answer(queries, self.engine.answer).candidates
