"""The nearest training texts of a signal in any of sixteen languages.

In: a version's files, then texts. Out: cosines and indices of the nearest texts, as from
`engine.retrieval.neighbours.Encoder` for English. The encoder is Google's multilingual Universal
Sentence Encoder (Yang et al. 2020, arXiv 1907.04307), a mean over words and their n-grams: equal
meanings of sixteen languages are near one another. The table of its words is mapped from disk, so a
process holds only the rows that it has read. Independent of answers.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.unigram import UNKNOWN, Unigram
from engine.runtime.session import Device, open_graph
from schemas.config.errors import ConfigError
from schemas.text import normalise

GRAPH, TABLE, PIECES = "multilingual.onnx", "multilingual-words.npy", "multilingual-pieces.npz"

MAX_PIECES = 64
"""The limit of a signal."""

_KNOWN_SHARE = 0.8
"""The lowest share of known pieces: in an unknown script all texts have similar vectors."""

Nearest = tuple[list[float], list[int]]


def has_other_letters(text: str) -> bool:
    """Whether a text has a letter of another script than Latin."""
    return not text.isascii() and any(c.isalpha() and not _is_latin(c) for c in text)


@lru_cache(maxsize=4096)
def _is_latin(letter: str) -> bool:
    plain = unicodedata.normalize("NFKC", letter)[0]  # `º` is an o, and so are wide letters Latin
    return unicodedata.name(plain, "").startswith("LATIN")


@dataclass(frozen=True, slots=True)
class Words:
    """Pieces of texts and their vectors.

    table: eight-bit vectors [pieces, width]; scale, low [chunks]: those of piece i are at i modulo
    chunks, so its vector is table[i] * scale + low.
    """

    tokenizer: Unigram
    table: npt.NDArray[np.uint8]
    scale: npt.NDArray[np.float32]
    low: npt.NDArray[np.float32]

    def ids(self, text: str) -> list[int]:
        """The ids of a text in normal form."""
        return self.tokenizer.encode(text, MAX_PIECES)

    def vectors(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """[len(ids), width]"""
        chunk = np.array(ids) % len(self.scale)
        rows: npt.NDArray[np.float32] = self.table[ids].astype(np.float32)
        rows = rows * self.scale[chunk, None] + self.low[chunk, None]
        return rows


def write_words(folder: Path, words: Words, pieces: Sequence[str], charsmap: bytes) -> None:
    """Write the files that `read_words` reads. pieces, charsmap: of the tokenizer."""
    np.save(folder / TABLE, words.table)
    np.savez(
        folder / PIECES,
        pieces=np.frombuffer("\n".join(pieces).encode("utf-8"), np.uint8),
        scores=words.tokenizer.scores,
        charsmap=np.frombuffer(charsmap, np.uint8),
        scale=words.scale,
        low=words.low,
    )


def read_words(folder: Path) -> Words:
    """Raises ConfigError for a file that does not load."""
    try:
        table = np.load(folder / TABLE, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(folder / TABLE, "(array)", f"does not load: {error}") from error
    try:
        with np.load(folder / PIECES) as stored:
            pieces = stored["pieces"].tobytes().decode("utf-8").split("\n")
            tokenizer = Unigram(pieces, stored["scores"], stored["charsmap"].tobytes())
            return Words(tokenizer, table, stored["scale"], stored["low"])
    except Exception as error:  # numpy's, zipfile's, and the tokenizers library's bare Exception
        raise ConfigError(folder / PIECES, "(file)", f"does not load: {error}") from error


class MultilingualEncoder:
    """The graph that finds the nearest texts, and its words."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Raises ConfigError if one of the files does not load."""
        self._session, _ = open_graph(folder / GRAPH, threads, Device.CPU)
        known = self._session.get_modelmeta().custom_metadata_map
        if "texts" not in known:
            raise ConfigError(folder / GRAPH, "texts", "missing from its metadata; export again")
        self.texts = int(known["texts"])
        """The number of texts in the graph."""
        self._words = read_words(folder)

    def nearest(self, text: str) -> Nearest | None:
        """Cosines and indices of the nearest texts, nearest first; None for a text with too few
        known words."""
        ids = self._words.ids(normalise(text))
        if not is_readable(ids):
            return None
        given = {"words": self._words.vectors(ids)}
        similarities, indices = self._session.run(["similarity", "text"], given)
        return similarities[0].tolist(), indices[0].tolist()


def is_readable(ids: Sequence[int]) -> bool:
    """Whether enough of a text's pieces are known; ids: with those of begin and end."""
    pieces = ids[1:-1]
    return sum(i != UNKNOWN for i in pieces) >= _KNOWN_SHARE * max(len(pieces), 1)
