"""A published model version: its directory read and checked.

In: `model_repository/llama_mapper/<n>/`. Out: `Version`, everything that the engine needs to start.
It loads no weights.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine.confidence import Calibration, parse_calibration
from engine.manifest import (
    MANIFEST,
    LlamaShape,
    Manifest,
    WritesLabelTokens,
    WritesText,
    read_manifest,
)
from schemas.config.errors import ConfigError

__all__ = [
    "PREFIX",
    "LlamaShape",
    "Version",
    "WritesLabelTokens",
    "WritesText",
    "read_version",
]

PREFIX = "prefix.npz"
_REQUIRED = ("model.onnx", "head.npy", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Version:
    """One published version; its manifest, with the calibration ready for use."""

    path: Path
    manifest: Manifest
    calibration: Calibration

    @property
    def model_id(self) -> str:
        return self.manifest.model_id

    @property
    def shape(self) -> LlamaShape:
        return self.manifest.config

    @property
    def writes(self) -> WritesText | WritesLabelTokens:
        return self.manifest.writes

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

    Raises ConfigError with file and key for a missing file or key, a file with another hash or not
    in the manifest, a link to a place outside, an unknown way of writing, a wrong calibration.
    """
    path = Path(path)
    manifest = read_manifest(path)
    _check_files(path, manifest.files)
    try:
        calibration = parse_calibration(manifest.calibration)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            path / MANIFEST, "calibration", f"{error}; export the version again"
        ) from error
    return Version(path, manifest, calibration)


def _check_files(path: Path, hashes: Mapping[str, str]) -> None:
    inside = path.resolve()
    # Python writes __pycache__ beside model.py.
    present = {file.name for file in path.iterdir() if not file.is_dir()} - {MANIFEST}
    names = sorted({*_REQUIRED, *hashes, *present})
    for name in names:
        file = path / name
        if not file.is_file():
            raise ConfigError(file, "(file)", "missing; the version is incomplete, export again")
        if file.resolve().parent != inside:
            raise ConfigError(file, "(file)", "leads out of the version's folder; export again")
        if name not in hashes:
            raise ConfigError(file, "(file)", f"is not listed in {MANIFEST}; export again")
    with ThreadPoolExecutor() as threads:  # hashing lets other threads run
        for name, found in zip(names, threads.map(_hash, (path / x for x in names)), strict=True):
            if found != hashes[name]:
                raise ConfigError(
                    path / name,
                    "sha256",
                    f"{found} is not {hashes[name]} of {MANIFEST}; export again",
                )


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
