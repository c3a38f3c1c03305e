"""Recorded measurements of the default version, which a build does not repeat.

In: a version's files, and the code and rows of its figures. Out: the recorded figures, prompt
prefix and known answers whose dependencies are unchanged.

`make record` writes them. Every record has the hashes of its dependencies:
  graph    model.onnx, head and tokenizer; for the prompt prefix and the agreement with the float
           graph
  content  all files that decide an answer; with the rows and thresholds, for the gate's figures
  engine   the code between a signal and an answer; for all figures and known answers
A changed detector file does not change the graph. It changes the texts for retrieval, and so the
content: the gate runs again, and the affected known answers are computed again.
"""

import ast
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from engine.known_answers import ANSWERS
from engine.manifest import read_manifest
from engine.version import PREFIX
from export.common.errors import ExportError
from export.data.folds import gate_rows

RECORDS = Path(__file__).resolve().parents[1] / "artefacts" / "default"
_FIGURES = "figures.json"
_GRAPH = ("model.onnx", "head.npy", "tokenizer.json")
_CONTENT = (
    *_GRAPH,
    *(PREFIX, "phrases.json", "glossary.json"),
    *("encoder.onnx", "encoder-tokenizer.json"),
    *("multilingual.onnx", "multilingual-words.npy", "multilingual-pieces.npz"),
)
_ROOT = Path(__file__).resolve().parents[2]
_ENGINE = (
    "engine/confidence.py",
    "engine/decoder.py",
    "engine/kinds.py",
    "engine/label_decoder.py",
    "engine/loading.py",
    "engine/mapper.py",
    "engine/retrieval/glossary.py",
    "engine/retrieval/multilingual.py",
    "engine/retrieval/negation.py",
    "engine/retrieval/neighbours.py",
    "engine/prompt.py",
    "engine/runtime/batch.py",
    "engine/runtime/session.py",
    "engine/retrieval/unigram.py",
    "schemas/text.py",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Hashes of the figures' dependencies: hex SHA-256 of graph, content, engine and gate."""

    graph: str
    content: str
    engine: str
    gate: str


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A graph's answer to a signal with a draft. `spoken`: the signal's words have the meaning of
    the draft for all detectors, which increases the model's probability."""

    detector: str
    signal: str
    draft: tuple[str, ...] | None
    spoken: bool
    labels: tuple[str, ...]
    probability: float
    retrieved: float = 0.0
    families: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded data; `identity` None: none."""

    identity: Identity | None = None
    checks: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[KnownAnswer, ...] = ()
    folder: Path = RECORDS

    def prefix(self, graph: str) -> Path | None:
        """The cache of the prompt prefix, computed by the float graph of `graph`."""
        file = self.folder / PREFIX
        return file if self.identity and self.identity.graph == graph and file.is_file() else None

    def weights_checks(self, now: Identity) -> dict[str, Any] | None:
        """The comparison of the stored weights with torch and the float graph."""
        if self.identity is None or self._of(self.identity) != self._of(now):
            return None
        return {key: value for key, value in self.checks.items() if key != "gate"}

    def gate(self, now: Identity, thresholds: Mapping[str, float]) -> dict[str, Any] | None:
        """The gate's figures, if their dependencies are unchanged and they pass."""
        gate: dict[str, Any] | None = self.checks.get("gate")
        same = self.identity == now and gate is not None
        if not same or gate is None or not gate["passed"]:
            return None
        return gate if sorted(gate["thresholds"].values()) == sorted(thresholds.values()) else None

    def known(self, now: Identity) -> dict[tuple[Any, ...], KnownAnswer]:
        """Known answers that are still valid, by detector, signal, draft and `spoken`.

        Answers without a draft depend on the nearest texts, so they need the same content.
        """
        if self.identity is None or self._of(self.identity) != self._of(now):
            return {}
        same = self.identity.content == now.content
        return {key(a): a for a in self.answers if a.draft is not None or same}

    @staticmethod
    def _of(identity: Identity) -> tuple[str, str]:
        return identity.graph, identity.engine


def key(answer: KnownAnswer) -> tuple[Any, ...]:
    """The dependencies of a known answer besides the graph and the engine."""
    return answer.detector, answer.signal, answer.draft, answer.spoken


def read_recorded(folder: Path = RECORDS) -> Recorded:
    """The data of `record`; empty without a file. Raises ExportError for a damaged file."""
    file = folder / _FIGURES
    if not file.is_file():
        return Recorded(folder=folder)
    try:
        figures = json.loads(file.read_text("utf-8"))
        lines = (folder / ANSWERS).read_text("utf-8").split("\n")
        answers = tuple(_answer(json.loads(line)) for line in lines if line)
        return Recorded(Identity(**figures["identity"]), figures["checks"], answers, folder)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ExportError(f"{folder}: damaged ({error}); write it anew: `make record`") from error


def record(
    version: Path, answers: Iterable[KnownAnswer], checks: Mapping[str, Any], folder: Path = RECORDS
) -> None:
    """Write the measurements of an export of the default version."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(version / PREFIX, folder / PREFIX)
    lines = (
        json.dumps([getattr(answer, one.name) for one in fields(KnownAnswer)], ensure_ascii=False)
        for answer in answers
    )
    (folder / ANSWERS).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    hashes = read_manifest(version).files
    figures = {"identity": asdict(identity_of(hashes)), "checks": dict(checks)}
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    (folder / _FIGURES).write_text(f"{text}\n", "utf-8")


def identity_of(hashes: Mapping[str, str]) -> Identity:
    """hashes: of a version's files by name."""
    return Identity(
        graph=graph_of(hashes),
        content=_digest({name: hashes.get(name) for name in _CONTENT}),
        engine=_digest({name: _code(_ROOT / name) for name in _ENGINE}),
        gate=_digest([[row.detector, row.output, row.gold] for row in gate_rows()]),
    )


def graph_of(hashes: Mapping[str, str]) -> str:
    """The hash of the files that determine the graph's answer to a prompt."""
    return _digest({name: hashes[name] for name in _GRAPH})


def _code(file: Path) -> str:
    """A module's syntax tree without comments and docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [x for x in body if not _is_text(x)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _answer(raw: list[Any]) -> KnownAnswer:
    detector, signal, draft, spoken, labels, probability, retrieved, families = raw
    return KnownAnswer(
        detector,
        signal,
        None if draft is None else tuple(draft),
        spoken,
        tuple(labels),
        probability,
        retrieved,
        tuple((general, share) for general, share in families),
    )
