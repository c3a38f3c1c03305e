"""`make export-model` on tiny random Llamas: what is published."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.confidence import parse_calibration
from engine.known_answers import read_answers
from engine.mapper import MapperEngine
from engine.prompt import PromptEncoder
from engine.runtime.session import LlamaSession
from engine.version import WritesLabelTokens, read_version
from export.checkpoint.base import load_checkpoint
from export.measures.calibration import isotonic
from export.publishing.known_answers import known_queries
from export.publishing.publish import main
from schemas.candidate import Query
from tests.export.publishing.exports import (
    ANSWERS,
    TEXTS,
    arguments,
    contents,
    lora,
)
from tests.export.tiny_checkpoint import HIDDEN, make_gguf

pytestmark = pytest.mark.export


def graph_states(version: Path) -> list[np.ndarray[Any, Any]]:
    """The state that an answer begins from, for each of TEXTS, through the engine's session."""
    read = read_version(version)
    prompts = PromptEncoder(read.tokenizer.read_text("utf-8"), read.shape.bos, 128)
    session = LlamaSession(
        read.graph, read.shape, threads=1, prefix=prompts.prefix_ids, prefix_file=read.prefix
    )
    ids = [prompts.suffix_ids("guard", text) for text in TEXTS]
    return [states[-1] for states in session.start(len(ids)).forward(ids)]


def torch_states(model: Any, version: Path) -> list[np.ndarray[Any, Any]]:
    read = read_version(version)
    prompts = PromptEncoder(read.tokenizer.read_text("utf-8"), read.shape.bos, 128)
    states = []
    for text in TEXTS:
        ids = [*prompts.prefix_ids, *prompts.suffix_ids("guard", text)]
        with torch.inference_mode():
            states.append(model(torch.tensor([ids])).last_hidden_state[0, -1].numpy())
    return states


def test_a_checkpoint_becomes_the_next_version(checkpoint: Path, folder: Path) -> None:
    assert main(arguments(folder, checkpoint)) == 0
    assert main(arguments(folder, checkpoint)) == 0
    assert contents(folder) == [".last-version", "1", "2", "model.py"]

    version = read_version(folder / "2")
    assert version.model_id == "tiny-llama-int8"
    assert version.manifest.quantization == "int8"
    assert version.manifest.base.sha256 == load_checkpoint(str(checkpoint)).sha256
    assert version.manifest.adapter is None
    assert set(version.manifest.files) == set(contents(folder / "2")) - {"manifest.json"}
    assert version.manifest.checks["torch_difference"] < 1e-4
    assert version.manifest.checks["quantization"]["cosine_min"] > 0.99
    assert version.manifest.checks["calibration"]["rows"] > 100
    assert set(version.manifest.versions) == {"taxonomy", "prompt", "rules"}

    engine = MapperEngine.load(folder / "2", threads=1)
    answers = engine.answer([Query("guard", text) for text in TEXTS])
    assert all(json.loads(answer.text)["taxonomy"] for answer in answers)


def test_what_the_quality_gate_refuses_is_published_by_force_alone(
    checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(folder, checkpoint, "--force", "")) == 1
    assert contents(folder) == ["model.py"]
    told = capsys.readouterr().err
    assert re.search(r"exact +0\.\d+ +at least 0\.\d+ +FAILS", told)
    assert "FORCE=1" in told.splitlines()[-1]

    assert main(arguments(folder, checkpoint)) == 0
    gate = read_version(folder / "1").manifest.checks["gate"]
    assert (gate["passed"], gate["forced"]) == (False, True)
    assert gate["exact"] < gate["thresholds"]["exact"]
    assert gate["rows"] > 300


def test_a_version_brings_answers_to_what_detectors_are_known_to_say(
    checkpoint: Path, folder: Path
) -> None:
    adapter, _ = lora(checkpoint, folder.parent / "lora", token_rows=True, answers=ANSWERS)
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 0
    engine = MapperEngine.load(folder / "1", threads=1)
    known = dict(read_answers(folder / "1" / "answers.jsonl", engine.confidence))
    assert len(known) > 2000
    asked = known_queries()[::400]
    for query, answer in zip(asked, engine.answer(asked), strict=True):
        kept = known[query]
        assert kept.text == answer.text
        assert kept.confidence == pytest.approx(answer.confidence, abs=1e-5)


@pytest.mark.parametrize(("quant", "tolerance"), [("none", 1e-5), ("fp16", 5e-3), ("int8", 0.15)])
def test_the_served_graph_computes_what_torch_computes(
    checkpoint: Path, folder: Path, quant: str, tolerance: float
) -> None:
    adapter, model = lora(
        checkpoint, folder.parent / "lora", calibration={"kind": "isotonic", "x": [0.5], "y": [0.4]}
    )
    assert main(arguments(folder, checkpoint, "--quant", quant, adapter=adapter)) == 0
    expected = torch_states(model.base_model.model.model, folder / "1")
    for found, state in zip(graph_states(folder / "1"), expected, strict=True):
        assert np.abs(found - state).max() <= tolerance * np.abs(state).max()
    assert read_version(folder / "1").calibration(0.9) == 0.4


def test_neighbours_in_a_batch_do_not_move_an_int8_answer(checkpoint: Path, folder: Path) -> None:
    assert main(arguments(folder, checkpoint)) == 0
    version = read_version(folder / "1")
    session = LlamaSession(version.graph, version.shape, threads=1)
    rows = [[5, 9, 17], [300, 2, 41, 8, 77], [8]]
    together = session.start(3).forward(rows)
    for row, ids in enumerate(rows):
        alone = session.start(1).forward([ids])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_answer_rows_become_the_head(checkpoint: Path, folder: Path) -> None:
    adapter, _ = lora(checkpoint, folder.parent / "lora", answers=ANSWERS)
    rows = torch.randn(len(ANSWERS), HIDDEN)
    save_file({"answer_rows": rows}, adapter / "answer_rows.safetensors")
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 0
    version = read_version(folder / "1")
    assert version.writes == WritesLabelTokens(answers=tuple(map(tuple, ANSWERS)))
    assert version.model_id.startswith("tiny-llama+lora-")
    np.testing.assert_array_equal(np.load(version.head), rows.numpy())
    candidate = MapperEngine.load(folder / "1", threads=1).answer([Query("guard", "toxic")])[0]
    assert list(candidate.labels) in ANSWERS


def test_trained_token_rows_become_the_head(checkpoint: Path, folder: Path) -> None:
    adapter, model = lora(checkpoint, folder.parent / "lora", token_rows=True, answers=ANSWERS)
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 0
    deltas = [p for n, p in model.named_parameters() if "trainable_tokens_delta" in n]
    np.testing.assert_allclose(
        np.load(folder / "1" / "head.npy"), deltas[0].detach().numpy(), atol=1e-6
    )


def test_a_gguf_file_is_the_same_model(checkpoint: Path, tmp_path: Path) -> None:
    directory = load_checkpoint(str(checkpoint))
    file = load_checkpoint(str(make_gguf(checkpoint, tmp_path / "tiny.Q8_0.gguf")))
    text = "unsafe\nS10,  S2 <|end|> ünïcode 🎉"
    ids = directory.tokenizer.encode(text).ids
    assert file.tokenizer.encode(text).ids == ids
    assert file.tokenizer.decode(ids) == directory.tokenizer.decode(ids)
    assert (file.name, file.eos, file.bos) == ("tiny", directory.eos, None)
    with torch.inference_mode():
        logits = [c.model(torch.tensor([ids])).logits for c in (directory, file)]
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize("rows", [1, 7, 400])
def test_the_calibration_curve_is_one_the_engine_accepts(rows: int) -> None:
    random = np.random.default_rng(rows)
    probability = random.random(rows).round(2)
    exact = (random.random(rows) < probability).astype(np.float64)
    x, y = isotonic(probability, exact)
    curve = parse_calibration({"kind": "isotonic", "x": x.tolist(), "y": y.tolist()})
    assert np.mean([curve(p) for p in probability]) == pytest.approx(exact.mean(), abs=0.05)
