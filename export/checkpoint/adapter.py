"""A LoRA adapter on top of a base: checked against it, then merged into its weights.

In: a checkpoint and an adapter directory as peft writes it (`adapter_config.json`,
`adapter_model.safetensors`). Beside them may lie:
  answers.json              list of label lists: what the model answers with one token each
  answer_rows.safetensors   the tokens' head rows, "answer_rows" [answers, hidden]; without it they
                            are token rows that peft trained, ids `base vocabulary + i`
  calibration.json          from probability to confidence, fitted on held-out predictions
  trained_on.json           {"base_sha256", "prompt", "taxonomy"}: each given key must match
Out: the merged model and what the adapter says about writing. It does not know how any of that
was trained.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from peft import LoraConfig, PeftConfig, get_peft_model, get_peft_model_state_dict
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from export.checkpoint.base import Checkpoint
from export.common.errors import ExportError
from export.common.hashing import sha256_files
from schemas.taxonomy import Taxonomy

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_ROWS_FILE, _ROWS = "answer_rows.safetensors", "answer_rows"


@dataclass(frozen=True, slots=True)
class Merged:
    """A model ready to export. `answers` is None when it writes text, as every base does.

    `head`: float32 [rows, hidden], a row for each answer, else for each vocabulary entry.
    `adapter`: {"name", "sha256"} for the manifest, None without one.
    """

    model: LlamaForCausalLM
    head: npt.NDArray[np.float32]
    answers: list[list[str]] | None
    calibration: dict[str, Any] | None
    adapter: dict[str, str] | None


def without_adapter(base: Checkpoint) -> Merged:
    """The base as it is."""
    return Merged(base.model, _head(base.model), answers=None, calibration=None, adapter=None)


def merge_adapter(
    base: Checkpoint, path: Path, taxonomy: Taxonomy, versions: Mapping[str, str]
) -> Merged:
    """Merge the adapter in `path` into the base; the base's model is changed in place.

    versions: of "prompt" and "taxonomy", compared with what the adapter was trained on.
    Raises ExportError: no adapter there, another kind than LoRA, made for other modules, sizes,
    weights, prompts or labels.
    """
    for name in (CONFIG, WEIGHTS):
        if not (path / name).is_file():
            raise ExportError(f"ADAPTER={path}: no adapter, {name} is missing")
    _check_origin(path, base, versions)
    answers = _read_answers(path, taxonomy)
    files = [path / CONFIG, path / WEIGHTS]
    if answers is None:
        model = _merge(base.model, path, set())
        head = _head(model)
    elif (path / _ROWS_FILE).is_file():
        files.append(path / _ROWS_FILE)
        model = _merge(base.model, path, set())
        head = _read_rows(path / _ROWS_FILE, len(answers), model.config.hidden_size)
    else:
        first = base.tokenizer.get_vocab_size()
        ids = range(first, first + len(answers))
        rows = max(base.model.config.vocab_size, ids.stop)
        base.model.resize_token_embeddings(rows, mean_resizing=False)
        model = _merge(base.model, path, set(ids))
        head = _head(model)[ids.start : ids.stop]
    return Merged(
        model=model,
        head=head,
        answers=answers,
        calibration=_read_json(path / "calibration.json", dict),
        adapter={"name": path.resolve().name, "sha256": sha256_files(files)},
    )


def _head(model: LlamaForCausalLM) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = model.lm_head.weight.detach().numpy().astype(np.float32)
    return rows


def _read_rows(file: Path, answers: int, hidden: int) -> npt.NDArray[np.float32]:
    rows = _load_tensors(file).get(_ROWS)
    if rows is None or list(rows.shape) != [answers, hidden]:
        raise ExportError(f"{file}: {_ROWS} is {_shape(rows)}, not {[answers, hidden]}")
    found: npt.NDArray[np.float32] = rows.float().numpy()
    return found


def _check_origin(path: Path, base: Checkpoint, versions: Mapping[str, str]) -> None:
    trained_on = _read_json(path / "trained_on.json", dict) or {}
    for key, here in {"base_sha256": base.sha256, **versions}.items():
        there = trained_on.get(key, here)
        if there != here:
            raise ExportError(
                f"ADAPTER={path}: does not fit, it was trained on {key} {there}, this is {here}; "
                "train it again, name its own base with MODEL=, or do without it with ADAPTER=none"
            )


def _read_answers(path: Path, taxonomy: Taxonomy) -> list[list[str]] | None:
    file = path / "answers.json"
    answers: list[list[str]] | None = _read_json(file, list)
    for index, labels in enumerate(answers or ()):
        if not isinstance(labels, list) or not labels:
            raise ExportError(f"{file}: answer {index} is not a list of labels")
        unknown = [label for label in labels if label not in taxonomy]
        if unknown:
            raise ExportError(f"{file}: answer {index}: {unknown[0]} is not in the taxonomy")
    return answers


def _merge(model: LlamaForCausalLM, path: Path, token_rows: set[int]) -> LlamaForCausalLM:
    """Merge the LoRA; `token_rows` are ids whose rows it must have trained."""
    weights = _load_tensors(path / WEIGHTS)
    try:
        config = PeftConfig.from_pretrained(str(path))
    except Exception as error:  # a wrong file fails in as many ways as it can be wrong
        raise ExportError(f"{path / CONFIG}: cannot be read ({error})") from error
    if not isinstance(config, LoraConfig):
        raise ExportError(f"ADAPTER={path}: {config.peft_type} is not supported, only LORA")
    indices = config.trainable_token_indices or []
    groups = indices.values() if isinstance(indices, dict) else [indices]
    if absent := token_rows.difference(*groups):
        raise ExportError(
            f"ADAPTER={path}: answers.json has {len(token_rows)} answers, but the adapter neither "
            f"brings {_ROWS_FILE} nor trained the token row {min(absent)}"
        )
    config.inference_mode = True
    try:
        wrapped = get_peft_model(model, config)
    except ValueError as error:  # names the modules that the base lacks
        raise ExportError(f"ADAPTER={path}: does not fit the base: {error}") from error
    expected = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    _check_shapes(path, expected, weights)
    set_peft_model_state_dict(wrapped, weights)
    merged: LlamaForCausalLM = wrapped.merge_and_unload()
    return merged.eval()


def _load_tensors(file: Path) -> dict[str, Any]:
    try:
        tensors: dict[str, Any] = load_file(file)
    except Exception as error:  # safetensors' own type is not public
        raise ExportError(f"{file}: cannot be read ({error})") from error
    return tensors


def _check_shapes(path: Path, expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    problem = next(
        (
            f"{key} is {_shape(found.get(key))} and would have to be {_shape(expected.get(key))}"
            for key in sorted(expected.keys() | found.keys())
            if _shape(found.get(key)) != _shape(expected.get(key))
        ),
        None,
    )
    if problem:
        raise ExportError(f"ADAPTER={path}: does not fit the base: {problem}")


def _shape(tensor: Any) -> str:
    return "absent" if tensor is None else str(list(tensor.shape))


def _read_json(file: Path, kind: type) -> Any:
    """The file's contents, None when there is no such file."""
    if not file.is_file():
        return None
    try:
        value = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ExportError(f"{file}: not JSON ({error})") from error
    if not isinstance(value, kind):
        raise ExportError(f"{file}: not a JSON {'object' if kind is dict else 'list'}")
    return value
