"""The fused graph against torch and against optimum's, through the engine's own session."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers import LlamaConfig, LlamaForCausalLM

from engine.manifest import LlamaShape
from engine.runtime.session import Device, LlamaSession, open_graph
from export.checkpoint.llama import Decoder
from export.common.errors import ExportError
from export.onnx.exported import ExportedWeights
from export.onnx.fuse import fuse
from export.onnx.graph import export_graph
from export.onnx.int8 import quantise_weights
from export.onnx.quantise import Quantization, quantise
from tests.export.tiny_checkpoint import KV_HEADS, LAYERS, make_directory

pytestmark = pytest.mark.export

HIDDEN = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LlamaForCausalLM:
    path = make_directory(tmp_path_factory.mktemp("fused") / "tiny", hidden=HIDDEN)
    return LlamaForCausalLM.from_pretrained(path).eval()


@pytest.fixture(scope="module")
def graph(model: LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("graph") / "float.onnx"
    assert export_graph(model, file) < 1e-5
    return file


def shape(model: LlamaForCausalLM) -> LlamaShape:
    config = model.config
    return LlamaShape(
        LAYERS, KV_HEADS, config.head_dim, HIDDEN, config.vocab_size, 512, eos=0, bos=None
    )


def test_few_nodes_are_left(graph: Path) -> None:
    kinds = [node.op_type for node in onnx.load(graph).graph.node]
    assert kinds.count("MultiHeadAttention") == LAYERS
    assert len(kinds) < 25 * LAYERS


def test_rows_of_a_batch_do_not_see_one_another(model: LlamaForCausalLM, graph: Path) -> None:
    prefix, rows = [3, 4, 5], [[5, 9, 17], [300, 2, 41, 8, 77], [8]]
    session = LlamaSession(graph, shape(model), threads=1, prefix=prefix)
    together = session.start(3).forward(rows)
    for states, row in zip(together, rows, strict=True):
        with torch.inference_mode():
            expected = model.model(torch.tensor([prefix + row])).last_hidden_state[0, 3:]
        np.testing.assert_allclose(states, expected.numpy(), atol=1e-4)


def test_neighbours_do_not_move_a_state_by_one_bit(
    model: LlamaForCausalLM, graph: Path, tmp_path: Path
) -> None:
    # In eight bits a rounding apart becomes a step apart, so nearly equal would not do.
    file = tmp_path / "int8.onnx"
    quantise(graph, file, Quantization.INT8)
    session = LlamaSession(file, shape(model), threads=1, prefix=list(range(3, 40)))
    random = np.random.default_rng(0)
    rows = [random.integers(0, model.config.vocab_size, n).tolist() for n in range(2, 26)]
    for states, row in zip(session.start(len(rows)).forward(rows), rows, strict=True):
        [alone] = session.start(1).forward([row])
        np.testing.assert_array_equal(states, alone)


def test_scaled_rotary_positions_and_biases_are_kept(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=100,
        hidden_size=HIDDEN,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        attention_bias=True,
        mlp_bias=True,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    )
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    file = tmp_path / "float.onnx"
    assert export_graph(model, file) < 1e-5
    assert "MultiHeadAttention" in {node.op_type for node in onnx.load(file).graph.node}


def test_no_channel_stands_out_after_the_rotation(model: LlamaForCausalLM, tmp_path: Path) -> None:
    loud = copy.deepcopy(model)
    with torch.no_grad():
        loud.model.embed_tokens.weight[:, 7] *= 100
    assert export_graph(loud, tmp_path / "float.onnx") < 1e-4
    tensors = {t.name: t for t in onnx.load(tmp_path / "float.onnx").graph.initializer}
    sizes = np.abs(numpy_helper.to_array(tensors["embed"])).mean(axis=0)
    assert sizes.max() < 10 * np.median(sizes)


def test_a_graph_that_is_no_exported_llama_is_refused(graph: Path) -> None:
    angles = np.zeros((8, 8), np.float32)
    decoder = Decoder(LAYERS, 4, KV_HEADS, 16, HIDDEN, 1e-6, cos=angles, sin=angles)
    with pytest.raises(ExportError, match="has no /model/embed_tokens/Gather"):
        fuse(ExportedWeights(onnx.load(graph)), decoder)


def test_int8_products_do_not_overflow_on_this_cpu(tmp_path: Path) -> None:
    """Sums of pairs that 16 bits cannot hold, as CPUs without VNNI would add them."""
    inner = 64
    weights = np.full((inner, 3), 127, np.float32)
    weights[:, 1] = -127
    weights[::2, 2] = -127
    file = tmp_path / "product.onnx"
    tensor = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [tensor("x", onnx.TensorProto.FLOAT, ["n", inner])],
        [tensor("y", onnx.TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    product = onnx.helper.make_model(
        body, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9
    )
    quantise_weights(product)
    onnx.save(product, file)
    session, _ = open_graph(file, 1, Device.CPU)
    alternating = np.tile([127, -127], inner // 2)
    x = np.stack([np.full(inner, 127), np.full(inner, -127), alternating, np.zeros(inner)])
    (found,) = session.run(None, {"x": x.astype(np.float32)})
    np.testing.assert_allclose(found, x @ weights, rtol=1e-6)
