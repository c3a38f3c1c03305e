"""A LoRA adapter on top of a base: checked against it, then merged into its weights.

In: a checkpoint and an adapter directory (`export.checkpoint.adapter_files`).
Out: the merged model, and the adapter's answers. Independent of the training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import Linear
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from engine.manifest import Origin
from export.checkpoint.adapter_files import CONFIG, ROWS_FILE, WEIGHTS, AdapterFiles
from export.checkpoint.base import Checkpoint
from export.checkpoint.lora import merged_weight
from export.common.errors import ExportError
from schemas.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Merged:
    """A model ready to export. `answers` is None when it writes text, as every base does.

    `head`: float32 [rows, hidden], one row per answer, else one per vocabulary entry.
    `adapter`: for the manifest, None without one.
    """

    model: LlamaForCausalLM
    head: npt.NDArray[np.float32]
    answers: list[list[str]] | None
    calibration: dict[str, Any] | None
    adapter: Origin | None


def without_adapter(base: Checkpoint) -> Merged:
    """The base without an adapter."""
    return Merged(base.model, _head(base.model), answers=None, calibration=None, adapter=None)


def merge_adapter(
    base: Checkpoint, path: Path, taxonomy: Taxonomy, versions: Mapping[str, str]
) -> Merged:
    """Merge the adapter in `path` into the base; the base's model is changed in place.

    versions: of "prompt" and "taxonomy", compared with those of the adapter's training.
    Raises ExportError when there is no adapter, it is not a LoRA, or it was made for other modules,
    sizes, weights, prompts or labels.
    """
    files = AdapterFiles(path)
    files.check_origin(base.sha256, versions)
    answers = files.answers(taxonomy)
    if answers is None:
        model = _merge(base.model, path, set())
        head = _head(model)
    elif files.has_rows:
        model = _merge(base.model, path, set())
        head = files.rows(len(answers), model.config.hidden_size)
    else:
        first = base.tokenizer.get_vocab_size()
        ids = range(first, first + len(answers))
        rows = max(base.model.config.vocab_size, ids.stop)
        base.model.resize_token_embeddings(rows, mean_resizing=False)
        model = _merge(base.model, path, set(ids))
        head = _head(model)[ids.start : ids.stop]
    return Merged(model, head, answers, files.calibration(), files.origin())


def _head(model: LlamaForCausalLM) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = model.lm_head.weight.detach().numpy().astype(np.float32)
    return rows


def _merge(model: LlamaForCausalLM, path: Path, token_rows: set[int]) -> LlamaForCausalLM:
    """Merge the LoRA; `token_rows` are ids whose rows it must have trained."""
    weights = _load_tensors(path / WEIGHTS)
    try:
        config = PeftConfig.from_pretrained(str(path))
    except Exception as error:  # wrong files raise many types of errors
        raise ExportError(f"{path / CONFIG}: cannot be read ({error})") from error
    if not isinstance(config, LoraConfig):
        raise ExportError(f"ADAPTER={path}: {config.peft_type} is not supported, only LORA")
    indices = config.trainable_token_indices or []
    groups = indices.values() if isinstance(indices, dict) else [indices]
    if absent := token_rows.difference(*groups):
        raise ExportError(
            f"ADAPTER={path}: answers.json has {len(token_rows)} answers, but the adapter neither "
            f"brings {ROWS_FILE} nor trained the token row {min(absent)}"
        )
    config.inference_mode = True
    try:
        wrapped = get_peft_model(model, config)
    except ValueError as error:  # names the modules that the base lacks
        raise ExportError(f"ADAPTER={path}: does not fit the base: {error}") from error
    expected = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    _check_shapes(path, expected, weights)
    set_peft_model_state_dict(wrapped, weights)
    exact = _merged_exactly(wrapped)
    merged: LlamaForCausalLM = wrapped.merge_and_unload()
    with torch.no_grad():
        for name, weight in exact.items():
            merged.get_submodule(name).weight.copy_(torch.from_numpy(weight))
    return merged.eval()


def _merged_exactly(wrapped: PeftModel) -> dict[str, npt.NDArray[np.float32]]:
    """Merged weights by module if the LoRA is a plain one; a build without torch computes the same
    bits. peft merges the others."""
    found = {}
    for name, module in wrapped.base_model.model.named_modules():
        if not isinstance(module, Linear) or module.fan_in_fan_out or module.lora_variant:
            continue
        [adapter] = module.active_adapters
        if module.lora_bias[adapter]:
            continue
        down, up = (part[adapter].weight.numpy() for part in (module.lora_A, module.lora_B))
        base = module.get_base_layer().weight.detach().numpy()
        found[name] = merged_weight(base, down, up, module.scaling[adapter])
    return found


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
