"""A label model that is saved is the one that is loaded, and names no place on this machine."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from export.checkpoint.base import load_checkpoint
from export.training.model import ANSWERS_FILE, ROWS_FILE, ROWS_KEY, LabelModel, new_label_model
from tests.export.tiny_checkpoint import make_directory

pytestmark = pytest.mark.export

ANSWERS = [("OTHER.Safe",), ("HARM.SPEECH.Threat",), ("PII.Contact.Email", "PII.Person")]


def test_what_was_trained_is_saved_and_loaded(tmp_path: Path) -> None:
    base = make_directory(tmp_path / "tiny")
    model = new_label_model(load_checkpoint(str(base)), ANSWERS, rank=2)
    with torch.no_grad():
        for _, parameter in model.trainable():
            parameter.copy_((torch.randn_like(parameter) / 4).half())  # as it is stored
    folder = tmp_path / "adapter"
    model.save(folder, ANSWERS)
    peft = PeftModel.from_pretrained(load_checkpoint(str(base)).model, folder)
    rows = load_file(folder / ROWS_FILE)[ROWS_KEY].float()
    again = LabelModel(peft, model.encoder, rows, load_checkpoint(str(base)))
    answers = [tuple(x) for x in json.loads((folder / ANSWERS_FILE).read_text("utf-8"))]

    suffixes = [model.encoder.suffix_ids("a guard", text) for text in ("hate", "an email address")]
    assert answers == ANSWERS
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(suffixes), model.eval()(suffixes))
    texts = [file.read_text(encoding="utf-8") for file in folder.glob("*.json")]
    assert texts
    assert not any(str(tmp_path) in text for text in texts)
