"""The input of the classifiers: a tokenizer and a graph that `bench.making` wrote."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

from schemas.text import normalise

ANSWERS, GRAPH, TOKENIZER, VECTORS = "answers.json", "model.onnx", "tokenizer.json", "vectors.npy"
_MAX_TOKENS = 128


class Graph:
    """answers: the answer of each output of a row, in order."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(str(folder / GRAPH), options, providers=providers)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()
        told = json.loads((folder / ANSWERS).read_text("utf-8"))
        self.answers: list[tuple[str, ...]] = [tuple(labels) for labels in told]

    def run(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[len(texts), width], for the texts in normal form."""
        rows = self._tokenizer.encode_batch([normalise(text) for text in texts])
        feeds: dict[str, Any] = {
            "input_ids": np.array([row.ids for row in rows], np.int64),
            "attention_mask": np.array([row.attention_mask for row in rows], np.int64),
        }
        [found] = self._session.run(None, feeds)
        return np.asarray(found, np.float32)
