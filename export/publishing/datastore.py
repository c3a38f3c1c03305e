"""The texts of a version's retrieval: the training texts that apply to any detector.

In: training items. Out: normal forms and their answers; in a version's folder the files that
`engine.retrieval` reads. It contains no text of the gate's families, so the gate measures a
published version on detectors without curated entries.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.retrieval.glossary import GLOSSARY, write_glossary
from engine.retrieval.neighbours import ENCODER, ENCODER_TOKENIZER, PHRASES, write_phrases
from export.data.folds import split
from export.data.glossaries import glossaries
from export.data.items import Item, build_items
from export.data.rows import Answer
from export.onnx.encoder import nearest_graph, sentence_encoder
from export.onnx.multilingual import multilingual_sentences
from export.onnx.quantise import Quantization, store_weights
from export.onnx.saving import save_graph
from export.publishing.vectors import MULTILINGUAL, VectorStore
from schemas.text import normalise


def phrases_of(items: Iterable[Item]) -> dict[str, Answer]:
    """Texts with a meaning for one detector only, such as its codes, and noise are left out."""
    return {normalise(item.text): item.answer for item in items if item.detector is None}


class Stores:
    """The vectors of texts by both encoders."""

    def __init__(self) -> None:
        self.english = VectorStore(sentence_encoder())
        self.multilingual = VectorStore(multilingual_sentences(), MULTILINGUAL)

    @property
    def encoded(self) -> int:
        """The number of computed vectors."""
        return self.english.encoded + self.multilingual.encoded

    def save(self, texts: Sequence[str]) -> None:
        """Store the vectors of these texts only."""
        self.english.save(texts)
        self.multilingual.save(texts)

    def write(self, folder: Path, texts: Sequence[str], kind: Quantization) -> None:
        """The files of both encoders, their weights stored as `kind`."""
        graph = nearest_graph(self.english.vectors(texts))
        store_weights(graph, kind)
        save_graph(graph, folder / ENCODER)
        sentence_encoder().tokenizer.save(str(folder / ENCODER_TOKENIZER))
        multilingual_sentences().write(folder, self.multilingual.vectors(texts), kind)


def write_datastore(
    folder: Path, answers: Sequence[Sequence[str]], kind: Quantization, stores: Stores
) -> None:
    """The stores of a published version, with its encoders' weights stored as `kind`."""
    phrases = phrases_of(build_items(split("final")[0]))
    write_glossary(folder / GLOSSARY, *glossaries())
    stores.write(folder, write_phrases(folder / PHRASES, phrases, answers), kind)
