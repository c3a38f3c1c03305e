"""A torch Llama as an ONNX graph with a KV cache that ends at the final norm.

In: the merged model in float32. Out: a graph for the engine's session, exported by optimum, then
fused by `export.onnx.fuse`, rotated by `export.onnx.rotate`, and compared with torch. The
language-model head is cut off: the engine multiplies only the positions and rows that it reads.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from optimum.exporters.onnx import export, validate_model_outputs
from optimum.exporters.tasks import TasksManager
from transformers import LlamaForCausalLM

from engine.manifest import LlamaShape
from engine.runtime.cores import usable_cores
from engine.runtime.session import LlamaSession
from export.checkpoint.llama import POSITIONS, Decoder, Floats, rotary_angles
from export.common.errors import ExportError
from export.onnx.exported import ExportedWeights
from export.onnx.fuse import fuse
from export.onnx.rotate import rotate
from export.onnx.saving import save_graph

HIDDEN = "last_hidden_state"

TOLERANCE = 1e-3
"""Largest difference from torch, relative to the largest hidden value. Rounding gives 1e-5."""

_TASK = "text-generation-with-past"
# optimum tests with a random cache, unlike that of any text; in the 30 layers of the default base
# it amplifies rounding to 0.05 on a logit. optimum's test therefore checks shapes and names, and
# `check_against_torch` compares the numbers closely on caches of the model itself.
_OPTIMUM_ATOL = 0.5


def export_graph(model: LlamaForCausalLM, file: Path) -> float:
    """Write the graph to `file` and return the largest relative difference from torch.

    Raises ExportError when optimum's validation fails, or when the fused and rotated graph differs
    by more than TOLERANCE.
    """
    exported = file.with_name("exported.onnx")
    _export_with_head(model, exported)
    graph = _cut_head(onnx.load(exported), model.config.hidden_size)
    for leftover in file.parent.glob(f"{exported.name}*"):
        leftover.unlink()
    decoder = _decoder(model)
    fused = fuse(ExportedWeights(graph), decoder)
    rotate(fused, layers=decoder.layers, heads=decoder.heads, kv_heads=decoder.kv_heads)
    return _save_checked(model, fused, file)


def _save_checked(model: LlamaForCausalLM, graph: onnx.ModelProto, file: Path) -> float:
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    save_graph(graph, file)
    difference = check_against_torch(model, file)
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the exported graph differs from torch by {difference:.1e} of the largest hidden "
            f"value (at most {TOLERANCE:.0e}); this checkpoint cannot be exported faithfully"
        )
    return difference


def check_against_torch(model: LlamaForCausalLM, file: Path) -> float:
    """The largest difference from torch, relative to the largest hidden value.

    Rows of different length go through the engine's session in two passes with a common cache.
    Between them tokens are removed from the cache, and one row is dropped. torch reads each row
    alone, in one pass and without a cache. So prefix, positions, batches, gaps and past are tested.
    """
    generator = np.random.default_rng(0)

    def some(count: int) -> list[int]:
        return [int(i) for i in generator.integers(0, model.config.vocab_size, count)]

    prefix, begins, ends = some(5), [some(9), some(4), some(6)], [some(4), some(3)]
    wrong = 2  # tokens at the last row's begin that are removed again
    batch = LlamaSession(file, llama_shape(model), threads=usable_cores(), prefix=prefix).start(3)
    first = batch.forward(begins)
    batch.mask_last(2, wrong)
    batch.keep_rows([0, 2])
    second = batch.forward(ends)

    read = [begins[0] + ends[0], begins[1], begins[2][:-wrong] + ends[1]]
    found = [
        np.concatenate([first[0], second[0]]),
        first[1],
        np.concatenate([first[2][:-wrong], second[1]]),
    ]
    worst = 0.0
    for row, states in zip(read, found, strict=True):
        with torch.inference_mode():
            output = model.model(torch.tensor([prefix + row]), use_cache=False)
        expected = output.last_hidden_state[0].numpy()
        difference = np.abs(states - expected[len(prefix) :]).max() / np.abs(expected).max()
        if not np.isfinite(difference):
            return float("inf")
        worst = max(worst, float(difference))
    return worst


def llama_shape(model: LlamaForCausalLM, *, eos: int = 0, bos: int | None = None) -> LlamaShape:
    """The sizes of a model's graph, without begin and end tokens, which a graph does not have."""
    config = model.config
    return LlamaShape(
        layers=config.num_hidden_layers,
        kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        hidden=config.hidden_size,
        vocab=config.vocab_size,
        max_position=min(config.max_position_embeddings, POSITIONS),
        eos=eos,
        bos=bos,
    )


def _decoder(model: LlamaForCausalLM) -> Decoder:
    config = model.config
    cos, sin = _angles(model)
    return Decoder(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        hidden=config.hidden_size,
        epsilon=config.rms_norm_eps,
        cos=cos,
        sin=sin,
    )


def _angles(model: LlamaForCausalLM) -> tuple[Floats, Floats]:
    """Rotary angles: plain ones equal those of a GGUF file in every bit; scaled ones, torch."""
    config = model.config
    positions = llama_shape(model).max_position
    if model.model.rotary_emb.rope_type == "default":
        return rotary_angles(config.rope_theta, config.head_dim, positions)
    with torch.inference_mode():
        cos, sin = model.model.rotary_emb(torch.zeros(1), torch.arange(positions)[None])
    half = config.head_dim // 2  # torch repeats the angles for both halves of a head
    return cos[0, :, :half].numpy(), sin[0, :, :half].numpy()


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
    except Exception as error:  # optimum and torch.onnx raise many types of errors
        raise ExportError(f"the ONNX export failed: {error}") from error


def _cut_head(graph: onnx.ModelProto, hidden_size: int) -> onnx.ModelProto:
    """Cut the graph before the head, and drop the nodes that no output needs."""
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
