"""The weights of a Llama as optimum's graph holds them.

In: the float32 graph as optimum exports it, cut before the head. Out: its weights by module.
Depends on optimum's names of nodes.
"""

import re

import onnx
from onnx import numpy_helper

from export.checkpoint.llama import Floats
from export.common.errors import ExportError


class ExportedWeights:
    """The exported graph's constants by the node that reads them.

    Every method raises ExportError when the graph lacks that node.
    """

    def __init__(self, graph: onnx.ModelProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
        self._inputs = {node.name: list(node.input) for node in graph.graph.node}
        for node in graph.graph.node:  # of equal tensors, all but one are Identity nodes
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
        """[out], or None without a bias."""
        return self._of(module, "Add") if _node(module, "Add") in self._inputs else None

    def _of(self, module: str, operation: str) -> Floats:
        node = _node(module, operation)
        constants = [name for name in self._inputs.get(node, ()) if name in self._tensors]
        if len(constants) != 1:
            raise ExportError(f"the exported graph has no {node} with one constant")
        array: Floats = numpy_helper.to_array(self._tensors[constants[0]])
        return array


def _node(module: str, operation: str) -> str:
    """optimum's name of a node of `model.layers.3.mlp.up_proj`."""
    path = re.sub(r"\.(?!\d)", "/", module)
    return f"/{path}/{operation}"
