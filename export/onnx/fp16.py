"""Sixteen-bit matrix products.

In: a float32 graph. Out: the same graph where products with constant weights run in float16.
All other operations stay float32: the norms square the values of a Llama's residual stream, and
some squares exceed float16.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def halve_weights(graph: onnx.ModelProto) -> None:
    """Change the graph in place. Weights are [in, out], products [..., in] x [in, out]."""
    body = graph.graph
    weights = {t.name: t for t in body.initializer if len(t.dims) == 2}
    halved: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in body.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            nodes.append(node)
            continue
        source, weight = node.input
        target, raw = node.output[0], f"{node.output[0]}/raw"
        if source not in halved:
            halved[source] = f"{source}/half"
            nodes.append(
                helper.make_node("Cast", [source], [halved[source]], to=TensorProto.FLOAT16)
            )
        nodes.append(helper.make_node("MatMul", [halved[source], weight], [raw]))
        nodes.append(helper.make_node("Cast", [raw], [target], to=TensorProto.FLOAT))
        tensor = weights[weight]
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, weight))
    del body.node[:]
    body.node.extend(nodes)
