"""A published model version: its directory read and checked.

In: `model_repository/llama_mapper/<n>/`. Out: `Version`, everything the engine needs to start.
It loads no weights and does not know who published the version.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.confidence import Calibration, parse_calibration
from schemas.config.errors import ConfigError

_T = TypeVar("_T")

MANIFEST = "manifest.json"
PREFIX = "prefix.npz"
_REQUIRED = ("model.onnx", "head.npy", "tokenizer.json")
_HASHED_UP_TO = 16 * 1024 * 1024  # bytes; hashing the weights would delay every start


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes of the graph's tensors, and the ids that begin and end a text."""

    layers: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocab: int
    max_position: int
    eos: int
    bos: int | None


@dataclass(frozen=True, slots=True)
class WritesText:
    """The version writes the candidate JSON as text; a head row is a vocabulary entry."""


@dataclass(frozen=True, slots=True)
class WritesLabelTokens:
    """The version answers in one token; head row i stands for the label set `answers[i]`."""

    answers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One published version; `manifest` is the whole document for who needs more."""

    path: Path
    model_id: str
    shape: LlamaShape
    writes: WritesText | WritesLabelTokens
    calibration: Calibration
    manifest: Mapping[str, Any]

    @property
    def graph(self) -> Path:
        return self.path / "model.onnx"

    @property
    def head(self) -> Path:
        return self.path / "head.npy"

    @property
    def prefix(self) -> Path | None:
        """The prompt prefix's cache; versions of older exports have none."""
        file = self.path / PREFIX
        return file if file.is_file() else None

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer.json"


def read_version(path: Path | str) -> Version:
    """Read a version directory.

    Raises ConfigError naming file and key: a missing file or key, a small file whose hash is
    not the manifest's, an unknown way of writing, a calibration that is none.
    """
    path = Path(path)
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ConfigError(file, "(file)", "missing; publish with `make export-model`") from None
    except ValueError as error:
        raise ConfigError(file, "(file)", f"not JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise ConfigError(file, "(file)", "not a JSON object")
    _check_files(path, _get(file, manifest, "files", dict))
    try:
        calibration = parse_calibration(manifest.get("calibration"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(file, "calibration", f"{error}; export the version again") from error
    return Version(
        path=path,
        model_id=_get(file, manifest, "model_id", str),
        shape=_shape(file, _get(file, manifest, "config", dict)),
        writes=_writes(file, _get(file, manifest, "writes", dict)),
        calibration=calibration,
        manifest=manifest,
    )


def _check_files(path: Path, hashes: Mapping[str, str]) -> None:
    for name in dict.fromkeys((*_REQUIRED, *hashes)):
        file = path / name
        if not file.is_file():
            raise ConfigError(file, "(file)", "missing; the version is incomplete, export again")
        if name in hashes and file.stat().st_size <= _HASHED_UP_TO:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != hashes[name]:
                raise ConfigError(
                    file, "sha256", f"{found} is not {hashes[name]} of {MANIFEST}; export again"
                )


def _shape(file: Path, config: Mapping[str, Any]) -> LlamaShape:
    sizes = {
        key: _get(file, config, key, int, "config.")
        for key in ("layers", "kv_heads", "head_dim", "hidden", "vocab", "max_position", "eos")
    }
    bos = config.get("bos")
    if bos is not None and not isinstance(bos, int):
        raise ConfigError(file, "config.bos", f"{bos!r} is neither a token id nor null")
    return LlamaShape(**sizes, bos=bos)


def _writes(file: Path, writes: Mapping[str, Any]) -> WritesText | WritesLabelTokens:
    match writes.get("kind"):
        case "text":
            return WritesText()
        case "label_tokens":
            answers = _get(file, writes, "answers", list, "writes.")
            if not answers or not all(isinstance(labels, list) and labels for labels in answers):
                raise ConfigError(file, "writes.answers", "not a list of non-empty label lists")
            return WritesLabelTokens(tuple(tuple(labels) for labels in answers))
        case kind:
            raise ConfigError(
                file, "writes.kind", f"{kind!r} is unknown; this engine reads text, label_tokens"
            )


def _get(file: Path, mapping: Mapping[str, Any], key: str, kind: type[_T], within: str = "") -> _T:
    if key not in mapping:
        raise ConfigError(file, within + key, "missing; export the version again")
    value = mapping[key]
    if not isinstance(value, kind):
        raise ConfigError(file, within + key, f"{value!r} is no {kind.__name__}")
    return value
