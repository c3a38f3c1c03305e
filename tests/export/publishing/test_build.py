"""A version built without torch against the one that `make export-model` publishes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tiny_checkpoint import HIDDEN, make_directory, make_gguf
from transformers import LlamaForCausalLM

from engine.prompt import PROMPT_VERSION
from engine.version import read_version
from export.checkpoint.adapter import merge_adapter
from export.checkpoint.base import load_checkpoint
from export.checkpoint.bundled import BundledModel
from export.common.errors import ExportError
from export.common.exact import exact_product
from export.common.progress import Steps
from export.onnx.graph import llama_shape
from export.onnx.quantise import Quantization
from export.publishing.assembly import Assembly
from export.publishing.build import ADAPTER, bundled_parts
from export.publishing.publish import main
from export.publishing.recorded import (
    KnownAnswer,
    Recorded,
    identity_of,
    key,
    read_recorded,
    record,
)
from schemas.taxonomy import load_taxonomy

ROOT = Path(__file__).resolve().parents[3]
MODEL_CODE = ROOT / "model_repository" / "llama_mapper" / "model.py"
ANSWERS = [["PII.Contact.Email"], ["HARM.SPEECH.Toxicity"], ["OTHER.Safe"]]
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    return make_gguf(make_directory(folder / "Tiny_Llama"), folder / "tiny.gguf")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    path = base.parent / "lora"
    torch.manual_seed(3)
    config = LoraConfig(r=4, target_modules=LINEARS, init_lora_weights=False)
    model = LlamaForCausalLM.from_pretrained(base.parent / "Tiny_Llama")
    get_peft_model(model, config).save_pretrained(str(path))
    (path / "answers.json").write_text(json.dumps(ANSWERS), "utf-8")
    save_file({"answer_rows": torch.randn(len(ANSWERS), HIDDEN)}, path / "answer_rows.safetensors")
    return path


@pytest.fixture(scope="module")
def exported(base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version as torch and optimum export it."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(MODEL_CODE, folder)
    chosen = ["--model", str(base), "--adapter", str(adapter), "--force", "1"]
    assert main([*chosen, "--model-folder", str(folder)]) == 0
    return folder / "1"


def build(
    folder: Path, base: Path, adapter: Path, recorded: Recorded
) -> tuple[Assembly, dict[str, str]]:
    """A version as it is built without torch, and the hashes of its files."""
    folder.mkdir()
    parts = bundled_parts(adapter, base)
    assembly = Assembly(
        folder, parts, Quantization.INT8, MODEL_CODE, Steps(5), recorded=recorded, force=True
    )
    assembly.run()
    return assembly, assembly.manifest.files


@pytest.mark.slow
def test_both_ways_give_the_same_files(
    exported: Path, base: Path, adapter: Path, tmp_path: Path
) -> None:
    assembly, files = build(tmp_path / "built", base, adapter, Recorded())
    manifest = read_version(exported).manifest
    assert files == manifest.files
    assert assembly.manifest.model_id == manifest.model_id
    assert assembly.manifest.calibration == manifest.calibration
    checks = {k: v for k, v in manifest.checks.items() if k != "torch_difference"}
    assert assembly.manifest.checks == checks


@pytest.mark.slow
def test_what_was_recorded_of_the_same_content_is_not_measured_again(
    exported: Path, base: Path, adapter: Path, tmp_path: Path
) -> None:
    first, files = build(tmp_path / "first", base, adapter, Recorded())
    checks = first.manifest.checks
    # No measurement says so.
    checks["gate"] |= {"passed": True, "exact": 0.77}
    checks["quantization"]["cosine_mean"] = 0.77
    record(tmp_path / "first", first.known, checks, tmp_path / "records")
    recorded = read_recorded(tmp_path / "records")
    second, again = build(tmp_path / "second", base, adapter, recorded)
    assert again == files
    assert second.manifest.checks["gate"]["exact"] == 0.77
    assert second.manifest.checks["quantization"]["cosine_mean"] == 0.77

    now = identity_of(files)
    other = identity_of({**files, "phrases.json": "changed"})
    thresholds = checks["gate"]["thresholds"]
    assert recorded.gate(now, thresholds) is not None
    assert recorded.gate(other, thresholds) is None
    assert recorded.gate(now, {**thresholds, "exact": 0.99}) is None
    assert recorded.weights_checks(other) is not None
    drafted = {key(a) for a in first.known if a.draft is not None}
    assert set(recorded.known(now)) == {key(a) for a in first.known}
    assert set(recorded.known(other)) == drafted
    third = identity_of({**files, "model.onnx": "changed"})
    assert recorded.weights_checks(third) is None
    assert not recorded.known(third)
    assert recorded.prefix(third.graph) is None


@pytest.mark.slow
def test_an_answer_that_was_not_recorded_is_computed(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    first, files = build(tmp_path / "first", base, adapter, Recorded())
    kept: list[KnownAnswer] = first.known[::2]
    record(tmp_path / "first", kept, first.manifest.checks, tmp_path / "records")
    second, again = build(tmp_path / "second", base, adapter, read_recorded(tmp_path / "records"))
    assert second.known == first.known
    assert again == files


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    assert read_recorded(tmp_path).identity is None
    (tmp_path / "figures.json").write_text("{}", "utf-8")
    with pytest.raises(ExportError, match="make record"):
        read_recorded(tmp_path)


@pytest.mark.slow
def test_the_default_weights_are_those_that_torch_merges() -> None:
    built, taxonomy = BundledModel.load(ADAPTER), load_taxonomy()
    base = load_checkpoint(None)
    versions = {"prompt": PROMPT_VERSION, "taxonomy": taxonomy.version}
    merged = merge_adapter(base, ADAPTER, taxonomy, versions)
    parts = bundled_parts(ADAPTER)
    assert parts.shape == llama_shape(merged.model, eos=base.eos, bos=base.bos)
    assert parts.tokenizer.to_str() == base.tokenizer.to_str()
    assert parts.adapter == merged.adapter
    np.testing.assert_array_equal(parts.head, merged.head)
    assert built.decoder.epsilon == merged.model.config.rms_norm_eps
    for name, tensor in merged.model.model.state_dict().items():
        module = f"model.{name.removesuffix('.weight')}"
        found = (
            built.embedding()
            if module.endswith("embed_tokens")
            else built.norm(module)
            if module.endswith("norm")
            else built.product(module).T
        )
        np.testing.assert_array_equal(found, tensor.numpy(), err_msg=name)


@pytest.mark.model
def test_a_built_version_is_the_recorded_one_to_the_bit() -> None:
    folders = (ROOT / "model_repository" / "llama_mapper").glob("[0-9]*")
    manifests = [read_version(folder).manifest for folder in folders]
    adapter = bundled_parts(ADAPTER).adapter
    built = [m for m in manifests if "gguf" in m.tools and m.adapter == adapter]
    assert built, "no version of this checkout was built without torch; run `make model`"
    recorded = read_recorded().identity
    assert recorded is not None
    assert {identity_of(m.files).graph for m in built} == {recorded.graph}


def test_what_is_recorded_is_of_this_engine(exported: Path) -> None:
    recorded = read_recorded().identity
    now = identity_of(read_version(exported).manifest.files)
    assert recorded is not None
    assert recorded.engine == now.engine, "run `make record` and commit export/artefacts/default"


@pytest.mark.parametrize(
    ("key", "value"), [("use_dora", True), ("bias", "all"), ("rank_pattern", {"q_proj": 2})]
)
def test_an_adapter_that_needs_peft_is_refused(
    adapter: Path, base: Path, tmp_path: Path, key: str, value: object
) -> None:
    copy = shutil.copytree(adapter, tmp_path / "lora")
    config = json.loads((copy / "adapter_config.json").read_text("utf-8"))
    (copy / "adapter_config.json").write_text(json.dumps({**config, key: value}), "utf-8")
    with pytest.raises(ExportError, match=f"{key}: needs torch"):
        bundled_parts(copy, base)


def test_a_product_has_the_same_bits_in_any_order() -> None:
    random = np.random.default_rng(0)
    left, right = random.normal(size=(40, 300)), random.normal(size=(300, 50))
    order = random.permutation(300)
    product = exact_product(left, right, left_bits=24, right_bits=24)
    again = exact_product(left[:, order], right[order], left_bits=24, right_bits=24)
    np.testing.assert_array_equal(product, again)
    np.testing.assert_allclose(product, left @ right, atol=1e-4)
