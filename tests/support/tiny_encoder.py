"""Sentence encoders that count words, in the files and tensors of real ones.

The cosine of two texts is that of their word counts, so a test knows who is near whom.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from engine.retrieval.multilingual import GRAPH, Words, write_words
from engine.retrieval.neighbours import ENCODER, ENCODER_TOKENIZER, NEAREST
from engine.retrieval.unigram import Unigram

CHARSMAP = (1024).to_bytes(4, "little") + bytes(1025)
"""A character map that changes nothing."""


def write_encoder(folder: Path, texts: Sequence[str]) -> None:
    """The files of an encoder over `texts`, all in normal form."""
    words = sorted({word for text in texts for word in text.split()})
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {word: i for i, word in enumerate(words, start=2)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / ENCODER_TOKENIZER))

    counts = np.zeros((len(vocabulary), len(texts)), np.float32)
    for column, text in enumerate(texts):
        for word in text.split():
            counts[vocabulary[word], column] += 1
    constants = {
        "words": np.eye(len(vocabulary), dtype=np.float32),
        "texts": counts / np.linalg.norm(counts, axis=0),
        "last": np.array([-1], np.int64),
        "tokens": np.array([1], np.int64),
        "nearest": np.array([min(NEAREST, len(texts))], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["rows"]),
        helper.make_node("Unsqueeze", ["attention_mask", "last"], ["there"]),
        helper.make_node("Cast", ["there"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rows", "mask"], ["read"]),
        helper.make_node("ReduceSum", ["read", "tokens"], ["sum"], keepdims=0),
        helper.make_node("LpNormalization", ["sum"], ["vector"], axis=-1, p=2),
        helper.make_node("MatMul", ["vector", "texts"], ["cosines"]),
        helper.make_node("TopK", ["cosines", "nearest"], ["similarity", "text"]),
    ]
    ids = ["input_ids", "attention_mask"]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in ids],
        [
            helper.make_tensor_value_info("similarity", TensorProto.FLOAT, ["n", "k"]),
            helper.make_tensor_value_info("text", TensorProto.INT64, ["n", "k"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"texts": str(len(texts))})
    onnx.save(model, folder / ENCODER)


def write_multilingual(folder: Path, texts: Sequence[str], words: Sequence[str]) -> None:
    """The files of a multilingual encoder over `texts`, which knows `words` and no other."""
    pieces = ["<unk>", "<s>", "</s>", *(f"▁{word}" for word in words)]
    tokenizer = Unigram(pieces, np.full(len(pieces), -1, np.float32), CHARSMAP)
    one = np.ones(1, np.float32)
    table = np.eye(len(pieces), dtype=np.uint8)
    known = Words(tokenizer, table, one, one * 0)
    write_words(folder, known, pieces, CHARSMAP)
    vectors = [known.vectors(known.ids(text)).sum(axis=0) for text in texts]
    constants = {
        "texts": np.stack([v / np.linalg.norm(v) for v in vectors], axis=1),
        "tokens": np.array([0], np.int64),
        "nearest": np.array([min(NEAREST, len(texts))], np.int64),
    }
    nodes = [
        helper.make_node("ReduceSum", ["words", "tokens"], ["sum"], keepdims=1),
        helper.make_node("LpNormalization", ["sum"], ["vector"], axis=-1, p=2),
        helper.make_node("MatMul", ["vector", "texts"], ["cosines"]),
        helper.make_node("TopK", ["cosines", "nearest"], ["similarity", "text"]),
    ]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["t", len(pieces)])],
        [
            helper.make_tensor_value_info("similarity", TensorProto.FLOAT, ["n", "k"]),
            helper.make_tensor_value_info("text", TensorProto.INT64, ["n", "k"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"texts": str(len(texts))})
    onnx.save(model, folder / GRAPH)
