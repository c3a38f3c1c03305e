"""The look-up of the served version's neighbours alone: the time that it adds to a pass."""

from collections.abc import Sequence

from bench.contenders import Ask, Told
from engine.retrieval.neighbours import Neighbours, read_neighbours
from engine.version import WritesLabelTokens, read_version


class LooksUp:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        self._neighbours.votes([ask.signal for ask in asks])
        return [Told((), 0) for _ in asks]


def load(version: str, threads: int) -> LooksUp:
    published = read_version(version)
    assert isinstance(published.writes, WritesLabelTokens)
    return LooksUp(read_neighbours(published.path, len(published.writes.answers), threads))
