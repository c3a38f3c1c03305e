"""The manifest of a model version: its origin, its properties, and the hash of each of its files.

Only this module reads and writes the file. A change that an older engine would misread gets a new
FORMAT.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict

from schemas.config.config_file import Count, Text, read_config, read_json
from schemas.config.errors import ConfigError

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1

_TokenId = Annotated[int, Strict(), Field(ge=0)]
_Labels = Annotated[tuple[Text, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes of the graph's tensors, and the ids of begin and end of a text."""

    layers: Count
    kv_heads: Count
    head_dim: Count
    hidden: Count
    vocab: Count
    max_position: Count
    eos: _TokenId
    bos: _TokenId | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WritesText(_Part):
    """The version writes the candidate JSON as text; a head row is a vocabulary entry."""

    kind: Literal["text"] = "text"


class WritesLabelTokens(_Part):
    """The version answers in one token; head row i belongs to the label set `answers[i]`."""

    kind: Literal["label_tokens"] = "label_tokens"
    answers: Annotated[tuple[_Labels, ...], Field(min_length=1)]


class Origin(_Part):
    """A checkpoint or an adapter, and the SHA-256 of its weights."""

    name: str
    sha256: str


class Manifest(_Part):
    """files: SHA-256 per file name, without the manifest; created: RFC 3339; versions: of taxonomy,
    prompt and rules; tools: package versions; checks: the figures of each check; seconds: per step
    of the export. `calibration` None: confidence is the probability."""

    format: Literal[1] = FORMAT
    model_id: Annotated[Text, Strict()]
    created: str = ""
    base: Origin | None = None
    adapter: Origin | None = None
    quantization: str = ""
    writes: Annotated[WritesText | WritesLabelTokens, Field(discriminator="kind")]
    calibration: dict[str, Any] | None = None
    rule_confidence: dict[str, float] = {}
    config: LlamaShape
    versions: dict[str, str] = {}
    tools: dict[str, str] = {}
    files: Mapping[str, str]
    checks: dict[str, Any] = {}
    seconds: dict[str, float] = {}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version's folder. Raises ConfigError with file and key."""
    if not (folder / MANIFEST).exists():
        raise ConfigError(folder / MANIFEST, "(file)", "missing; publish with `make export-model`")
    return read_config(folder / MANIFEST, Manifest, read=read_json)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest. Raises OSError."""
    text = manifest.model_dump_json(indent=2)
    (folder / MANIFEST).write_text(f"{text}\n", "utf-8")


def manifest_hash(folder: Path) -> str:
    """SHA-256 of a version's manifest, which in turn has the hash of each file; empty without."""
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return ""
