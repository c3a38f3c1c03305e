"""A graph on disk.

In: a graph. Out: its file, or two files if one would be too large.
"""

from pathlib import Path

import onnx

_EXTERNAL_FROM = 1_900_000_000  # bytes; one protobuf file must stay under 2 GiB


def save_graph(graph: onnx.ModelProto, file: Path) -> None:
    """Save in one file, or with the weights beside it (`<name>.data`) when they exceed 2 GiB."""
    size = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    if size < _EXTERNAL_FROM:
        onnx.save(graph, file)
    else:
        onnx.save(graph, file, save_as_external_data=True, location=f"{file.name}.data")
