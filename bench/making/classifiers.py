"""`python -m bench.making.classifiers FOLDER`: classifiers of labels without a language model.

Out, from the texts of the served version's retrieval (training rows, without the gate's families):
FOLDER/nearest, a sentence encoder with the vectors of the texts, and FOLDER/trained, the same
encoder with a trained head in one graph. Both encoders' weights are int8, as in the served version.
Runs in the export environment.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from bench.contenders.sentences import ANSWERS, GRAPH, TOKENIZER, VECTORS
from export.data.folds import split
from export.data.items import build_items
from export.data.rows import Answer
from export.onnx.encoder import VECTOR, Vectors, graph_with_weights, sentence_encoder
from export.onnx.quantise import Quantization, store_weights
from export.publishing.datastore import Stores, phrases_of

_HIDDEN, _EPOCHS, _BATCH, _RATE, _DECAY, _DROPPED = 512, 20, 256, 1e-3, 1e-2, 0.3


def main(folder: Path) -> None:
    """Write both from the training rows."""
    phrases = phrases_of(build_items(split("final")[0]))
    write(folder, phrases, Stores().english.vectors(list(phrases)))


def write(folder: Path, phrases: Mapping[str, Answer], vectors: Vectors) -> None:
    """phrases: in normal form, each with its answer; vectors: of the phrases, [phrases, width]."""
    answers = list(phrases.values())
    encoder = graph_with_weights()
    store_weights(encoder, Quantization.INT8)
    nearest, trained = folder / "nearest", folder / "trained"
    for place in (nearest, trained):
        place.mkdir(parents=True)
        sentence_encoder().tokenizer.save(str(place / TOKENIZER))
    np.save(nearest / VECTORS, vectors)
    _write(nearest, encoder, answers)
    classes = sorted(set(answers))
    targets = [classes.index(answer) for answer in answers]
    _add_head(encoder, train(vectors, targets, len(classes)))
    _write(trained, encoder, classes)


def train(vectors: Vectors, targets: Sequence[int], classes: int) -> nn.Sequential:
    """A perceptron with one hidden layer over vectors [texts, width]."""
    torch.manual_seed(1)
    head = nn.Sequential(
        nn.Linear(vectors.shape[1], _HIDDEN),
        nn.ReLU(),
        nn.Dropout(_DROPPED),
        nn.Linear(_HIDDEN, classes),
    )
    scale = math.sqrt(vectors.shape[1])  # entries of about 1, as the first weights expect
    inputs, wanted = torch.from_numpy(scale * vectors), torch.tensor(targets)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(targets)).split(_BATCH):
            loss = functional.cross_entropy(head(inputs[rows]), wanted[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        head[0].weight *= scale
    return head.eval()


def _add_head(graph: onnx.ModelProto, head: nn.Sequential) -> None:
    """Replace the vector output of a graph by the probability of each class."""
    body = graph.graph
    weights = {
        f"head.{layer}.{part}": getattr(head[layer], part).detach().numpy()
        for layer in (0, 3)
        for part in ("weight", "bias")
    }
    body.initializer.extend(numpy_helper.from_array(w, name) for name, w in weights.items())
    for layer, source, target in ((0, VECTOR, "hidden"), (3, "active", "logits")):
        inputs = [source, f"head.{layer}.weight", f"head.{layer}.bias"]
        body.node.append(helper.make_node("Gemm", inputs, [target], transB=1))
        if target == "hidden":
            body.node.append(helper.make_node("Relu", [target], ["active"]))
    body.node.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1))
    del body.output[:]
    classes = len(weights["head.3.bias"])
    body.output.append(
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", classes])
    )


def _write(folder: Path, graph: onnx.ModelProto, answers: Sequence[Answer]) -> None:
    onnx.save(graph, folder / GRAPH)
    (folder / ANSWERS).write_text(json.dumps(answers), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
