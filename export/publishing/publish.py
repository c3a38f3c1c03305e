"""`make export-model`: a checkpoint becomes the next version of `llama_mapper`.

In: a base, an adapter, a quantisation. Out: `model_repository/llama_mapper/<n>/`, complete and
past the quality gate, or not there at all. It never switches what is served.
"""

import argparse
import json
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from transformers.utils import logging as transformers_logging

from engine.decoder import empty_answers
from engine.known_answers import ANSWERS, write_answers
from engine.mapper import MapperEngine
from engine.neighbours import read_neighbours
from engine.prompt import PROMPT_VERSION, PromptEncoder
from engine.runtime.cores import usable_cores
from engine.runtime.prefix import write_prefix
from engine.runtime.session import LlamaSession
from engine.version import MANIFEST, PREFIX, LlamaShape, read_version
from export.checkpoint.adapter import CONFIG, Merged, merge_adapter, without_adapter
from export.checkpoint.base import Checkpoint, load_checkpoint
from export.common.errors import ExportError
from export.common.hashing import sha256_file
from export.common.progress import Steps
from export.data.folds import gate_rows
from export.onnx import fidelity
from export.onnx.graph import export_graph, llama_shape
from export.onnx.quantise import Quantization, quantise
from export.publishing import calibrate, quality_gate
from export.publishing.datastore import write_datastore
from export.publishing.known_answers import answer_known
from export.publishing.staging import publish, staging
from fallback.rules.lookup import CONFIDENCE, load_rules
from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "model_repository" / "llama_mapper"
DEFAULT_ADAPTER = ROOT / "export" / "artefacts" / "adapter"
NO_ADAPTER = "none"

_TOOLS = ("torch", "transformers", "peft", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")
_MAX_INPUT_TOKENS = 128  # the serving default, so that prompts are cut alike


@dataclass(frozen=True, slots=True)
class Request:
    """What to export. `model` None: the bundled base. `adapter` None: none. `force`: publish
    what the quality gate refuses."""

    model: str | None
    adapter: Path | None
    quantization: Quantization
    force: bool = False
    model_folder: Path = MODEL_FOLDER


def export_version(request: Request) -> Path:
    """Build and publish the next version; returns its directory.

    Raises ExportError, also for a version that fails the quality gate; ConfigError for a wrong
    data file, OSError when the disk refuses. In all cases, and when interrupted, nothing is left
    behind.
    """
    thresholds = quality_gate.load_thresholds()
    served_code = request.model_folder / "model.py"
    if not served_code.is_file():
        raise ExportError(f"{served_code} is missing: a version cannot be served without it")
    if request.adapter is not None and not (request.adapter / CONFIG).is_file():
        raise ExportError(f"ADAPTER={request.adapter}: no adapter, {CONFIG} is missing")
    steps = Steps(total=8 if request.adapter else 6)
    with staging(request.model_folder) as folder:
        with steps("load", f"loading {request.model or 'the bundled base'}"):
            base, merged = _load(request)
        manifest = _describe(request, base, merged)
        work = folder / "work"
        work.mkdir()
        with steps("export", "exporting to ONNX and comparing with torch"):
            difference = export_graph(merged.model, work / "float.onnx")
            steps.note(f"largest difference {difference:.1e} of the largest hidden value")
        with steps("quantise", f"storing weights as {request.quantization}"):
            quantise(work / "float.onnx", folder / "model.onnx", request.quantization)
            np.save(folder / "head.npy", merged.head)
            (folder / "tokenizer.json").write_text(base.tokenizer.to_str(), "utf-8")
            shutil.copyfile(served_code, folder / "model.py")
            _store_prefix(folder, work / "float.onnx", manifest)
        if merged.answers is not None:
            with steps("neighbours", "encoding the training texts"):
                write_datastore(work, merged.answers, Quantization.NONE)
                write_datastore(folder, merged.answers, request.quantization)
        with steps("compare", "comparing the served graphs with the float graphs"):
            near = _compare(folder, work, manifest, merged)
            steps.note(
                f"cosine {near.cosine_mean}, same first choice {near.same_first_choice:.1%},"
                f" same answer {near.same_answer:.1%}"
            )
        shutil.rmtree(work)
        manifest["files"] = {f.name: sha256_file(f) for f in sorted(folder.iterdir())}
        manifest["checks"] = {"torch_difference": difference, "quantization": asdict(near)}
        with steps("calibrate", "calibrating the confidence"):
            _calibrate(folder, manifest, merged, steps)
            _write_manifest(folder, manifest)
        engine = _engine(folder)
        with steps("gate", "answering the families that were never trained on"):
            verdict = quality_gate.judge_version(engine, gate_rows(), near.same_answer, thresholds)
            manifest["checks"]["gate"] = verdict.to_json(forced=request.force)
            print(verdict.table(), file=sys.stderr, flush=True)
        if not (verdict.passes or request.force):
            raise ExportError(
                "the version fails the quality gate (export/publishing/gate.yaml); train further,"
                " or publish it all the same with FORCE=1"
            )
        if merged.answers is not None:  # as text they would take minutes
            with steps("answers", "answering what detectors are known to say"):
                write_answers(folder / ANSWERS, answer_known(engine))
            manifest["files"][ANSWERS] = sha256_file(folder / ANSWERS)
        manifest["seconds"] = steps.seconds
        _write_manifest(folder, manifest)
        read_version(folder)
        return publish(folder, request.model_folder)


def _load(request: Request) -> tuple[Checkpoint, Merged]:
    base = load_checkpoint(request.model)
    if request.adapter is None:
        return base, without_adapter(base)
    taxonomy = load_taxonomy()
    versions = {"prompt": PROMPT_VERSION, "taxonomy": taxonomy.version}
    return base, merge_adapter(base, request.adapter, taxonomy, versions)


def _describe(request: Request, base: Checkpoint, merged: Merged) -> dict[str, Any]:
    """The manifest as far as it is known before anything is built."""
    lora = f"+lora-{merged.adapter['sha256'][:8]}" if merged.adapter else ""
    stored = "fp32" if request.quantization is Quantization.NONE else request.quantization.value
    writes: dict[str, Any] = {"kind": "text"}
    if merged.answers is not None:
        writes = {"kind": "label_tokens", "answers": merged.answers}
    return {
        "model_id": f"{base.name}{lora}-{stored}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {"name": base.name, "sha256": base.sha256},
        "adapter": merged.adapter,
        "quantization": request.quantization.value,
        "writes": writes,
        "calibration": merged.calibration,
        "rule_confidence": {kind.value: value for kind, value in CONFIDENCE.items()},
        "config": asdict(llama_shape(merged.model, eos=base.eos, bos=base.bos)),
        "versions": {
            "taxonomy": load_taxonomy().version,
            "prompt": PROMPT_VERSION,
            "rules": load_rules().version,
        },
        "tools": {name: metadata.version(name) for name in _TOOLS},
    }


def _store_prefix(folder: Path, reference: Path, manifest: dict[str, Any]) -> None:
    """The prompt prefix's cache as the float graph computes it."""
    shape, ids = LlamaShape(**manifest["config"]), _prompts(folder, manifest).prefix_ids
    session = LlamaSession(reference, shape, threads=usable_cores(), prefix=ids)
    write_prefix(folder / PREFIX, ids, session.prefix_cache())


def _prompts(folder: Path, manifest: dict[str, Any]) -> PromptEncoder:
    tokenizer = (folder / "tokenizer.json").read_text("utf-8")
    return PromptEncoder(tokenizer, manifest["config"]["bos"], _MAX_INPUT_TOKENS)


def _compare(
    folder: Path, work: Path, manifest: dict[str, Any], merged: Merged
) -> fidelity.Fidelity:
    answers, threads = len(merged.answers or ()), usable_cores()
    return fidelity.compare(
        served=fidelity.Side(folder / "model.onnx", read_neighbours(folder, answers, threads)),
        reference=fidelity.Side(work / "float.onnx", read_neighbours(work, answers, threads)),
        prefix=folder / PREFIX,
        shape=LlamaShape(**manifest["config"]),
        prompts=_prompts(folder, manifest),
        head=merged.head,
        empty=empty_answers(merged.answers or ()),
    )


def _calibrate(folder: Path, manifest: dict[str, Any], merged: Merged, steps: Steps) -> None:
    if merged.calibration is not None:
        steps.note("the adapter brings its own")
        manifest["checks"]["calibration"] = {"source": "adapter"}
        return
    _write_manifest(folder, manifest)
    measured = calibrate.calibrate(_engine(folder), gate_rows())
    steps.note(f"exact answers {measured.accuracy:.1%} of {measured.rows}")
    manifest["calibration"] = measured.curve
    manifest["checks"]["calibration"] = {
        "source": "gate families",
        "rows": measured.rows,
        "accuracy": measured.accuracy,
    }


def _engine(folder: Path) -> MapperEngine:
    return MapperEngine.load(folder, threads=usable_cores(), max_input_tokens=_MAX_INPUT_TOKENS)


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(f"{text}\n", "utf-8")


def _request(arguments: Sequence[str] | None) -> Request:
    parser = argparse.ArgumentParser(prog="export.publishing.publish", description=__doc__)
    parser.add_argument("--model", help="checkpoint directory, hub id or GGUF file")
    parser.add_argument("--adapter", help=f"LoRA directory, or {NO_ADAPTER}")
    parser.add_argument("--quant", help=", ".join(Quantization))
    parser.add_argument("--force", help="anything: publish what the quality gate refuses")
    parser.add_argument("--model-folder", type=Path, default=MODEL_FOLDER)
    # An empty value is what `make` passes for a variable that is not set.
    given = parser.parse_args(arguments)
    adapter: Path | None = Path(given.adapter).expanduser() if given.adapter else DEFAULT_ADAPTER
    if given.adapter == NO_ADAPTER or (not given.adapter and not DEFAULT_ADAPTER.is_dir()):
        adapter = None
    try:
        quantization = Quantization(given.quant or Quantization.INT8)
    except ValueError:
        raise ExportError(f"QUANT={given.quant}: not one of {', '.join(Quantization)}") from None
    return Request(
        given.model or None, adapter, quantization, bool(given.force), given.model_folder
    )


def _terminate(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 0 only when a version was published."""
    warnings.simplefilter("ignore")  # what torch says while tracing concerns its own developers
    transformers_logging.set_verbosity_error()
    # Set, not inherited: a shell starts its background jobs with interrupts ignored.
    signal.signal(signal.SIGINT, _terminate)
    signal.signal(signal.SIGTERM, _terminate)
    began = time.monotonic()
    try:
        version = export_version(_request(arguments))
    except (ExportError, ConfigError) as error:
        return _fail(" ".join(str(error).split()))
    except OSError as error:
        return _fail(f"cannot read or write: {error}; is the disk full?")
    except KeyboardInterrupt:
        return _fail("interrupted", code=130)
    print(f"published {version} in {time.monotonic() - began:.0f} s")
    return 0


def _fail(message: str, code: int = 1) -> int:
    print(f"export-model: {message}; nothing was published", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
