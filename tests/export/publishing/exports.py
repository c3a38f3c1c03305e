"""Exports of tiny Llamas: their arguments, an adapter, and what they said."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaForCausalLM

from export.checkpoint.base import load_checkpoint

ROOT = Path(__file__).parents[3]
ANSWERS = [["PII.Contact.Email"], ["HARM.SPEECH.Toxicity"], ["OTHER.Safe"]]
TEXTS = ["toxic", "US_SSN", "prompt injection found"]
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def arguments(folder: Path, model: Path, *others: str, adapter: Path | None = None) -> list[str]:
    """FORCE is given: no random Llama passes the quality gate."""
    chosen = ["--model", str(model), "--adapter", str(adapter or "none"), "--force", "1"]
    return [*chosen, "--model-folder", str(folder), *others]


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def lora(
    checkpoint: Path, path: Path, *, token_rows: bool = False, **files: object
) -> tuple[Path, PeftModel]:
    """A LoRA with random weights, saved with further JSON files, and the model it belongs to."""
    model = LlamaForCausalLM.from_pretrained(checkpoint)
    first = load_checkpoint(str(checkpoint)).tokenizer.get_vocab_size()
    torch.manual_seed(3)
    config = LoraConfig(
        r=4,
        target_modules=LINEARS,
        task_type="CAUSAL_LM",
        init_lora_weights=False,
        trainable_token_indices={
            "lm_head": list(range(first, first + len(ANSWERS))),
        }
        if token_rows
        else None,
    )
    wrapped = get_peft_model(model, config)
    if token_rows:
        for name, parameter in wrapped.named_parameters():
            if "trainable_tokens_delta" in name:
                torch.nn.init.normal_(parameter.data)
    wrapped.save_pretrained(str(path), save_embedding_layers=False)
    for name, value in files.items():
        (path / f"{name}.json").write_text(json.dumps(value), "utf-8")
    return path, wrapped


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The message an export ended with; it is one line, and the last."""
    last: str = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("export-model: ")
    assert last.endswith("; nothing was published")
    return last
