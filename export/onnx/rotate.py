"""Rotates a graph's activations, so that no channel is much larger than the others.

In: the fused float32 graph. Out: that graph changed in place, equal up to rounding. It prepares
quantisation: a Llama's residual stream has a few channels tens of times larger than the others,
which would take most of the range of a row in eight bits.

Every product reads the residual stream through an RMS norm and writes to it, and such a norm
commutes with a rotation once its weight is moved into the product after it. So one orthogonal
matrix rotates the embedding and the outputs of products, and its inverse rotates their inputs, all
in the weights. Values and the product after attention are rotated in the same way, per head. Only
the hidden states that leave the graph are rotated back at run time, by one small product.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.common.exact import Doubles, exact_product, on_grid, orthogonal

RESTORE = "restore"
"""The weight of the product that turns the hidden states back."""

_SEED = 0
# Bits of the orthogonal matrices, and of the weights. A sum is exact while the length of a row of
# weights is at most eight times the largest weight; in the default base it is six times at most.
_BITS = 25


def rotate(graph: onnx.ModelProto, *, layers: int, heads: int, kv_heads: int) -> None:
    """Change a graph made by `export.onnx.fuse` in place."""
    weights = _Constants(graph)
    random = np.random.default_rng(_SEED)
    embedding = weights.get("embed")
    turn = _random_turn(random, embedding.shape[1])
    weights.set("embed", _turned(embedding, turn))
    for i in range(layers):
        name = f"model.layers.{i}"
        for norm, reads in (("input_layernorm", "qkv"), ("post_attention_layernorm", "gate_up")):
            gamma = weights.take_norm(f"{name}.{norm}.weight")
            product = f"{name}.{reads}.weight"
            weights.set(product, _turned_back(gamma * weights.get(product), turn))
        width = weights.get(f"{name}.attended.weight").shape[0] // heads
        _turn_values(weights, name, _random_turn(random, width), kv_heads)
        for writes in (f"{name}.attended", f"{name}.down"):
            weights.set(f"{writes}.weight", _turned(weights.get(f"{writes}.weight"), turn))
            if weights.has(f"{writes}.bias"):
                weights.set(f"{writes}.bias", _turned(weights.get(f"{writes}.bias"), turn))
    gamma = weights.take_norm("model.norm.weight")
    weights.add(RESTORE, turn.T * gamma.T)
    last = graph.graph.node[-1]
    target, last.output[0] = last.output[0], "turned"
    graph.graph.node.append(helper.make_node("MatMul", ["turned", RESTORE], [target]))


class _Constants:
    """The graph's weights, in double precision so that turning them rounds once."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        self._body = graph.graph
        self._tensors = {tensor.name: tensor for tensor in graph.graph.initializer}

    def has(self, name: str) -> bool:
        return name in self._tensors

    def get(self, name: str) -> Doubles:
        array: Doubles = numpy_helper.to_array(self._tensors[name]).astype(np.float64)
        return array

    def set(self, name: str, value: Doubles) -> None:
        self._tensors[name].CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))

    def add(self, name: str, value: Doubles) -> None:
        self._body.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))

    def take_norm(self, name: str) -> Doubles:
        """A norm's weight as a column; the norm itself keeps ones."""
        gamma = self.get(name)
        self.set(name, np.ones_like(gamma))
        return gamma[:, None]


def _turn_values(weights: _Constants, name: str, turn: Doubles, kv_heads: int) -> None:
    """Rotate each head's values, and rotate them back in the product after attention."""
    width = len(turn)
    for part in ("weight", "bias"):
        if weights.has(f"{name}.qkv.{part}"):
            whole = weights.get(f"{name}.qkv.{part}")
            values = whole[..., -kv_heads * width :]
            turned = _turned(values.reshape(*values.shape[:-1], kv_heads, width), turn)
            values[...] = turned.reshape(values.shape)
            weights.set(f"{name}.qkv.{part}", whole)
    reads = weights.get(f"{name}.attended.weight")
    heads = reads.reshape(-1, width, reads.shape[1])
    turned = np.stack([_turned_back(head, turn) for head in heads])
    weights.set(f"{name}.attended.weight", turned.reshape(reads.shape))


def _random_turn(random: np.random.Generator, size: int) -> Doubles:
    return on_grid(orthogonal(random, size), _BITS)


def _turned(weight: Doubles, turn: Doubles) -> Doubles:
    """weight [..., n] x turn [n, n], the same bits on every machine."""
    return exact_product(weight, turn, left_bits=_BITS, right_bits=_BITS)


def _turned_back(weight: Doubles, turn: Doubles) -> Doubles:
    """turn transposed [n, n] x weight [n, m], the same bits on every machine."""
    return exact_product(turn.T, weight, left_bits=_BITS, right_bits=_BITS)
