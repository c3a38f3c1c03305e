"""The classifiers that the bench compares with, over a graph small enough to know its answers."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from bench.contenders import Ask, nearest_app, trained_classifier
from bench.contenders.sentences import ANSWERS, GRAPH, TOKENIZER, VECTORS

WORDS = {"[PAD]": 0, "hate": 1, "speech": 2, "violence": 3}
HATE, VIOLENCE = ["HARM.SPEECH.Hate.Other"], ["HARM.VIOLENCE.Other"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text's vector is how often it has each word; answers in the order of WORDS."""
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / TOKENIZER))
    table = np.eye(4, dtype=np.float32)
    table[0] = 0
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["words", "column"], ["read"]),
        helper.make_node("ReduceSum", ["read", "middle"], ["found"], keepdims=0),
    ]
    constants = {"table": table, "last": np.array([2]), "middle": np.array([1])}
    shapes = (("input_ids", TensorProto.INT64), ("attention_mask", TensorProto.INT64))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, ["rows", "tokens"]) for name, kind in shapes],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, ["rows", 4])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / GRAPH)
    np.save(tmp_path / VECTORS, np.eye(4, dtype=np.float32))
    (tmp_path / ANSWERS).write_text(json.dumps([["OTHER.Unknown"], HATE, HATE, VIOLENCE]))
    return tmp_path


def test_the_trained_classifier_answers_its_likeliest_class(folder: Path) -> None:
    contender = trained_classifier.load(str(folder), threads=1)

    told = contender.answer([Ask("custom-guard", "Hate/Speech"), Ask("custom-guard", "violence")])

    assert [list(one.labels) for one in told] == [HATE, VIOLENCE]


def test_the_embedding_classifier_answers_with_the_nearest_phrase(folder: Path) -> None:
    http = TestClient(nearest_app.create_app(folder, threads=1))

    answer = http.post("/map", json={"detector": "custom-guard", "output": "violence"})

    assert http.get("/health").status_code == 200
    assert answer.json() == {"taxonomy": VIOLENCE, "confidence": 1.0, "fallback_reason": None}
    assert http.post("/map", json={"output": "violence"}).status_code == 422
