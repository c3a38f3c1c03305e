"""This project's engine with the served version, as in `llama_mapper`."""

from collections.abc import Sequence
from pathlib import Path

from bench.contenders import Ask, Told
from bench.contenders.prompt import MAX_INPUT_TOKENS, MAX_NEW_TOKENS
from engine.answer_cache import AnswerCache
from engine.mapper import MapperEngine
from schemas.candidate import Query


class OwnEngine:
    def __init__(self, engine: MapperEngine, cache: AnswerCache | None) -> None:
        self._engine = engine
        self._cache = cache

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        queries = [Query(ask.detector, ask.signal) for ask in asks]
        if self._cache is None:
            candidates = self._engine.answer(queries)
        else:
            candidates = self._cache.answer(queries, self._engine.answer).candidates
        return [Told(one.labels, one.passes) for one in candidates]


def load(version: str, threads: int, cache: bool = False) -> OwnEngine:
    engine = MapperEngine.load(
        Path(version),
        threads=threads,
        max_input_tokens=MAX_INPUT_TOKENS,
        max_new_tokens=MAX_NEW_TOKENS,
    )
    return OwnEngine(engine, AnswerCache(10_000) if cache else None)
