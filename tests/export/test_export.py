"""`make export-model` on tiny random Llamas: what is published, and that nothing else ever is."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from engine.confidence import parse_calibration
from engine.known_answers import read_answers
from engine.mapper import MapperEngine
from engine.prompt import PromptEncoder
from engine.runtime.session import LlamaSession
from engine.version import read_version
from export.checkpoint.base import load_checkpoint
from export.measures.calibration import isotonic
from export.publishing.known_answers import known_queries
from export.publishing.publish import main
from schemas.candidate import Query
from tests.export.tiny_checkpoint import HIDDEN, make_directory, make_gguf

pytestmark = pytest.mark.export

ROOT = Path(__file__).parents[2]
ANSWERS = [["PII.Contact.Email"], ["HARM.SPEECH.Toxicity"], ["OTHER.Safe"]]
TEXTS = ["toxic", "US_SSN", "prompt injection found"]
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_directory(tmp_path_factory.mktemp("base") / "Tiny_Llama")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty `llama_mapper` model: it has its code and no version."""
    path = tmp_path / "llama_mapper"
    path.mkdir()
    shutil.copy(ROOT / "model_repository" / "llama_mapper" / "model.py", path)
    return path


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


def graph_states(version: Path) -> list[np.ndarray[Any, Any]]:
    """The state that an answer begins from, for each of TEXTS, through the engine's session."""
    read = read_version(version)
    prompts = PromptEncoder(read.tokenizer.read_text("utf-8"), read.shape.bos, 128)
    session = LlamaSession(
        read.graph, read.shape, threads=1, prefix=prompts.prefix_ids, prefix_file=read.prefix
    )
    ids = [prompts.suffix_ids("guard", text) for text in TEXTS]
    return [states[-1] for states in session.start(len(ids)).feed(ids)]


def torch_states(model: Any, version: Path) -> list[np.ndarray[Any, Any]]:
    read = read_version(version)
    prompts = PromptEncoder(read.tokenizer.read_text("utf-8"), read.shape.bos, 128)
    states = []
    for text in TEXTS:
        ids = [*prompts.prefix_ids, *prompts.suffix_ids("guard", text)]
        with torch.inference_mode():
            states.append(model(torch.tensor([ids])).last_hidden_state[0, -1].numpy())
    return states


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The message an export ended with; it is one line, and the last."""
    last: str = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("export-model: ")
    assert last.endswith("; nothing was published")
    return last


def test_a_checkpoint_becomes_the_next_version(checkpoint: Path, folder: Path) -> None:
    assert main(arguments(folder, checkpoint)) == 0
    assert main(arguments(folder, checkpoint)) == 0
    assert contents(folder) == ["1", "2", "model.py"]

    version = read_version(folder / "2")
    assert version.model_id == "tiny-llama-int8"
    assert version.manifest["quantization"] == "int8"
    assert version.manifest["base"]["sha256"] == load_checkpoint(str(checkpoint)).sha256
    assert version.manifest["adapter"] is None
    assert set(version.manifest["files"]) == set(contents(folder / "2")) - {"manifest.json"}
    assert version.manifest["checks"]["torch_difference"] < 1e-4
    assert version.manifest["checks"]["quantization"]["cosine_min"] > 0.99
    assert version.manifest["checks"]["calibration"]["rows"] > 100
    assert set(version.manifest["versions"]) == {"taxonomy", "prompt", "rules"}

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
    gate = read_version(folder / "1").manifest["checks"]["gate"]
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
    together = session.start(3).feed(rows)
    for row, ids in enumerate(rows):
        alone = session.start(1).feed([ids])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_answer_rows_become_the_head(checkpoint: Path, folder: Path) -> None:
    adapter, _ = lora(checkpoint, folder.parent / "lora", answers=ANSWERS)
    rows = torch.randn(len(ANSWERS), HIDDEN)
    save_file({"answer_rows": rows}, adapter / "answer_rows.safetensors")
    assert main(arguments(folder, checkpoint, adapter=adapter)) == 0
    version = read_version(folder / "1")
    assert version.manifest["writes"] == {"kind": "label_tokens", "answers": ANSWERS}
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


def command(folder: Path, model: Path) -> list[str]:
    return [sys.executable, "-m", "export.publishing.publish", *arguments(folder, model)]


def stopped_while_exporting(line: Sequence[str], how: signal.Signals) -> tuple[int, str]:
    """Run the command, send it a signal once it exports; its exit code and last words."""
    with subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if said.startswith("[2/"):
                process.send_signal(how)
                break
        rest = process.stderr.read()
    return process.returncode, rest


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    checkpoint: Path, folder: Path, how: signal.Signals
) -> None:
    code, said = stopped_while_exporting(command(folder, checkpoint), how)
    assert code == 130
    assert said.splitlines()[-1] == "export-model: interrupted; nothing was published"
    assert contents(folder) == ["model.py"]


def test_what_a_killed_export_leaves_is_removed_by_the_next(checkpoint: Path, folder: Path) -> None:
    stopped_while_exporting(command(folder, checkpoint), signal.SIGKILL)
    assert any(name.startswith(".staging-") for name in contents(folder))
    assert main(arguments(folder, folder / "absent")) == 1
    assert contents(folder) == ["model.py"]


def test_a_disk_that_refuses_is_reported(checkpoint: Path, folder: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash", *command(folder, checkpoint)]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is the disk full?" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert contents(folder) == ["model.py"]


@pytest.mark.parametrize("rows", [1, 7, 400])
def test_the_calibration_curve_is_one_the_engine_accepts(rows: int) -> None:
    random = np.random.default_rng(rows)
    probability = random.random(rows).round(2)
    exact = (random.random(rows) < probability).astype(np.float64)
    x, y = isotonic(probability, exact)
    curve = parse_calibration({"kind": "isotonic", "x": x.tolist(), "y": y.tolist()})
    assert np.mean([curve(p) for p in probability]) == pytest.approx(exact.mean(), abs=0.05)
