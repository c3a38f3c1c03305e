"""A GGUF file: architecture, sizes, tokenizer, end token, and its weights as float32.

The tokenizer is rebuilt from the file's own vocabulary and merges. The general conversion in
transformers is not used: it confuses begin and end token, prepends a begin token against the file's
setting, and mixes two decoders, which breaks constrained decoding.
"""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from export.checkpoint.llama import POSITIONS, Decoder, Floats, rotary_angles
from export.common.errors import ExportError

_CONTROL_TOKEN = 3  # gguf's token type of <|im_end|> and its like

_LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_level(use_regex: bool = True) -> Any:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def _pre_tokenizer(kind: str) -> Any:
    """How llama.cpp's `tokenizer.ggml.pre` splits text before merges; None for an unknown one."""
    match kind:
        case "gpt-2" | "default":
            return _byte_level()
        case "smollm":
            digits = pre_tokenizers.Digits(individual_digits=True)
            return pre_tokenizers.Sequence([digits, _byte_level()])
        case "llama-bpe" | "llama3" | "llama-v3":
            words = pre_tokenizers.Split(Regex(_LLAMA3_WORDS), "isolated")
            return pre_tokenizers.Sequence([words, _byte_level(use_regex=False)])
        case _:
            return None


class GgufFile:
    """A GGUF file of a Llama. Methods raise ExportError for missing parts."""

    def __init__(self, path: Path) -> None:
        """Raises ExportError when the file is not GGUF or lacks a part that every model has."""
        self._path = path
        try:
            reader = GGUFReader(path)
            self._fields = reader.fields
            self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        except Exception as error:  # the reader does not check its input: any type of error
            raise ExportError(f"{path}: not a GGUF file ({error})") from error
        self.architecture: str = self._get("general.architecture")

    @property
    def eos(self) -> int:
        return int(self._get("tokenizer.ggml.eos_token_id"))

    @property
    def bos(self) -> int | None:
        """The token that begins every text, None when the file disables it."""
        if not self._get("tokenizer.ggml.add_bos_token", default=False):
            return None
        return int(self._get("tokenizer.ggml.bos_token_id"))

    def tokenizer(self) -> Tokenizer:
        """The byte-level BPE tokenizer; adds no begin or end token by itself.

        Raises ExportError for other kinds (SentencePiece) and unknown ways of splitting.
        """
        kind, split = self._get("tokenizer.ggml.model"), self._get("tokenizer.ggml.pre", "default")
        pre_tokenizer = _pre_tokenizer(split) if kind == "gpt2" else None
        if pre_tokenizer is None:
            raise ExportError(
                f"{self._path}: tokenizer {kind}/{split} cannot be rebuilt from a GGUF file; "
                "name the checkpoint's original directory or hub id instead"
            )
        tokens: list[str] = self._get("tokenizer.ggml.tokens")
        merges = [tuple(pair.split(" ")) for pair in self._get("tokenizer.ggml.merges")]
        vocabulary = {token: index for index, token in enumerate(tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.decoder = decoders.ByteLevel()
        types: list[int] = self._get("tokenizer.ggml.token_type")
        control = [t for t, kind in zip(tokens, types, strict=True) if kind == _CONTROL_TOKEN]
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in control])
        return tokenizer

    @property
    def vocabulary(self) -> int:
        """Rows of the embedding."""
        return int(self._tensor("token_embd.weight").shape[1])

    @property
    def max_position(self) -> int:
        """The most tokens of a text for a graph of this model."""
        return min(int(self._get("llama.context_length")), POSITIONS)

    def decoder(self) -> Decoder:
        """The sizes. Raises ExportError also for scaled rotary positions, which need torch."""
        if "rope_freqs.weight" in self._tensors or "llama.rope.scaling.type" in self._fields:
            raise ExportError(f"{self._path}: scaled rotary positions; use `make export-model`")
        hidden, heads = self._size("embedding_length"), self._size("attention.head_count")
        width = int(self._get("llama.rope.dimension_count", hidden // heads))
        base = float(self._get("llama.rope.freq_base", 10_000.0))
        cos, sin = rotary_angles(base, width, self.max_position)
        return Decoder(
            layers=self._size("block_count"),
            heads=heads,
            kv_heads=int(self._get("llama.attention.head_count_kv", heads)),
            head_dim=width,
            hidden=hidden,
            epsilon=float(self._get("llama.attention.layer_norm_rms_epsilon")),
            cos=cos,
            sin=sin,
        )

    def weight(self, name: str) -> Floats:
        """A tensor by its name in the file, as [out, in] or [out]."""
        tensor = self._tensor(name)
        return np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return name in self._tensors

    def _tensor(self, name: str) -> Any:
        if name not in self._tensors:
            raise ExportError(f"{self._path}: the tensor {name} is missing")
        return self._tensors[name]

    def _size(self, key: str) -> int:
        return int(self._get(f"llama.{key}"))

    def _get(self, key: str, default: Any = None) -> Any:
        field = self._fields.get(key)
        if field is not None:
            return field.contents()
        if default is None:
            raise ExportError(f"{self._path}: {key} is missing")
        return default
