"""The texts that a version's neighbours come from: what training could read, for any detector.

In: training items. Out: normal forms and their answers; in a version's folder the files that
`engine.neighbours` reads. Nothing of the gate's families is in it, so the gate measures a published
version as it will meet a detector that nobody has curated.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.neighbours import ENCODER, ENCODER_TOKENIZER, PHRASES, write_phrases
from export.data.folds import split
from export.data.items import Item, build_items
from export.data.rows import Answer
from export.onnx.encoder import nearest_graph, sentence_encoder
from export.onnx.quantise import Quantization, store_weights
from export.onnx.saving import save_graph
from export.publishing.vectors import VectorStore
from schemas.text import normalise


def phrases_of(items: Iterable[Item]) -> dict[str, Answer]:
    """What holds under one detector's name only, as its codes do, is left out; noise too."""
    return {normalise(item.text): item.answer for item in items if item.detector is None}


def write_datastore(
    folder: Path, answers: Sequence[Sequence[str]], kind: Quantization, store: VectorStore
) -> None:
    """Those of a version that is published, with its encoder's weights stored as `kind`."""
    phrases = phrases_of(build_items(split("final")[0]))
    texts = write_phrases(folder / PHRASES, phrases, answers)
    graph = nearest_graph(store.vectors(texts))
    store_weights(graph, kind)
    save_graph(graph, folder / ENCODER)
    sentence_encoder().tokenizer.save(str(folder / ENCODER_TOKENIZER))
