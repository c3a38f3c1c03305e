"""`python -m export.publishing.build`: the default version of `llama_mapper`, without torch.

In: the bundled base, the committed adapter and what the last export recorded. Out: the next version
under `model_repository/llama_mapper/`, file by file the one that `make export-model` publishes.
With any other checkpoint, adapter or quantisation `make export-model` does it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import onnx

from engine.prompt import PROMPT_VERSION
from engine.version import LlamaShape
from export.checkpoint.bundled import BundledModel
from export.common.command import run
from export.common.errors import ExportError
from export.common.progress import Steps
from export.onnx.fuse import fuse
from export.onnx.quantise import Quantization
from export.onnx.rotate import rotate
from export.publishing.assembly import Assembly, Parts
from export.publishing.recorded import read_recorded
from export.publishing.staging import publish, staging
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
ADAPTER = ROOT / "export" / "artefacts" / "adapter"

_TOOLS = ("gguf", "numpy", "onnx", "onnxruntime", "tokenizers")


def build_version(model_folder: Path = MODEL_FOLDER) -> Path:
    """Build and publish the default version; returns its directory.

    What changed since the last `make record` is measured, and a step line says how much that was.

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
        Assembly(
            folder, parts, Quantization.INT8, served_code, steps, recorded=read_recorded()
        ).run()
        return publish(folder, model_folder)


def bundled_parts(adapter: Path, base: Path | None = None) -> Parts:
    """The bundled base, or another GGUF file, and an adapter on it.

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
        base={"name": model.name, "sha256": model.sha256},
        adapter=model.adapter.description(),
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
    given = parser.parse_args(arguments)
    return run("build", lambda: build_version(given.model_folder))


if __name__ == "__main__":
    sys.exit(main())
