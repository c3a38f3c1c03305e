"""A sentence encoder with a trained head, one graph on ONNX Runtime: its likeliest class."""

from collections.abc import Sequence
from pathlib import Path

from bench.contenders import Ask, Told
from bench.contenders.sentences import Graph


class TrainedClassifier:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def answer(self, asks: Sequence[Ask]) -> list[Told]:
        best = self._graph.run([ask.signal for ask in asks]).argmax(1)
        return [Told(self._graph.answers[i], 1) for i in best]


def load(folder: str, threads: int) -> TrainedClassifier:
    return TrainedClassifier(Graph(Path(folder), threads))
