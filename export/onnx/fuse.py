"""The exported decoder with few nodes: one fused operation per norm and per attention.

In: a decoder's sizes and float32 weights from any source. Out: those weights in a graph that reads
B rows of at most T new tokens, S in all, without computing the padding:
  input_ids [S]            the rows' tokens, one row after another
  slots [B,T], places [S]  index of a row's token among the S, and index of it in B x T
  position_ids [B,T], attention_bias [B,1,T,P+T]: 0 where a token may look, else very negative
  past_key_values.{i}.key/value [B,kv_heads,P,head_dim]
  last_hidden_state [S,hidden] and present.{i}.key/value
Independent of quantisation.

Products and norms process the S tokens; only attention processes rows. So the other rows of a batch
do not change the order of additions of a row. optimum's graph computes masks and shapes again in
about a thousand nodes. ONNX Runtime's grouped-query attention supports several new tokens after a
past only for a single row, so query heads with common keys are arranged here as further queries of
one head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.checkpoint.llama import Decoder, Weights
from export.common.errors import ExportError

_CONTRIB = "com.microsoft"
_OPSET, _IR = 18, 8

Ints = npt.NDArray[np.int64]


def fuse(weights: Weights, decoder: Decoder) -> onnx.ModelProto:
    """The fused graph. Raises ExportError when only some products of a layer have a bias."""
    return _Builder(weights, decoder).build()


@dataclass
class _Builder:
    weights: Weights
    decoder: Decoder
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def build(self) -> onnx.ModelProto:
        d = self.decoder
        self._const("embed", self.weights.embedding())
        self._const("cos", d.cos)
        self._const("sin", d.sin)
        self._prepare_attention()
        state = self._node("Gather", ["embed", "input_ids"], "embedded")
        order = self._head_order()
        added = ""  # not yet added to the residual stream
        inputs = [
            _tensor("input_ids", TensorProto.INT64, ["S"]),
            _tensor("slots", TensorProto.INT64, ["B", "T"]),
            _tensor("places", TensorProto.INT64, ["S"]),
            _tensor("position_ids", TensorProto.INT64, ["B", "T"]),
            _tensor("attention_bias", TensorProto.FLOAT, ["B", 1, "T", "K"]),
        ]
        outputs = [_tensor("last_hidden_state", TensorProto.FLOAT, ["S", d.hidden])]
        for i in range(d.layers):
            name = f"model.layers.{i}"
            normed, state = self._norm(f"{name}.input_layernorm", state, added)
            parts = [f"{name}.self_attn.{x}_proj" for x in "qkv"]
            qkv = self._linear(parts, normed, f"{name}.qkv", outputs=order)
            mixed = self._attention(i, qkv, f"{name}.mixed")
            output = [f"{name}.self_attn.o_proj"]
            added = self._linear(output, mixed, f"{name}.attended", inputs=order)
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
                        ["B", d.kv_heads, length, d.head_dim],
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

    def _prepare_attention(self) -> None:
        """The nodes that all layers share: sizes, and the bias for every group of query heads."""
        d = self.decoder
        width, shared = d.heads * d.head_dim, d.kv_heads * d.head_dim
        self._const("split", np.array([width, shared, shared], np.int64))
        self._const("groups", np.array([0, -1, shared], np.int64))
        self._const("tokens", np.array([-1, width], np.int64))
        # [B,1,T,K] with every token's line once per query head of a group.
        self._const("groups_axis", np.array([3], np.int64))
        self._const("lines", np.array([0, 1, -1], np.int64))
        line = self._node("Unsqueeze", ["attention_bias", "groups_axis"], "line")
        self._node("Concat", [line] * (d.heads // d.kv_heads), "repeated", axis=3)
        self._node("Shape", ["attention_bias"], "keys", start=3)
        self._node("Concat", ["lines", "keys"], "bias_shape", axis=0)
        self._node("Reshape", ["repeated", "bias_shape"], "bias")

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

    def _head_order(self) -> Ints:
        """The order of query channels: the first heads of all groups, then the second ones."""
        d = self.decoder
        channels = np.arange(d.heads * d.head_dim)
        grouped = channels.reshape(d.kv_heads, d.heads // d.kv_heads, d.head_dim)
        return grouped.transpose(1, 0, 2).reshape(-1)

    def _linear(
        self,
        modules: Sequence[str],
        source: str,
        target: str,
        *,
        inputs: Ints | None = None,
        outputs: Ints | None = None,
    ) -> str:
        """The products of all modules with one source, side by side.

        inputs, outputs: another order of the first channels that the product reads or writes.
        """
        weight = np.concatenate([self.weights.product(module) for module in modules], axis=1)
        if inputs is not None:
            weight = weight[inputs]
        if outputs is not None:
            weight[:, : len(outputs)] = weight[:, outputs]
        product = self._const(f"{target}.weight", weight)
        biases = [self.weights.bias(module) for module in modules]
        given = [bias for bias in biases if bias is not None]
        if not given:
            return self._node("MatMul", [source, product], target)
        if len(given) < len(biases):
            raise ExportError(f"only some of {', '.join(modules)} have a bias")
        bias = np.concatenate(given)
        if outputs is not None:
            bias[: len(outputs)] = bias[outputs]
        raw = self._node("MatMul", [source, product], f"{target}.raw")
        return self._node("Add", [raw, self._const(f"{target}.bias", bias)], target)

    def _attention(self, layer: int, qkv: str, target: str) -> str:
        """Split into rows, rotate positions, compute attention, and join the tokens again."""
        query, key, value = (f"{target}.{part}" for part in ("query", "key", "value"))
        rows = self._node("Gather", [qkv, "slots"], f"{target}.rows", axis=0)
        self._node("Split", [rows, "split"], query, key, value, axis=2)
        turned = [
            self._node(
                "RotaryEmbedding",
                [part, "position_ids", "cos", "sin"],
                f"{part}.turned",
                domain=_CONTRIB,
            )
            for part in (query, key)
        ]
        queries = self._node("Reshape", [turned[0], "groups"], f"{query}.groups")
        past, present = f"past_key_values.{layer}", f"present.{layer}"
        self._node(
            "MultiHeadAttention",
            [queries, turned[1], value, "", "", "bias", f"{past}.key", f"{past}.value"],
            *(f"{target}.groups", f"{present}.key", f"{present}.value"),
            domain=_CONTRIB,
            num_heads=self.decoder.kv_heads,
        )
        padded = self._node("Reshape", [f"{target}.groups", "tokens"], f"{target}.padded")
        return self._node("Gather", [padded, "places"], target, axis=0)

    def _swiglu(self, both: str, name: str) -> str:
        gate, up = f"{name}.gate", f"{name}.up"
        self._node("Split", [both], gate, up, axis=-1, num_outputs=2)
        soft = self._node("Sigmoid", [gate], f"{name}.sigmoid")
        active = self._node("Mul", [gate, soft], f"{name}.silu")
        return self._node("Mul", [active, up], f"{name}.inner")


def _tensor(name: str, kind: int, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
