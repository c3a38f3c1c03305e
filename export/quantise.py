"""Fewer bits for the weights of a graph that ends at the final norm.

In: the float32 graph. Out: the graph to serve. Only matrix products with constant weights change;
embeddings, norms, softmax and the cache stay float32, and so do all inputs and outputs.
"""

from enum import StrEnum
from pathlib import Path

import onnx

from export.graph import save_graph
from export.half import halve_weights
from export.int8 import quantise_weights


class Quantization(StrEnum):
    """How the weights are stored: `QUANT=`."""

    INT8 = "int8"
    FP16 = "fp16"
    NONE = "none"


def quantise(source: Path, target: Path, kind: Quantization) -> None:
    """Write the graph in `source` to `target` with its weights stored as `kind`."""
    graph = onnx.load(source)
    match kind:
        case Quantization.INT8:
            quantise_weights(graph)
        case Quantization.FP16:
            halve_weights(graph)
        case Quantization.NONE:
            pass
    save_graph(graph, target)
