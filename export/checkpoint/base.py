"""Loads the base model from a directory, a hub id or a GGUF file, or the bundled one.

In: the text of `MODEL=`. Out: `Checkpoint`, a float32 Llama with its tokenizer, its end token and
the hash of its weights. Training and export both use this module, so they load the same model.
Independent of adapters and ONNX.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaForCausalLM

from export.checkpoint.bundled import bundled_file, short_name
from export.checkpoint.gguf import GgufFile
from export.common.errors import ExportError
from export.common.hashing import sha256_files

ARCHITECTURE = "LlamaForCausalLM"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "tokenizer.model", "pytorch_model*.bin"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded base. `name` is short and file-safe; `bos` is None if texts have no begin token."""

    name: str
    sha256: str
    model: LlamaForCausalLM
    tokenizer: Tokenizer
    bos: int | None
    eos: int


def load_checkpoint(model: str | None) -> Checkpoint:
    """Load `model` (None: the bundled base) in float32, ready for evaluation on the CPU.

    Raises ExportError when nothing is there, the architecture is not Llama, or weights or tokenizer
    are missing, incomplete or do not belong together.
    """
    name, path = _locate(model)
    checkpoint = _load_gguf(name, path) if path.is_file() else _load_directory(name, path)
    entries, rows = checkpoint.tokenizer.get_vocab_size(), checkpoint.model.config.vocab_size
    if entries > rows:
        raise ExportError(f"{path}: the tokenizer has {entries} entries, the model only {rows}")
    return checkpoint


def _locate(model: str | None) -> tuple[str, Path]:
    if model is None:
        file = bundled_file()
        return short_name(file.stem), file
    path = Path(model).expanduser()
    if path.is_dir():
        return short_name(path.resolve().name), path
    if path.is_file():
        return short_name(path.stem), path
    if path.suffix.lower() != ".gguf" and _HUB_ID.fullmatch(model):
        return short_name(model.split("/")[1]), _from_hub(model)
    raise ExportError(f"MODEL={model}: no such directory or GGUF file, and no hub id (owner/name)")


def _from_hub(repo: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo, allow_patterns=_HUB_FILES))
    except Exception as error:  # offline, private, absent: many types, one meaning here
        raise ExportError(f"MODEL={repo}: neither here nor on the hub ({_first(error)})") from error


def _load_directory(name: str, path: Path) -> Checkpoint:
    config_file = path / "config.json"
    try:
        config = json.loads(config_file.read_text())
    except FileNotFoundError:
        raise ExportError(f"{path}: no checkpoint, config.json is missing") from None
    except ValueError as error:
        raise ExportError(f"{config_file}: not JSON ({error})") from error
    _check_architecture(config_file, (config.get("architectures") or ["none"])[0])
    weights = list(path.glob("*.safetensors")) or list(path.glob("pytorch_model*.bin"))
    if not weights:
        raise ExportError(f"{path}: no weights (*.safetensors or pytorch_model*.bin)")
    try:
        fast = AutoTokenizer.from_pretrained(path, use_fast=True)
        tokenizer = fast.backend_tokenizer
    except Exception as error:
        raise ExportError(f"{path}: no usable tokenizer ({_first(error)})") from error
    model = _load_model(path)
    ends = model.config.eos_token_id
    eos = ends[0] if isinstance(ends, list) else ends if ends is not None else fast.eos_token_id
    if eos is None:
        raise ExportError(f"{config_file}: eos_token_id is missing, and the tokenizer has none")
    begins = fast.bos_token_id is not None and fast("a")["input_ids"][:1] == [fast.bos_token_id]
    return Checkpoint(
        name, sha256_files(weights), model, tokenizer, fast.bos_token_id if begins else None, eos
    )


def _load_gguf(name: str, path: Path) -> Checkpoint:
    file = GgufFile(path)
    _check_architecture(path, ARCHITECTURE if file.architecture == "llama" else file.architecture)
    tokenizer = file.tokenizer()
    model = _load_model(path.parent, gguf_file=path.name)
    return Checkpoint(name, sha256_files([path]), model, tokenizer, file.bos, file.eos)


def _check_architecture(where: Path, found: str) -> None:
    if found != ARCHITECTURE:
        raise ExportError(f"{where}: architecture {found} is not supported, only {ARCHITECTURE}")


def _load_model(path: Path, **source: Any) -> LlamaForCausalLM:
    try:
        model, info = LlamaForCausalLM.from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, local_files_only=True, **source
        )
    except Exception as error:  # damaged files fail in as many ways as there are formats
        raise ExportError(f"{path}: the weights cannot be loaded ({_first(error)})") from error
    absent = sorted(info["missing_keys"])
    if absent:
        raise ExportError(f"{path}: {len(absent)} weights are missing, the first: {absent[0]}")
    return model.eval()


def _first(error: Exception) -> str:
    """The first line of an error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
