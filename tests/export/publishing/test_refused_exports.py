"""What `make export-model` refuses, and that nothing is published then."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from export.publishing.publish import main
from tests.export.publishing.exports import (
    ANSWERS,
    arguments,
    contents,
    error_line,
    lora,
)
from tests.export.tiny_checkpoint import HIDDEN, make_directory

pytestmark = pytest.mark.export


def spoil_architecture(path: Path) -> None:
    config = json.loads((path / "config.json").read_text("utf-8"))
    config["architectures"] = ["MistralForCausalLM"]
    (path / "config.json").write_text(json.dumps(config), "utf-8")


def spoil_weights(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"\x00" * 100)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (shutil.rmtree, "no such directory or GGUF file"),
        (spoil_architecture, "architecture MistralForCausalLM is not supported"),
        (spoil_weights, "the weights cannot be loaded"),
        (lambda path: (path / "model.safetensors").unlink(), "no weights"),
        (lambda path: (path / "config.json").unlink(), "config.json is missing"),
        (lambda path: (path / "tokenizer.json").unlink(), "no usable tokenizer"),
    ],
)
def test_a_wrong_checkpoint_is_refused(
    checkpoint: Path,
    folder: Path,
    spoil: Any,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = folder.parent / "broken"
    shutil.copytree(checkpoint, broken)
    spoil(broken)
    assert main(arguments(folder, broken)) == 1
    assert says in error_line(capsys)
    assert contents(folder) == ["model.py"]


def test_a_file_that_is_no_gguf_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder.parent / "model.gguf"
    file.write_text("not a model", "utf-8")
    assert main(arguments(folder, file)) == 1
    assert "not a GGUF file" in error_line(capsys)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"trained_on": {"base_sha256": "0" * 64}}, "it was trained on base_sha256 000"),
        ({"trained_on": {"prompt": "0"}}, "it was trained on prompt 0"),
        ({"answers": [["NO.Such"]]}, "NO.Such is not in the taxonomy"),
        ({"answers": [[]]}, "answer 0 is not a list of labels"),
        ({"answers": ANSWERS}, "neither brings answer_rows.safetensors nor trained"),
    ],
)
def test_an_adapter_that_contradicts_itself_or_the_base_is_refused(
    checkpoint: Path,
    folder: Path,
    files: dict[str, object],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adapter, _ = lora(checkpoint, folder.parent / "lora", **files)
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 1
    assert says in error_line(capsys)
    assert contents(folder) == ["model.py"]


def test_an_adapter_of_another_size_is_refused(
    checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_directory(folder.parent / "other", hidden=HIDDEN * 2)
    adapter, _ = lora(other, folder.parent / "lora")
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 1
    assert "does not fit the base" in error_line(capsys)
    assert contents(folder) == ["model.py"]


def test_an_adapter_for_other_modules_is_refused(
    checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, _ = lora(checkpoint, folder.parent / "lora")
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    config["target_modules"] = ["query_key_value"]
    (adapter / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 1
    assert "does not fit the base" in error_line(capsys)


@pytest.mark.parametrize(
    ("others", "says"),
    [
        (["--quant", "int3"], "QUANT=int3: not one of int8, fp16, none"),
        (["--adapter", "/nowhere"], "no adapter, adapter_config.json is missing"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(
    checkpoint: Path,
    folder: Path,
    others: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments(folder, checkpoint, *others)) == 1
    assert says in error_line(capsys)


def test_a_folder_without_the_served_code_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path, checkpoint)) == 1
    assert "model.py is missing" in error_line(capsys)
