"""A torch Llama as an ONNX graph with a KV cache that ends at the final norm.

In: the merged model in float32. Out: `model.onnx` with inputs input_ids [B,T], attention_mask
[B,P+T], position_ids [B,T] and past_key_values.{i}.key/value [B,heads,P,head_dim]; outputs
last_hidden_state [B,T,hidden] and present.{i}.key/value. The language-model head is cut off: the
engine multiplies only the positions and rows that it reads. Knows nothing of quantisation.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from optimum.exporters.onnx import export, validate_model_outputs
from optimum.exporters.tasks import TasksManager
from transformers import LlamaForCausalLM

from export.errors import ExportError

HIDDEN = "last_hidden_state"

TOLERANCE = 1e-3
"""Largest difference from torch, relative to the largest hidden value. Rounding gives 1e-5."""

_TASK = "text-generation-with-past"
# optimum feeds a random cache, which real text never fills like that; in the 30 layers of the
# default base such a cache turns rounding into 0.05 on a logit. Shapes and names are exact here,
# and `check_against_torch` compares the numbers tightly on caches that the model itself wrote.
_OPTIMUM_ATOL = 0.5

_EXTERNAL_FROM = 1_900_000_000  # bytes; one protobuf file must stay under 2 GiB


def export_graph(model: LlamaForCausalLM, file: Path) -> float:
    """Write the graph to `file` and return its largest relative difference from torch.

    Raises ExportError when optimum's validation fails or the difference exceeds TOLERANCE.
    """
    whole = file.with_name("with_head.onnx")
    _export_with_head(model, whole)
    save_graph(_cut_head(onnx.load(whole), model.config.hidden_size), file)
    for leftover in file.parent.glob("with_head.onnx*"):
        leftover.unlink()
    difference = check_against_torch(model, file)
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the exported graph differs from torch by {difference:.1e} of the largest hidden "
            f"value (at most {TOLERANCE:.0e}); this checkpoint cannot be exported faithfully"
        )
    return difference


def save_graph(graph: onnx.ModelProto, file: Path) -> None:
    """Save in one file, or with the weights beside it (`<name>.data`) when they exceed 2 GiB."""
    size = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    if size < _EXTERNAL_FROM:
        onnx.save(graph, file)
    else:
        onnx.save(graph, file, save_as_external_data=True, location=f"{file.name}.data")


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """An inference session on the CPU with quiet logs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def run_graph(
    session: onnxruntime.InferenceSession,
    ids: np.ndarray[Any, Any],
    mask: np.ndarray[Any, Any],
    positions: np.ndarray[Any, Any],
    past: list[np.ndarray[Any, Any]] | None = None,
) -> tuple[np.ndarray[Any, Any], list[np.ndarray[Any, Any]]]:
    """One pass: ids and positions [B,T], mask [B,P+T] → hidden [B,T,hidden] and the cache."""
    slots = [i for i in session.get_inputs() if i.name.startswith("past_key_values.")]
    if past is None:
        past = [np.zeros((len(ids), s.shape[1], 0, s.shape[3]), np.float32) for s in slots]
    feed = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    feed |= {slot.name: tensor for slot, tensor in zip(slots, past, strict=True)}
    presents = [slot.name.replace("past_key_values", "present") for slot in slots]
    hidden, *present = session.run([HIDDEN, *presents], feed)
    return hidden, present


def check_against_torch(model: LlamaForCausalLM, file: Path) -> float:
    """The largest difference from torch, relative to the largest hidden value.

    Two rows of different length go through the graph padded, in two passes joined by the cache;
    torch reads each row alone, at once and without a cache. So padding, positions, batching and
    the past are all compared.
    """
    generator = np.random.default_rng(0)
    first, second, short = 9, 4, 6  # tokens of the passes, and of the shorter row in the first
    ids = generator.integers(0, model.config.vocab_size, (2, first + second))
    mask = np.ones((2, first + second), np.int64)
    mask[1, short:first] = 0
    positions = np.maximum(mask.cumsum(axis=1) - 1, 0)

    session = open_session(file)
    begin, past = run_graph(session, ids[:, :first], mask[:, :first], positions[:, :first])
    end, _ = run_graph(session, ids[:, first:], mask, positions[:, first:], past)
    found = np.concatenate([begin, end], axis=1)

    worst = 0.0
    for row in range(2):
        real = mask[row].astype(bool)
        with torch.inference_mode():
            output = model.model(torch.from_numpy(ids[row : row + 1, real]), use_cache=False)
        expected = output.last_hidden_state[0].numpy()
        difference = np.abs(found[row, real] - expected).max() / np.abs(expected).max()
        worst = max(worst, float(difference))
        if not np.isfinite(difference):
            return float("inf")
    return worst


def _export_with_head(model: LlamaForCausalLM, file: Path) -> None:
    make_config = TasksManager.get_exporter_config_constructor(
        "onnx", model, task=_TASK, library_name="transformers"
    )
    config = make_config(model.config, use_past=True, use_past_in_inputs=True)
    torch.manual_seed(0)  # optimum's dummy inputs
    try:
        _, outputs = export(model, config, file, opset=config.DEFAULT_ONNX_OPSET)
        validate_model_outputs(config, model, file, outputs, _OPTIMUM_ATOL, use_subprocess=False)
    except OSError:
        raise
    except Exception as error:  # optimum and torch.onnx raise what they meet
        raise ExportError(f"the ONNX export failed: {error}") from error


def _cut_head(graph: onnx.ModelProto, hidden_size: int) -> onnx.ModelProto:
    """End the graph where the head begins, and drop all that no output needs any more."""
    body = graph.graph
    producers = {name: node for node in body.node for name in node.output}
    head = producers["logits"]
    if head.op_type != "MatMul":
        raise ExportError(f"the exported head is a {head.op_type} node where MatMul was expected")
    norm = producers[head.input[0]]
    before = head.input[0]
    norm.output[list(norm.output).index(before)] = HIDDEN
    for node in body.node:
        for slot, name in enumerate(node.input):
            if name == before:
                node.input[slot] = HIDDEN
    producers[HIDDEN] = norm

    logits = next(output for output in body.output if output.name == "logits")
    dims = [d.dim_param or d.dim_value for d in logits.type.tensor_type.shape.dim]
    hidden = onnx.helper.make_tensor_value_info(
        HIDDEN, onnx.TensorProto.FLOAT, [*dims[:2], hidden_size]
    )
    outputs = [hidden, *(output for output in body.output if output.name != "logits")]
    del body.output[:]
    body.output.extend(outputs)

    needed, queue = set[str](), [output.name for output in outputs]
    while queue:
        name = queue.pop()
        if name not in needed:
            needed.add(name)
            queue.extend(producers[name].input if name in producers else ())
    nodes = [node for node in body.node if needed.intersection(node.output)]
    tensors = [tensor for tensor in body.initializer if tensor.name in needed]
    del body.node[:], body.initializer[:], body.value_info[:]
    body.node.extend(nodes)
    body.initializer.extend(tensors)
    return graph
