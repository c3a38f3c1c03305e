"""The exported decoder with few nodes: one fused operation for each norm and each attention.

In: the float32 graph as optimum exports it, cut before the head. Out: the same weights in a graph
for one packed sequence: input_ids [1,S], position_ids [1,S], attention_bias [1,1,S,P+S] (0 where
token s may look, very negative elsewhere), past_key_values.{i}.key/value [1,kv_heads,P,head_dim];
outputs last_hidden_state [1,S,hidden] and present.{i}.key/value. Knows nothing of quantisation.

Rows of a batch stand one after another and the bias keeps them apart, so nothing is padded and
all rows share the prefix's keys. optimum's graph computes its masks and shapes anew in each of
some thousand nodes, and ONNX Runtime's grouped attention takes several new tokens after a past
for one sequence only; packing answers both.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.errors import ExportError

HEAD_MULTIPLE = 8
"""ONNX Runtime's grouped attention takes heads whose size is a multiple of this."""

_CONTRIB = "com.microsoft"
_OPSET, _IR = 18, 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoder:
    """What the graph's weights do not say. `cos`, `sin`: [positions, head_dim / 2]."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    epsilon: float
    cos: Floats
    sin: Floats


def fuse(graph: onnx.ModelProto, decoder: Decoder) -> onnx.ModelProto:
    """The fused graph. Raises ExportError when the exported one lacks a product or a norm."""
    return _Builder(_Weights(graph), decoder).build()


class _Weights:
    """The exported graph's constants by the node that reads them."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
        self._inputs = {node.name: list(node.input) for node in graph.graph.node}
        for node in graph.graph.node:  # a tensor that equals another is its Identity
            if node.op_type == "Identity" and node.input[0] in self._tensors:
                self._tensors[node.output[0]] = self._tensors[node.input[0]]

    def embedding(self) -> Floats:
        """[vocabulary, hidden]"""
        return self._of("model.embed_tokens", "Gather")

    def norm(self, module: str) -> Floats:
        """[hidden]"""
        return self._of(module, "Mul_1")

    def product(self, module: str) -> Floats:
        """[in, out]"""
        return self._of(module, "MatMul")

    def bias(self, module: str) -> Floats | None:
        """[out], None for none."""
        return self._of(module, "Add") if _node(module, "Add") in self._inputs else None

    def _of(self, module: str, operation: str) -> Floats:
        node = _node(module, operation)
        constants = [name for name in self._inputs.get(node, ()) if name in self._tensors]
        if len(constants) != 1:
            raise ExportError(f"the exported graph has no {node} with one constant")
        array: Floats = numpy_helper.to_array(self._tensors[constants[0]])
        return array


@dataclass
class _Builder:
    weights: _Weights
    decoder: Decoder
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def build(self) -> onnx.ModelProto:
        d = self.decoder
        self._const("embed", self.weights.embedding())
        self._const("cos", d.cos)
        self._const("sin", d.sin)
        self._lengths()
        state = self._node("Gather", ["embed", "input_ids"], "embedded")
        added = ""  # what the residual stream has not taken in yet
        inputs = [
            _tensor("input_ids", TensorProto.INT64, [1, "S"]),
            _tensor("position_ids", TensorProto.INT64, [1, "S"]),
            _tensor("attention_bias", TensorProto.FLOAT, [1, 1, "S", "K"]),
        ]
        outputs = [_tensor("last_hidden_state", TensorProto.FLOAT, [1, "S", d.hidden])]
        for i in range(d.layers):
            name = f"model.layers.{i}"
            normed, state = self._norm(f"{name}.input_layernorm", state, added)
            parts = [f"{name}.self_attn.{x}_proj" for x in "qkv"]
            qkv = self._linear(parts, normed, f"{name}.qkv")
            mixed = self._attention(i, qkv, f"{name}.mixed")
            added = self._linear([f"{name}.self_attn.o_proj"], mixed, f"{name}.attended")
            normed, state = self._norm(f"{name}.post_attention_layernorm", state, added)
            both = [f"{name}.mlp.gate_proj", f"{name}.mlp.up_proj"]
            inner = self._swiglu(self._linear(both, normed, f"{name}.gate_up"), name)
            added = self._linear([f"{name}.mlp.down_proj"], inner, f"{name}.down")
            for kind, length, where in (
                ("past_key_values", "P", inputs),
                ("present", "K", outputs),
            ):
                where += [
                    _tensor(
                        f"{kind}.{i}.{part}",
                        TensorProto.FLOAT,
                        [1, d.kv_heads, length, d.head_dim],
                    )
                    for part in ("key", "value")
                ]
        self._norm("model.norm", state, added, target="last_hidden_state")
        graph = helper.make_graph(self.nodes, "llama", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR)

    def _const(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(self, kind: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs[0]

    def _lengths(self) -> None:
        """`total` and `last`: tokens in the cache after this pass, and the last one's index."""
        self._const("axis", np.array(3, np.int64))
        self._const("one", np.array([1], np.int32))
        self._const("vector", np.array([1], np.int64))
        self._node("Shape", ["attention_bias"], "sizes")
        self._node("Gather", ["sizes", "axis"], "keys")
        self._node("Cast", ["keys"], "total", to=TensorProto.INT32)
        self._node("Reshape", ["total", "vector"], "totals")
        self._node("Sub", ["totals", "one"], "last")

    def _norm(self, module: str, state: str, added: str, target: str = "") -> tuple[str, str]:
        """The norm of state + added, and that sum."""
        gamma = self._const(f"{module}.weight", self.weights.norm(module))
        target, epsilon = target or f"{module}.out", self.decoder.epsilon
        if not added:
            self._node(
                "SimplifiedLayerNormalization", [state, gamma], target, epsilon=epsilon, axis=-1
            )
            return target, state
        self._node(
            "SkipSimplifiedLayerNormalization",
            [state, added, gamma],
            *(target, "", "", f"{module}.sum"),
            domain=_CONTRIB,
            epsilon=epsilon,
        )
        return target, f"{module}.sum"

    def _linear(self, modules: Sequence[str], source: str, target: str) -> str:
        """The products of all modules with one source, side by side."""
        weight = np.concatenate([self.weights.product(module) for module in modules], axis=1)
        biases = [self.weights.bias(module) for module in modules]
        product = self._const(f"{target}.weight", weight)
        if all(bias is None for bias in biases):
            return self._node("MatMul", [source, product], target)
        whole = np.concatenate([bias for bias in biases if bias is not None])
        if len(whole) != weight.shape[1]:
            raise ExportError(f"only some of {', '.join(modules)} have a bias")
        raw = self._node("MatMul", [source, product], f"{target}.raw")
        return self._node("Add", [raw, self._const(f"{target}.bias", whole)], target)

    def _attention(self, layer: int, qkv: str, target: str) -> str:
        past, present = f"past_key_values.{layer}", f"present.{layer}"
        inputs = [qkv, "", "", f"{past}.key", f"{past}.value", "last", "total", "cos", "sin"]
        return self._node(
            "GroupQueryAttention",
            [*inputs, "position_ids", "attention_bias"],
            *(target, f"{present}.key", f"{present}.value"),
            domain=_CONTRIB,
            num_heads=self.decoder.heads,
            kv_num_heads=self.decoder.kv_heads,
            do_rotary=1,
        )

    def _swiglu(self, both: str, name: str) -> str:
        gate, up = f"{name}.gate", f"{name}.up"
        self._node("Split", [both], gate, up, axis=-1, num_outputs=2)
        soft = self._node("Sigmoid", [gate], f"{name}.sigmoid")
        active = self._node("Mul", [gate, soft], f"{name}.silu")
        return self._node("Mul", [active, up], f"{name}.inner")


def _node(module: str, operation: str) -> str:
    """optimum's name of a node of `model.layers.3.mlp.up_proj`."""
    path = re.sub(r"\.(?!\d)", "/", module)
    return f"/{path}/{operation}"


def _tensor(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
