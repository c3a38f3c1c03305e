"""`python -m bench.making.text_versions FOLDER [MODEL]`: the base as versions that write text.

In: a checkpoint, named as in `MODEL=` of the export; default: the bundled base. Out: versions in
the engine's format: FOLDER/int8, FOLDER/float32 with unchanged weights, and FOLDER/unsigned with
the same int8 weights as unsigned ones. Runs in the export environment.

`make export-model` would also calibrate the confidence, which takes minutes and is not used here.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from bench.contenders.prompt import MAX_INPUT_TOKENS
from engine.manifest import Manifest, WritesText, write_manifest
from engine.prompt import PromptEncoder
from engine.runtime.cores import usable_cores
from engine.runtime.prefix import write_prefix
from engine.runtime.session import LlamaSession
from engine.version import PREFIX
from export.checkpoint.adapter import without_adapter
from export.checkpoint.base import load_checkpoint
from export.common.hashing import sha256_file
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
        fused = Path(work) / "fused.onnx"
        export_graph(base.model, fused)
        cache = LlamaSession(fused, shape, threads=usable_cores(), prefix=prefix).prefix_cache()
        for name, stored in (
            ("int8", Quantization.INT8),
            ("float32", Quantization.NONE),
            ("unsigned", Quantization.INT8),
        ):
            version = folder / name
            version.mkdir(parents=True)
            quantise(fused, version / "model.onnx", stored)
            if name == "unsigned":
                _make_unsigned(version / "model.onnx")
            np.save(version / "head.npy", head)
            (version / "tokenizer.json").write_text(tokenizer, "utf-8")
            write_prefix(version / PREFIX, prefix, cache)
            manifest = Manifest(
                model_id=f"{base.name}-{name}",
                writes=WritesText(),
                config=shape,
                files={file.name: sha256_file(file) for file in version.iterdir()},
            )
            write_manifest(version, manifest)


def _make_unsigned(file: Path) -> None:
    graph = onnx.load(file)
    products = [node for node in graph.graph.node if node.op_type == "MatMulIntegerToFloat"]
    signed = {node.input[slot] for node in products for slot in (1, 5)}  # weights, zero points
    for tensor in graph.graph.initializer:
        if tensor.name in signed:
            shifted = numpy_helper.to_array(tensor).astype(np.int16) + 128
            tensor.CopyFrom(numpy_helper.from_array(shifted.astype(np.uint8), tensor.name))
    onnx.save(graph, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
