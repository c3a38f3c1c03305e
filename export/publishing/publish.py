"""`make export-model`: a checkpoint becomes the next version of `llama_mapper`.

In: a base, an adapter, a quantisation. Out: `model_repository/llama_mapper/<n>/`, complete and
passed by the quality gate, or no version. It does not change the served version.
"""

import argparse
import shutil
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from transformers.utils import logging as transformers_logging

from engine.manifest import Origin
from engine.prompt import PROMPT_VERSION
from export.checkpoint.adapter import Merged, merge_adapter, without_adapter
from export.checkpoint.adapter_files import CONFIG
from export.checkpoint.base import Checkpoint, load_checkpoint
from export.common.command import run
from export.common.errors import ExportError
from export.common.progress import Steps
from export.onnx.graph import export_graph, llama_shape
from export.onnx.quantise import Quantization
from export.publishing.assembly import Assembly, Parts
from export.publishing.recorded import Recorded, read_recorded, record
from export.publishing.staging import publish, staging
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
DEFAULT_ADAPTER = ROOT / "export" / "artefacts" / "adapter"
NO_ADAPTER = "none"

_TOOLS = ("torch", "transformers", "peft", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True)
class Request:
    """The options of an export. `model` None: the bundled base. `adapter` None: none. `force`:
    publish a version that fails the quality gate. `record`: measure everything, and record it for
    builds of the default version."""

    model: str | None
    adapter: Path | None
    quantization: Quantization
    force: bool = False
    record: bool = False
    model_folder: Path = MODEL_FOLDER


def export_version(request: Request) -> Path:
    """Build and publish the next version; returns its directory.

    Raises ExportError, also for a version that fails the quality gate; ConfigError for a wrong
    data file; OSError for a failed write. In all cases, and when interrupted, nothing is left
    behind.
    """
    served_code = request.model_folder / "model.py"
    if not served_code.is_file():
        raise ExportError(f"{served_code} is missing: a version cannot be served without it")
    if request.adapter is not None and not (request.adapter / CONFIG).is_file():
        raise ExportError(f"ADAPTER={request.adapter}: no adapter, {CONFIG} is missing")
    steps = Steps(total=8 if request.adapter else 6)
    with staging(request.model_folder) as folder:
        with steps("load", f"loading {request.model or 'the bundled base'}"):
            base, merged = _load(request)
        graph = folder / "exported" / "float.onnx"
        graph.parent.mkdir()
        with steps("export", "exporting to ONNX and comparing with torch"):
            difference = export_graph(merged.model, graph)
            steps.note(f"largest difference {difference:.1e} of the largest hidden value")
        assembly = Assembly(
            folder,
            _parts(base, merged, graph, difference),
            request.quantization,
            served_code,
            steps,
            recorded=Recorded() if request.record else read_recorded(),
            force=request.force,
        )
        assembly.run()
        shutil.rmtree(graph.parent)
        if request.record:
            assembly.save_vectors()
            record(folder, assembly.known, assembly.manifest.checks)
        return publish(folder, request.model_folder)


def _load(request: Request) -> tuple[Checkpoint, Merged]:
    base = load_checkpoint(request.model)
    if request.adapter is None:
        return base, without_adapter(base)
    taxonomy = load_taxonomy()
    versions = {"prompt": PROMPT_VERSION, "taxonomy": taxonomy.version}
    return base, merge_adapter(base, request.adapter, taxonomy, versions)


def _parts(base: Checkpoint, merged: Merged, graph: Path, difference: float) -> Parts:
    return Parts(
        base=Origin(name=base.name, sha256=base.sha256),
        adapter=merged.adapter,
        shape=llama_shape(merged.model, eos=base.eos, bos=base.bos),
        tokenizer=base.tokenizer,
        graph=lambda: onnx.load(graph),
        head=merged.head,
        answers=merged.answers,
        calibration=merged.calibration,
        tools=_TOOLS,
        checks={"torch_difference": difference},
    )


def _request(arguments: Sequence[str] | None) -> Request:
    parser = argparse.ArgumentParser(prog="export.publishing.publish", description=__doc__)
    parser.add_argument("--model", help="checkpoint directory, hub id or GGUF file")
    parser.add_argument("--adapter", help=f"LoRA directory, or {NO_ADAPTER}")
    parser.add_argument("--quant", help=", ".join(Quantization))
    parser.add_argument("--force", help="any value: publish a version that fails the quality gate")
    parser.add_argument(
        "--record", action="store_true", help="record the default version, for builds without torch"
    )
    parser.add_argument("--model-folder", type=Path, default=MODEL_FOLDER)
    # `make` passes an empty value for a variable that is not set.
    given = parser.parse_args(arguments)
    adapter: Path | None = Path(given.adapter).expanduser() if given.adapter else DEFAULT_ADAPTER
    if given.adapter == NO_ADAPTER or (not given.adapter and not DEFAULT_ADAPTER.is_dir()):
        adapter = None
    try:
        quantization = Quantization(given.quant or Quantization.INT8)
    except ValueError:
        raise ExportError(f"QUANT={given.quant}: not one of {', '.join(Quantization)}") from None
    if given.record and (given.model or given.adapter or quantization is not Quantization.INT8):
        raise ExportError("only the default version is recorded: no MODEL=, ADAPTER=, QUANT=")
    return Request(
        model=given.model or None,
        adapter=adapter,
        quantization=quantization,
        force=bool(given.force),
        record=given.record,
        model_folder=given.model_folder,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 0 only when a version was published."""
    warnings.simplefilter("ignore")  # warnings for developers of torch
    transformers_logging.set_verbosity_error()
    return run("export-model", lambda: export_version(_request(arguments)))


if __name__ == "__main__":
    sys.exit(main())
