"""Tiny random Llamas, published as versions: the engine's tests need the real runtime, not a real
model.

The graph is written with `onnx` alone (no torch in the serving environment): RMS norm, rotary
positions, grouped-query attention over a padded and holed cache, SwiGLU, no head.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from engine.decoder import candidate_text
from engine.manifest import FORMAT, MANIFEST
from engine.runtime.prefix import write_prefix
from engine.version import PREFIX
from schemas.taxonomy import load_taxonomy

LAYERS, HEADS, KV_HEADS, HEAD_DIM, POSITIONS = 2, 4, 2, 8, 512
HIDDEN, INNER = HEADS * HEAD_DIM, 48
SPECIAL = ("<|end|>", "<|begin|>", "<|im_start|>")
EOS, BOS = 0, 1


def byte_tokenizer() -> Tokenizer:
    """Byte-level BPE, as in Llama 3 and SmolLM."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _train(tokenizer, SPECIAL, pre_tokenizers.ByteLevel.alphabet())


def metaspace_tokenizer() -> Tokenizer:
    """BPE with a word mark and byte fallback, as in Llama 2 and TinyLlama."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    byte_tokens = [f"<0x{value:02X}>" for value in range(256)]
    trained = _train(tokenizer, (*SPECIAL, "<unk>", *byte_tokens), list('{}[]":,.▁'))
    spec = json.loads(trained.to_str())
    spec["added_tokens"] = [x for x in spec["added_tokens"] if x["content"] not in byte_tokens]
    return Tokenizer.from_str(json.dumps(spec))


def joining_tokenizer() -> Tokenizer:
    """BPE over whole texts: its tokens span the borders of labels, one a label and both borders."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    lists = [candidate_text([name, "OTHER.Safe"]) for name in load_taxonomy().names]
    return _train(tokenizer, SPECIAL, pre_tokenizers.ByteLevel.alphabet(), lists)


def byte_only_tokenizer() -> Tokenizer:
    """One token a byte: every text has one tokenisation, so every greedy path is canonical."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *sorted(alphabet)))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


TOKENIZERS = {
    "byte-level": byte_tokenizer,
    "metaspace": metaspace_tokenizer,
    "joining": joining_tokenizer,
    "bytes": byte_only_tokenizer,
}


def _train(
    tokenizer: Tokenizer,
    special: Sequence[str],
    alphabet: list[str],
    texts: Sequence[str] | None = None,
) -> Tokenizer:
    """texts: to learn from, those of the taxonomy if not given."""
    trainer = trainers.BpeTrainer(
        vocab_size=640, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    labels = load_taxonomy().labels
    tokenizer.train_from_iterator(
        texts or [text for x in labels for text in (x.name, x.description)], trainer
    )
    return tokenizer


def publish(
    directory: Path,
    *,
    answers: Sequence[Sequence[str]] | None = None,
    seed: int = 0,
    tokenizer: Tokenizer | None = None,
    bos: int | None = None,
    prefix: tuple[Sequence[int], Sequence[npt.NDArray[np.float32]]] | None = None,
    manifest: dict[str, Any] | None = None,
) -> Path:
    """Write a version of a random Llama; answers makes it one that writes label tokens.

    prefix: ids and cache of a stored prompt prefix.
    manifest: keys that replace the true ones, to publish what is wrong.
    """
    tokenizer = tokenizer or byte_tokenizer()
    random = np.random.default_rng(seed)
    vocabulary = tokenizer.get_vocab_size()
    rows = vocabulary if answers is None else len(answers)
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(_llama(random, vocabulary), directory / "model.onnx")
    if prefix is not None:
        write_prefix(directory / PREFIX, *prefix)
    np.save(directory / "head.npy", _normal(random, rows, HIDDEN) * 3)
    tokenizer.save(str(directory / "tokenizer.json"))
    wrong = manifest or {}
    writes: dict[str, Any] = {"kind": "text"}
    if answers is not None:
        writes = {"kind": "label_tokens", "answers": [list(labels) for labels in answers]}
    document = {
        "format": FORMAT,
        "model_id": f"tiny-{seed}",
        "writes": writes,
        "config": {
            "layers": LAYERS,
            "kv_heads": KV_HEADS,
            "head_dim": HEAD_DIM,
            "hidden": HIDDEN,
            "vocab": vocabulary,
            "max_position": POSITIONS,
            "bos": bos,
            "eos": EOS,
        },
        **wrong,
        "files": hashes(directory) | wrong.get("files", {}),
    }
    (directory / MANIFEST).write_text(json.dumps(document))
    return directory


def hashes(directory: Path) -> dict[str, str]:
    """What a manifest says of the files of a version."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in directory.iterdir()
        if file.is_file() and file.name != MANIFEST
    }


def list_anew(directory: Path) -> None:
    """Let the manifest of a version that a test has changed list its files as they are."""
    manifest = json.loads((directory / MANIFEST).read_bytes())
    (directory / MANIFEST).write_text(json.dumps(manifest | {"files": hashes(directory)}))


def _normal(random: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return random.normal(size=shape).astype(np.float32) / np.float32(np.sqrt(shape[-1]))


@dataclass
class _Graph:
    """Nodes and constants in the making; every method returns the name of its result."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(values, np.int64)

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def norm(self, x: str, name: str | None = None) -> str:
        mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1])
        root = self.op("Sqrt", self.op("Add", mean, self.const(1e-5)))
        return self.op("Mul", self.op("Div", x, root), self.const(np.ones(HIDDEN)), name=name)


def _llama(random: np.random.Generator, vocabulary: int) -> onnx.ModelProto:
    g = _Graph()
    int64, real = TensorProto.INT64, TensorProto.FLOAT
    sizes: dict[str, list[str | int | None]] = {
        "position_ids": ["B", "T"],
        "input_ids": ["S"],
        "slots": ["B", "T"],
        "places": ["S"],
    }
    inputs = [helper.make_tensor_value_info(name, int64, size) for name, size in sizes.items()]
    inputs.append(helper.make_tensor_value_info("attention_bias", real, ["B", 1, "T", "K"]))
    outputs = [helper.make_tensor_value_info("last_hidden_state", real, ["S", HIDDEN])]
    angles = np.outer(np.arange(POSITIONS), 100.0 ** -(np.arange(HEAD_DIM // 2) * 2 / HEAD_DIM))
    angles = np.concatenate([angles, angles], axis=1)
    rotary = [
        g.op("Unsqueeze", g.op("Gather", g.const(table), "position_ids", axis=0), g.ints(1))
        for table in (np.cos(angles), np.sin(angles))
    ]

    def weight(rows: int, columns: int) -> str:
        return g.const(_normal(random, columns, rows).T)

    def heads(x: str, count: int) -> str:
        projected = g.op("MatMul", x, weight(HIDDEN, count * HEAD_DIM))
        split = g.op("Reshape", projected, g.ints(0, 0, count, HEAD_DIM))
        return g.op("Transpose", split, perm=[0, 2, 1, 3])

    def rotate(x: str) -> str:
        half = HEAD_DIM // 2
        low = g.op("Slice", x, g.ints(0), g.ints(half), g.ints(3))
        high = g.op("Slice", x, g.ints(half), g.ints(HEAD_DIM), g.ints(3))
        turned = g.op("Concat", g.op("Neg", high), low, axis=3)
        return g.op("Add", g.op("Mul", x, rotary[0]), g.op("Mul", turned, rotary[1]))

    def shared(x: str) -> str:
        groups = [g.op("Unsqueeze", x, g.ints(2))] * (HEADS // KV_HEADS)
        return g.op("Reshape", g.op("Concat", *groups, axis=2), g.ints(0, HEADS, -1, HEAD_DIM))

    ids = g.op("Gather", "input_ids", "slots", axis=0)
    x = g.op("Gather", g.const(_normal(random, vocabulary, HIDDEN) * 6), ids, axis=0)
    for layer in range(LAYERS):
        y = g.norm(x)
        query, new = rotate(heads(y, HEADS)), (rotate(heads(y, KV_HEADS)), heads(y, KV_HEADS))
        cache = []
        for part, value in zip(("key", "value"), new, strict=True):
            past, present = f"past_key_values.{layer}.{part}", f"present.{layer}.{part}"
            cache.append(g.op("Concat", past, value, axis=2, name=present))
            for tensors, name, length in ((inputs, past, "P"), (outputs, present, "K")):
                shape: list[str | int | None] = ["B", KV_HEADS, length, HEAD_DIM]
                tensors.append(helper.make_tensor_value_info(name, real, shape))
        keys = g.op("Transpose", shared(cache[0]), perm=[0, 1, 3, 2])
        scores = g.op("Mul", g.op("MatMul", query, keys), g.const(HEAD_DIM**-0.5))
        weights = g.op("Softmax", g.op("Add", scores, "attention_bias"), axis=-1)
        mixed = g.op("Transpose", g.op("MatMul", weights, shared(cache[1])), perm=[0, 2, 1, 3])
        joined = g.op("Reshape", mixed, g.ints(0, 0, HIDDEN))
        x = g.op("Add", x, g.op("MatMul", joined, weight(HIDDEN, HIDDEN)))
        y = g.norm(x)
        gate, up = (g.op("MatMul", y, weight(HIDDEN, INNER)) for _ in range(2))
        inner = g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), up)
        x = g.op("Add", x, g.op("MatMul", inner, weight(INNER, HIDDEN)))
    x = g.op("Gather", g.op("Reshape", x, g.ints(-1, HIDDEN)), "places", axis=0)
    g.norm(x, name="last_hidden_state")
    graph = helper.make_graph(g.nodes, "tiny_llama", inputs, outputs, g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
