"""`python -m export.publishing.build`: the default version of `llama_mapper`, without torch.

In: the bundled base, the committed adapter and the records of the last export. Out: the next
version under `model_repository/llama_mapper/`, with the same files as from `make export-model`,
which is needed for any other checkpoint, adapter or quantisation.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from engine.manifest import LlamaShape, Origin
from engine.prompt import PROMPT_VERSION
from export.checkpoint.bundled import BundledModel
from export.common.command import run
from export.common.errors import ExportError
from export.common.progress import Steps
from export.onnx.fuse import fuse
from export.onnx.quantise import Quantization
from export.onnx.rotate import rotate
from export.publishing.assembly import Assembly, Parts
from export.publishing.recorded import Recorded, graph_of, read_recorded, record
from export.publishing.staging import publish, staging
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
ADAPTER = ROOT / "export" / "artefacts" / "adapter"

_TOOLS = ("gguf", "numpy", "onnx", "onnxruntime", "tokenizers")


def build_version(model_folder: Path = MODEL_FOLDER, *, keep: bool = False) -> Path:
    """Build and publish the default version; returns its directory.

    Figures that have changed since the last record are measured, and a step line has their number.
    keep: measure everything and record it, as `make record` does. The comparison with torch is not
    repeated: a changed graph needs `make record`.

    Raises ExportError, also for a version that fails the quality gate, and OSError. Then, and when
    interrupted, nothing is left behind.
    """
    served_code = model_folder / "model.py"
    if not served_code.is_file():
        raise ExportError(f"{served_code} is missing: a version cannot be served without it")
    steps = Steps(total=7)
    with staging(model_folder) as folder:
        with steps("load", "reading the bundled base and its adapter"):
            parts = bundled_parts(ADAPTER)
        before = read_recorded()
        recorded = Recorded() if keep else before
        assembly = Assembly(folder, parts, Quantization.INT8, served_code, steps, recorded=recorded)
        assembly.run()
        if keep:
            assembly.save_vectors()
            checks = assembly.manifest.checks | _compared_with_torch(before, assembly)
            record(folder, assembly.known, checks)
        return publish(folder, model_folder)


def _compared_with_torch(before: Recorded, assembly: Assembly) -> dict[str, Any]:
    graph = graph_of(assembly.manifest.files)
    if before.identity is None or before.identity.graph != graph:
        raise ExportError("the graph differs from the recorded one: use `make record`")
    return {"torch_difference": before.checks["torch_difference"]}


def bundled_parts(adapter: Path, base: Path | None = None) -> Parts:
    """The bundled base, or another GGUF file, with an adapter.

    Raises ExportError when they do not fit.
    """
    model = BundledModel.load(adapter, base)
    taxonomy = load_taxonomy()
    versions = {"prompt": PROMPT_VERSION, "taxonomy": taxonomy.version}
    model.adapter.check_origin(model.sha256, versions)
    answers = model.adapter.answers(taxonomy)
    decoder = model.decoder

    def graph() -> onnx.ModelProto:
        made = fuse(model, decoder)
        rotate(made, layers=decoder.layers, heads=decoder.heads, kv_heads=decoder.kv_heads)
        return made

    return Parts(
        base=Origin(name=model.name, sha256=model.sha256),
        adapter=model.adapter.origin(),
        shape=LlamaShape(
            layers=decoder.layers,
            kv_heads=decoder.kv_heads,
            head_dim=decoder.head_dim,
            hidden=decoder.hidden,
            vocab=model.file.vocabulary,
            max_position=model.file.max_position,
            eos=model.file.eos,
            bos=model.file.bos,
        ),
        tokenizer=model.tokenizer,
        graph=graph,
        head=model.adapter.rows(len(answers or ()), decoder.hidden),
        answers=answers,
        calibration=model.adapter.calibration(),
        tools=_TOOLS,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 0 only when a version was published."""
    parser = argparse.ArgumentParser(prog="export.publishing.build", description=__doc__)
    parser.add_argument("--model-folder", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--record", action="store_true", help="for builds with the same graph")
    given = parser.parse_args(arguments)
    return run("build", lambda: build_version(given.model_folder, keep=given.record))


if __name__ == "__main__":
    sys.exit(main())
