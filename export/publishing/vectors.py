"""The vectors of the texts for retrieval, each encoded once for all versions.

In: texts and a sentence encoder. Out: their vectors, from the committed file if they are in it. A
vector is stored by the hash of its text, in eight bits with its own scale; a file of another
encoder is ignored, and a missing text is encoded. So only the new texts of a changed vocabulary are
encoded, and a version does not depend on the machine that encoded them.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from export.onnx.encoder import Vectors
from export.onnx.int8 import quantise_columns

_FOLDER = Path(__file__).resolve().parents[1] / "artefacts" / "encoder"
VECTORS, MULTILINGUAL = _FOLDER / "vectors.npz", _FOLDER / "multilingual.npz"

Keys = npt.NDArray[np.uint64]


class Encoder(Protocol):
    """An encoder of texts; `identity` changes with its vectors, which have `width` numbers."""

    width: int

    @property
    def identity(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), width]"""


class VectorStore:
    """`encoded`: number of texts encoded since the file was read."""

    def __init__(self, encoder: Encoder, file: Path = VECTORS) -> None:
        self._encoder, self._file = encoder, file
        self._keys = np.zeros(0, np.uint64)  # in rising order
        self._units = np.zeros((0, encoder.width), np.int8)
        self._scales = np.zeros(0, np.float32)
        self.encoded = 0
        if file.is_file():
            with np.load(file) as stored:
                if str(stored["encoder"]) == encoder.identity:
                    self._keys, self._units = stored["keys"], stored["units"]
                    self._scales = stored["scales"]

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), width], from their eight bits."""
        keys = _keys(texts)
        known = set(self._keys.tolist())
        new = [text for text, key in zip(texts, keys.tolist(), strict=True) if key not in known]
        if new:
            self._add(list(dict.fromkeys(new)))
        rows = np.searchsorted(self._keys, keys)
        found: Vectors = self._units[rows] * self._scales[rows][:, None]
        return found

    def save(self, texts: Sequence[str]) -> None:
        """Replace the file by one with the vectors of these texts only."""
        self.vectors(texts)
        rows = np.unique(np.searchsorted(self._keys, _keys(texts)))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            self._file,
            encoder=np.array(self._encoder.identity),
            keys=self._keys[rows],
            units=self._units[rows],
            scales=self._scales[rows],
        )

    def _add(self, texts: list[str]) -> None:
        self.encoded += len(texts)
        columns, scales = quantise_columns(self._encoder.encode(texts).T)
        keys = np.concatenate([self._keys, _keys(texts)])
        order = np.argsort(keys)
        self._keys = keys[order]
        self._units = np.concatenate([self._units, columns.T])[order]
        self._scales = np.concatenate([self._scales, scales])[order]


def _keys(texts: Sequence[str]) -> Keys:
    """The first eight bytes of each text's SHA-256: for 30,000 texts the chance that two are the
    same is 1 in 40 billion."""
    digests = (hashlib.sha256(text.encode()).digest()[:8] for text in texts)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
