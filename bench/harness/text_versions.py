"""`python -m bench.harness.text_versions FOLDER [MODEL]`: the base as versions that write text.

In: what the export reads, named as its `MODEL=`; left out: the bundled base. Out: versions as the
engine reads them: FOLDER/int8, FOLDER/float32 with the weights as they are, FOLDER/unsigned with
the same int8 weights as unsigned ones, and FOLDER/plain, around the graph that optimum exports,
with int8 weights. Runs in the export environment.

`make export-model` would also calibrate a confidence, which takes minutes and which nobody reads
here.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from optimum.exporters.onnx import export
from optimum.exporters.tasks import TasksManager
from transformers import LlamaForCausalLM

from bench.contenders.prompt import MAX_INPUT_TOKENS
from engine.prompt import PromptEncoder
from engine.runtime.cores import usable_cores
from engine.runtime.prefix import write_prefix
from engine.runtime.session import LlamaSession
from engine.version import MANIFEST, PREFIX
from export.checkpoint.adapter import without_adapter
from export.checkpoint.base import load_checkpoint
from export.onnx.graph import export_graph, llama_shape
from export.onnx.quantise import Quantization, quantise


def main(folder: Path, model: str | None = None) -> None:
    """Write the versions."""
    base = load_checkpoint(model)
    head = without_adapter(base).head
    shape = llama_shape(base.model, eos=base.eos, bos=base.bos)
    tokenizer = base.tokenizer.to_str()
    prefix = PromptEncoder(tokenizer, base.bos, MAX_INPUT_TOKENS).prefix_ids
    with tempfile.TemporaryDirectory() as work:
        fused, plain = Path(work) / "fused.onnx", Path(work) / "plain.onnx"
        export_graph(base.model, fused)
        _export_plain(base.model, plain)
        cache = LlamaSession(fused, shape, threads=usable_cores(), prefix=prefix).prefix_cache()
        for name, graph, stored in (
            ("int8", fused, Quantization.INT8),
            ("float32", fused, Quantization.NONE),
            ("unsigned", fused, Quantization.INT8),
            ("plain", plain, Quantization.INT8),
        ):
            version = folder / name
            version.mkdir(parents=True)
            quantise(graph, version / "model.onnx", stored)
            if name == "unsigned":
                _make_unsigned(version / "model.onnx")
            np.save(version / "head.npy", head)
            (version / "tokenizer.json").write_text(tokenizer, "utf-8")
            write_prefix(version / PREFIX, prefix, cache)
            manifest = {
                "model_id": f"{base.name}-{name}",
                "writes": {"kind": "text"},
                "config": asdict(shape),
                "files": {},
            }
            (version / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def _make_unsigned(file: Path) -> None:
    graph = onnx.load(file)
    products = [node for node in graph.graph.node if node.op_type == "MatMulIntegerToFloat"]
    signed = {node.input[slot] for node in products for slot in (1, 5)}  # weights, zero points
    for tensor in graph.graph.initializer:
        if tensor.name in signed:
            shifted = numpy_helper.to_array(tensor).astype(np.int16) + 128
            tensor.CopyFrom(numpy_helper.from_array(shifted.astype(np.uint8), tensor.name))
    onnx.save(graph, file)


def _export_plain(model: LlamaForCausalLM, file: Path) -> None:
    """As optimum does it, without the language-model head, which the engine multiplies itself."""
    make_config = TasksManager.get_exporter_config_constructor(
        "onnx", model, task="feature-extraction-with-past", library_name="transformers"
    )
    config = make_config(model.config, use_past=True, use_past_in_inputs=True)
    export(model.model, config, file, opset=config.DEFAULT_ONNX_OPSET)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
