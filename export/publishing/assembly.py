"""Makes the files of a version from a model, with all checks and the quality gate, without torch.

In: `Parts`, from torch and optimum, or from a GGUF file and an adapter. Out: the files of one
version and its manifest in a folder. Both sources use this module, so equal parts give equal files,
byte by byte. Independent of the place of publication.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tokenizers import Tokenizer

from engine.decoder import no_finding_rows
from engine.known_answers import ANSWERS, write_answers
from engine.manifest import (
    MANIFEST,
    LlamaShape,
    Manifest,
    Origin,
    WritesLabelTokens,
    WritesText,
    write_manifest,
)
from engine.mapper import MapperEngine
from engine.prompt import PROMPT_VERSION, PromptEncoder
from engine.retrieval.neighbours import PHRASES, read_neighbours
from engine.runtime.cores import usable_cores
from engine.runtime.prefix import write_prefix
from engine.runtime.session import LlamaSession
from engine.version import PREFIX, read_version
from export.checkpoint.llama import Floats
from export.common.errors import ExportError
from export.common.hashing import sha256_file
from export.common.progress import Steps
from export.data.folds import gate_rows
from export.onnx import fidelity
from export.onnx.quantise import Quantization, store_weights
from export.onnx.saving import save_graph
from export.publishing import calibrate, quality_gate
from export.publishing.datastore import Stores, write_datastore
from export.publishing.known_answers import answer_known, as_served, spoken_by_all
from export.publishing.recorded import Identity, KnownAnswer, Recorded, graph_of, identity_of
from fallback.rules.lookup import CONFIDENCE, load_rules
from schemas.taxonomy import load_taxonomy

MAX_INPUT_TOKENS = 128  # the serving default, so that prompts are cut alike


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a version. `answers` None: the model writes text.

    graph: makes the float graph, fused and rotated; head: [rows, hidden]; tools: packages whose
    versions the manifest has; checks: measurements of the graph that exist already.
    """

    base: Origin
    adapter: Origin | None
    shape: LlamaShape
    tokenizer: Tokenizer
    graph: Callable[[], onnx.ModelProto]
    head: Floats
    answers: Sequence[Sequence[str]] | None
    calibration: dict[str, Any] | None
    tools: Sequence[str]
    checks: Mapping[str, Any] = field(default_factory=dict)


class Assembly:
    """An incomplete version in `folder`. `manifest` and `known` grow with the steps."""

    def __init__(
        self,
        folder: Path,
        parts: Parts,
        kind: Quantization,
        served_code: Path,
        steps: Steps,
        *,
        recorded: Recorded,
        force: bool = False,
    ) -> None:
        """served_code: the model.py that Triton runs; recorded: measurements that are not repeated;
        force: whether a version that fails the gate is finished nevertheless."""
        self.folder, self.known = folder, list[KnownAnswer]()
        self._parts, self._kind, self._steps, self._force = parts, kind, steps, force
        self._recorded, self._served_code = recorded, served_code
        self._thresholds = quality_gate.load_thresholds()
        self._stores = Stores()
        self._work = folder / "work"
        self.manifest = self._described()

    def run(self) -> None:
        """All steps. Raises ExportError, also for a version that fails the quality gate."""
        parts, steps = self._parts, self._steps
        self._work.mkdir()
        with steps("quantise", f"storing weights as {self._kind}"):
            self._write_graph()
        if parts.answers is not None:
            with steps("neighbours", "gathering the training texts"):
                write_datastore(self.folder, parts.answers, self._kind, self._stores)
                steps.note(f"{self._stores.encoded} vectors were not stored yet")
        now = self._identify()
        with steps("compare", "comparing the served graphs with the float graphs"):
            checks = self._recorded.weights_checks(now)
            if checks is None:
                checks = {"quantization": asdict(self._compared())}
            else:
                steps.note(f"recorded for the graph {now.graph[:12]}")
            self._set(checks={**checks, **parts.checks})
        shutil.rmtree(self._work)
        with steps("calibrate", "calibrating the confidence"):
            self._calibrate()
        write_manifest(self.folder, self.manifest)
        engine = self._engine()
        self._pass_gate(engine, now)
        if parts.answers is not None:  # as text they would take minutes
            with steps("answers", "answering the known signals of detectors"):
                self._answer_known(engine, now)
        self._set(seconds=steps.seconds)
        write_manifest(self.folder, self.manifest)
        read_version(self.folder)

    def save_vectors(self) -> None:
        """Store the vectors of this version's texts for later versions."""
        phrases = json.loads((self.folder / PHRASES).read_text("utf-8"))
        self._stores.save(list(phrases))

    def _described(self) -> Manifest:
        """The manifest before anything is built."""
        parts, kind = self._parts, self._kind
        lora = f"+lora-{parts.adapter.sha256[:8]}" if parts.adapter else ""
        stored = "fp32" if kind is Quantization.NONE else kind.value
        writes: WritesText | WritesLabelTokens = WritesText()
        if parts.answers is not None:
            writes = WritesLabelTokens(answers=tuple(tuple(labels) for labels in parts.answers))
        return Manifest(
            model_id=f"{parts.base.name}{lora}-{stored}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            base=parts.base,
            adapter=parts.adapter,
            quantization=kind.value,
            writes=writes,
            calibration=parts.calibration,
            rule_confidence={k.value: value for k, value in CONFIDENCE.items()},
            config=parts.shape,
            versions={
                "taxonomy": load_taxonomy().version,
                "prompt": PROMPT_VERSION,
                "rules": load_rules().version,
            },
            tools={name: metadata.version(name) for name in parts.tools},
            files={},
        )

    def _add_check(self, name: str, figures: Mapping[str, Any]) -> None:
        self._set(checks={**self.manifest.checks, name: dict(figures)})

    def _set(self, **fields: Any) -> None:
        self.manifest = self.manifest.model_copy(update=fields)

    def _write_graph(self) -> None:
        """Graph, head, tokenizer, code and the prompt prefix as the float graph computes it."""
        graph, folder = self._parts.graph(), self.folder
        store_weights(graph, self._kind)
        save_graph(graph, folder / "model.onnx")
        del graph
        np.save(folder / "head.npy", self._parts.head)
        (folder / "tokenizer.json").write_text(self._parts.tokenizer.to_str(), "utf-8")
        shutil.copyfile(self._served_code, folder / "model.py")
        recorded = self._recorded.prefix(graph_of(self._hash_files()))
        if recorded is not None:
            shutil.copyfile(recorded, folder / PREFIX)
            return
        ids = self._prompts().prefix_ids
        session = LlamaSession(
            self._float_graph(), self._parts.shape, threads=usable_cores(), prefix=ids
        )
        write_prefix(folder / PREFIX, ids, session.prefix_cache())

    def _float_graph(self) -> Path:
        file = self._work / "float.onnx"
        if not file.is_file():
            save_graph(self._parts.graph(), file)
        return file

    def _hash_files(self) -> dict[str, str]:
        files = sorted(f for f in self.folder.iterdir() if f.is_file() and f.name != MANIFEST)
        return {file.name: sha256_file(file) for file in files}

    def _identify(self) -> Identity:
        self._set(files=self._hash_files())
        return identity_of(self.manifest.files)

    def _prompts(self) -> PromptEncoder:
        tokenizer = (self.folder / "tokenizer.json").read_text("utf-8")
        return PromptEncoder(tokenizer, self._parts.shape.bos, MAX_INPUT_TOKENS)

    def _compared(self) -> fidelity.Fidelity:
        answers, threads = self._parts.answers or (), usable_cores()
        if self._parts.answers is not None:
            write_datastore(self._work, answers, Quantization.NONE, self._stores)
        served, reference = (
            fidelity.Side(graph, read_neighbours(graph.parent, len(answers), threads))
            for graph in (self.folder / "model.onnx", self._float_graph())
        )
        near = fidelity.compare(
            served=served,
            reference=reference,
            prefix=self.folder / PREFIX,
            shape=self._parts.shape,
            prompts=self._prompts(),
            head=self._parts.head,
            empty=no_finding_rows(answers),
        )
        self._steps.note(
            f"cosine {near.cosine_mean}, same first choice {near.same_first_choice:.1%},"
            f" same answer {near.same_answer:.1%}"
        )
        return near

    def _calibrate(self) -> None:
        if self._parts.calibration is not None:
            self._steps.note("the adapter has its own curve")
            self._add_check("calibration", {"source": "adapter"})
            return
        write_manifest(self.folder, self.manifest)
        measured = calibrate.calibrate(self._engine(), gate_rows())
        self._steps.note(f"exact answers {measured.accuracy:.1%} of {measured.rows}")
        self._set(calibration=measured.curve)
        figures = {"rows": measured.rows, "accuracy": measured.accuracy}
        self._add_check("calibration", {"source": "gate families", **figures})

    def _pass_gate(self, engine: MapperEngine, now: Identity) -> None:
        with self._steps("gate", "answering the families that were never trained on"):
            recorded = self._recorded.gate(now, self._thresholds)
            if recorded is not None:
                self._steps.note(f"recorded for the content {now.content[:12]}")
                self._add_check("gate", recorded)
                return
            agreement = self.manifest.checks["quantization"]["same_answer"]
            verdict = quality_gate.judge_version(engine, gate_rows(), agreement, self._thresholds)
            self._add_check("gate", verdict.to_json(forced=self._force))
            print(verdict.table(), file=sys.stderr, flush=True)
        if not (verdict.passes or self._force):
            raise ExportError(
                "the version fails the quality gate (export/publishing/gate.yaml); train further,"
                " or publish it nevertheless with FORCE=1"
            )

    def _answer_known(self, engine: MapperEngine, now: Identity) -> None:
        phrases = json.loads((self.folder / PHRASES).read_text("utf-8"))
        spoken = spoken_by_all(phrases, self._parts.answers or ())
        self.known, computed = answer_known(engine, spoken, self._recorded.known(now))
        self._steps.note(f"{computed} of {len(self.known)} were not recorded yet")
        write_answers(self.folder / ANSWERS, as_served(self.known))
        self._set(files=self._hash_files())

    def _engine(self) -> MapperEngine:
        return MapperEngine.load(
            self.folder, threads=usable_cores(), max_input_tokens=MAX_INPUT_TOKENS
        )
