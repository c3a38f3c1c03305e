"""Tiny random Llamas as checkpoints, unlike the default base in every size and in the tokenizer."""

import json
import sys
from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from schemas.taxonomy import load_taxonomy

LAYERS, HEADS, KV_HEADS, HIDDEN, INNER, VOCABULARY = 2, 4, 2, 48, 80, 600
END = "<|end|>"


def make_directory(path: Path, hidden: int = HIDDEN) -> Path:
    """A checkpoint as `save_pretrained` writes it: random weights, a byte-level BPE tokenizer."""
    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size() + 8,  # padded, as many checkpoints are
        hidden_size=hidden,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=tokenizer.token_to_id(END),
        tie_word_embeddings=False,
    )
    torch.manual_seed(7)
    LlamaForCausalLM(config).save_pretrained(path)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(path)
    return path


def make_gguf(directory: Path, file: Path) -> Path:
    """The checkpoint in `directory` as a GGUF file."""
    model = LlamaForCausalLM.from_pretrained(directory)
    config, spec = model.config, json.loads((directory / "tokenizer.json").read_text("utf-8"))
    tokens = sorted(spec["model"]["vocab"], key=spec["model"]["vocab"].__getitem__)
    tokens += [f"<pad{i}>" for i in range(config.vocab_size - len(tokens))]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == END else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in spec["model"]["merges"]])
    writer.add_eos_token_id(config.eos_token_id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        stem, suffix = name.rsplit(".", 1)
        for part, heads in (("q_proj", HEADS), ("k_proj", KV_HEADS)):
            if part in name:  # GGUF interleaves the halves that rotary positions turn
                halves = tensor.view(heads, 2, -1, tensor.shape[1])
                tensor = halves.transpose(1, 2).reshape(tensor.shape)
        writer.add_tensor(f"{names.get_name(stem)}.{suffix}", tensor.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    labels = load_taxonomy().labels
    tokenizer.train_from_iterator(
        [f"{label.name} {label.description}" for label in labels], trainer
    )
    return tokenizer


if __name__ == "__main__":
    make_directory(Path(sys.argv[1]))
