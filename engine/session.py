"""The Llama graph on ONNX Runtime: token ids in, hidden states out.

In: the tokens that each row of a batch adds. Out: the hidden state after each of them.
The prompt prefix's keys and values are computed once, at load, and copied into every batch.
It knows nothing of vocabularies, grammars or answers.

Rows of a batch have different lengths, so a pass is padded on the right. Keys of padding stay in
the cache as holes: the attention mask covers them for good, and positions are counted without
them. Tokens that turn out wrong are taken back the same way.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.version import LlamaShape
from schemas.errors import ConfigError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_HIDDEN = "last_hidden_state"


class LlamaSession:
    """One loaded graph and the cache of one fixed prefix. Threads may share it: runs keep no
    state here."""

    def __init__(
        self, graph: Path, shape: LlamaShape, *, threads: int, prefix: Sequence[int] = ()
    ) -> None:
        """graph: model.onnx; threads: cores one pass uses; prefix: ids that begin every row.

        Raises ConfigError when the graph cannot be loaded or is not of this shape.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; the optimizer's warnings are no one's business
        try:
            self._session = ort.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no narrower public base
            raise ConfigError(graph, "(graph)", f"does not load: {error}") from error
        pairs = [f"{i}.{part}" for i in range(shape.layers) for part in ("key", "value")]
        self._past = [f"past_key_values.{pair}" for pair in pairs]
        self._outputs = [_HIDDEN, *(f"present.{pair}" for pair in pairs)]
        self._check(graph)
        empty = np.zeros((1, shape.kv_heads, 0, shape.head_dim), np.float32)
        self._prefix_cache: list[Floats] = [empty] * len(self._past)
        self._prefix_length = 0
        if prefix:
            batch = self.start(1)
            batch.feed([prefix])
            self._prefix_cache, self._prefix_length = batch.cache, len(prefix)

    def start(self, rows: int) -> "Batch":
        """A batch of `rows` rows that have all read the prefix."""
        cache = [np.repeat(part, rows, axis=0) for part in self._prefix_cache]
        return Batch(self, cache, np.ones((rows, self._prefix_length), np.int64))

    def run(
        self, ids: Ints, mask: Ints, positions: Ints, cache: list[Floats], *, keep: bool
    ) -> tuple[Floats, list[Floats]]:
        """One forward pass.

        ids, positions [B, T]; mask [B, P + T]; cache 2 x layers of [B, kv_heads, P, head_dim].
        Returns the hidden states [B, T, hidden] and, if `keep`, the cache grown to P + T.
        """
        feeds = {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": positions,
            **dict(zip(self._past, cache, strict=True)),
        }
        hidden, *present = self._session.run(self._outputs if keep else [_HIDDEN], feeds)
        return hidden, present

    def _check(self, graph: Path) -> None:
        inputs = {tensor.name for tensor in self._session.get_inputs()}
        expected = {"input_ids", "attention_mask", "position_ids", *self._past}
        if inputs != expected:
            differing = ", ".join(sorted(inputs ^ expected)[:4])
            raise ConfigError(graph, "(inputs)", f"differ from the manifest's config: {differing}")
        missing = set(self._outputs) - {tensor.name for tensor in self._session.get_outputs()}
        if missing:
            raise ConfigError(graph, "(outputs)", f"lacks {', '.join(sorted(missing)[:4])}")


class Batch:
    """The rows being answered together: what each has read, as keys and values."""

    def __init__(self, session: LlamaSession, cache: list[Floats], mask: Ints) -> None:
        """cache: 2 x layers of [B, kv_heads, P, head_dim]; mask [B, P], 0 where a hole is."""
        self._session = session
        self._mask = mask
        self._fed: Sequence[Sequence[int]] = ()
        self.cache = cache

    def feed(self, tokens: Sequence[Sequence[int]], *, keep: bool = True) -> Floats:
        """Let each row read its tokens, at least one, in one pass; returns [B, T, hidden].

        Row i has len(tokens[i]) states, what follows them in [i] is padding.
        keep=False: no further pass will follow, so the cache is not fetched.
        """
        width = max(len(row) for row in tokens)
        ids = np.zeros((len(tokens), width), np.int64)
        new = np.zeros_like(ids)
        for i, row in enumerate(tokens):
            ids[i, : len(row)] = row
            new[i, : len(row)] = 1
        read = self._mask.sum(axis=1, keepdims=True)
        positions = (read + np.arange(width)) * new  # padding gets 0, which is always in range
        self._mask = np.concatenate([self._mask, new], axis=1)
        self._fed = tokens
        hidden, self.cache = self._session.run(ids, self._mask, positions, self.cache, keep=keep)
        return hidden

    def take_back(self, row: int, count: int) -> None:
        """Make a row forget the last `count` tokens of its last feed."""
        end = self._mask.shape[1] - max(len(tokens) for tokens in self._fed) + len(self._fed[row])
        self._mask[row, end - count : end] = 0

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Go on with these rows only; their numbers ascend."""
        if len(rows) < len(self._mask):
            self._mask = self._mask[rows]
            self._fed = [self._fed[row] for row in rows] if self._fed else ()
            self.cache = [part[rows] for part in self.cache]
