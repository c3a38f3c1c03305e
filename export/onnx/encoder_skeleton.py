"""`make skeleton`: the sentence encoder's graph without its weights, as torch exports it.

In: the encoder's package, loaded by transformers. Out: a graph of some hundred kilobytes that has
the names of its weights instead of the weights: the tensor of the package, and its form in the
graph (`external_data`: "location", "as"). `export.onnx.encoder` fills it without torch.
"""

import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import nn
from transformers import AutoModel

from export.common.errors import ExportError
from export.onnx.encoder import (
    AS_IS,
    HALF,
    SKELETON,
    TURNED,
    VECTOR,
    package_folder,
    package_tensors,
    stored_as,
)

_OPSET = 18
_INLINE = 256  # bytes of a constant that stays in the graph


def write_skeleton(file: Path = SKELETON) -> None:
    """Export the encoder and write its graph without weights.

    Raises ExportError when a large constant of the graph is not a tensor of the package.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "encoder.onnx"
        _export(exported)
        graph = onnx.load(exported)
    origins = {}
    for name, tensor in package_tensors().items():
        for how in (HALF, TURNED, AS_IS):
            if how != TURNED or tensor.ndim == 2:
                origins[stored_as(tensor, how).tobytes()] = (name, how)
    for constant in graph.graph.initializer:
        data = numpy_helper.to_array(constant).tobytes()
        if len(data) <= _INLINE:
            continue
        if data not in origins:
            raise ExportError(f"{constant.name} is not a tensor of the encoder's package")
        _name_origin(constant, *origins[data])
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, file)


def _name_origin(constant: TensorProto, name: str, how: str) -> None:
    constant.ClearField("raw_data")
    constant.data_location = TensorProto.EXTERNAL
    for key, value in (("location", name), ("as", how)):
        constant.external_data.append(onnx.StringStringEntryProto(key=key, value=value))


def _export(file: Path) -> None:
    # Plain attention: the other kinds do not export with a free number of tokens.
    model = AutoModel.from_pretrained(
        str(package_folder()), local_files_only=True, attn_implementation="eager"
    )
    ids = torch.ones(2, 3, dtype=torch.int64)
    rows, tokens = {0: "rows"}, {0: "rows", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings for developers of torch
        torch.onnx.export(
            Pooled(model).eval(),  # or the export leaves the encoder in training
            (ids, torch.ones_like(ids)),
            str(file),
            input_names=["input_ids", "attention_mask"],
            output_names=[VECTOR],
            dynamic_axes={"input_ids": tokens, "attention_mask": tokens, VECTOR: rows},
            opset_version=_OPSET,
            dynamo=False,
        )


class Pooled(nn.Module):  # type: ignore[misc]  # torch is not where mypy runs
    """Token ids to the mean of the last hidden states, length 1; word embeddings in float16."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model
        self._words = nn.Parameter(model.embeddings.word_embeddings.weight.half())

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        words = nn.functional.embedding(input_ids, self._words).float()
        hidden = self._model(inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        there = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * there).sum(1) / there.sum(1)
        return nn.functional.normalize(mean, dim=-1)


if __name__ == "__main__":
    write_skeleton()
