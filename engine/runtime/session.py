"""The Llama graph on ONNX Runtime: token ids in, hidden states out.

In: a graph and the prefix that begins every prompt. Out: batches that have read the prefix. The
prefix's keys and values come from the version or are computed once, at load. Only this module has
the names of the graph's tensors. Independent of vocabularies, grammars and answers.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.runtime.batch import Batch, Floats, Pass
from engine.runtime.cores import has_vnni
from engine.runtime.prefix import read_prefix
from engine.version import LlamaShape
from schemas.config.errors import ConfigError

_Array = npt.NDArray[np.generic]
Cache = list[ort.OrtValue]
"""2 x layers of [rows, kv_heads, keys, head_dim], on the device."""

_HIDDEN = "last_hidden_state"
_INPUTS = {"input_ids", "slots", "places", "position_ids", "attention_bias"}
_UNSEEN = np.float32(-1e9)
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

_log = logging.getLogger(__name__)


class Device(StrEnum):
    """The device of the passes: `MAPPER_DEVICE`."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, slots=True)
class CachedPrefix:
    """The cache of one row that has read `read` tokens, the prefix among them."""

    cache: Cache
    read: int


class LlamaSession:
    """One loaded graph and the cache of one fixed prefix. Threads may share it: runs keep no
    state here."""

    def __init__(
        self,
        graph: Path,
        shape: LlamaShape,
        *,
        threads: int,
        prefix: Sequence[int] = (),
        prefix_file: Path | None = None,
        device: Device = Device.CPU,
    ) -> None:
        """graph: model.onnx; threads: cores per pass; prefix: ids that begin every row;
        prefix_file: their cache, computed here if it is missing or of other ids; device: for the
        passes, the CPU if it is not available.

        Raises ConfigError if the graph cannot be loaded or has another shape.
        """
        self._session, self.device = open_graph(graph, threads, device)
        pairs = [f"{i}.{part}" for i in range(shape.layers) for part in ("key", "value")]
        self._past = [f"past_key_values.{pair}" for pair in pairs]
        self._present = [f"present.{pair}" for pair in pairs]
        self._check(graph)
        empty = np.zeros((1, shape.kv_heads, 0, shape.head_dim), np.float32)
        self._prefix, self._prefix_length = self._place([empty] * len(pairs)), 0
        if prefix:
            sizes = (len(pairs), shape.kv_heads, shape.head_dim)
            self._prefix = self._read(prefix, prefix_file, sizes)
            self._prefix_length = len(prefix)

    def start(self, rows: int, cached_prefix: CachedPrefix | None = None) -> Batch[Cache]:
        """A batch of `rows` rows that have all read the prefix, or the tokens of `begun`."""
        cached_prefix = cached_prefix or CachedPrefix(self._prefix, self._prefix_length)
        return Batch(self, cached_prefix.cache, rows, cached_prefix.read)

    def cached_prefix(self, batch: Batch[Cache], tokens: int) -> CachedPrefix:
        """The cache of the first row after its first `lead` tokens. The row must have been started
        here and fed once, with keep=True."""
        read = self._prefix_length + tokens
        return CachedPrefix(batch.slice_prefix(read), read)

    def prefix_cache(self) -> list[Floats]:
        """2 x layers of [1, kv_heads, prefix, head_dim]."""
        return [part.numpy() for part in self._prefix]

    def run(self, tokens: Pass, cache: Cache, *, keep: bool) -> tuple[list[Floats], Cache]:
        """See `engine.runtime.batch.Runner`."""
        hidden, present = self._run(_packed(tokens), cache, keep=keep)
        ends = tokens.new.sum(axis=1).cumsum()
        return np.split(hidden, ends[:-1]), present

    def pick(self, cache: Cache, rows: Sequence[int]) -> Cache:
        """See `engine.runtime.batch.Runner`."""
        return self._place([part.numpy()[list(rows)] for part in cache])

    def slice_prefix(self, cache: Cache, keys: int) -> Cache:
        """See `engine.runtime.batch.Runner`."""
        return self._place([part.numpy()[:1, :, :keys] for part in cache])

    def _run(
        self, feeds: Mapping[str, _Array], cache: Cache, *, keep: bool
    ) -> tuple[Floats, Cache]:
        # Bound, not fed: the cache stays on the device, and the prefix is never copied.
        binding = self._session.io_binding()
        arrays = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
        for name, array in arrays.items():
            binding.bind_cpu_input(name, array)
        for name, part in zip(self._past, cache, strict=True):
            binding.bind_ortvalue_input(name, part)
        binding.bind_output(_HIDDEN, "cpu")
        for name in self._present if keep else ():
            binding.bind_output(name, self.device.value)
        self._session.run_with_iobinding(binding)
        hidden, *present = binding.get_outputs()
        return hidden.numpy(), present

    def _place(self, arrays: Sequence[Floats]) -> Cache:
        return [
            ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(a), self.device.value)
            for a in arrays
        ]

    def _read(self, ids: Sequence[int], file: Path | None, sizes: tuple[int, int, int]) -> Cache:
        stored = read_prefix(file, ids, sizes) if file else None
        if stored is not None:
            return self._place(stored)
        if file:
            _log.warning(
                "%s is of another prompt prefix; computing this one. Export the version again", file
            )
        empty = self.start(1)
        empty.forward([ids])
        return empty.cache

    def _check(self, graph: Path) -> None:
        """Raises ConfigError unless the graph takes packed tokens and a cache of this shape."""
        inputs = {tensor.name for tensor in self._session.get_inputs()}
        expected = {*_INPUTS, *self._past}
        if inputs != expected:
            differing = ", ".join(sorted(inputs ^ expected)[:4])
            raise ConfigError(graph, "(inputs)", f"differ from the manifest's config: {differing}")
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        missing = {_HIDDEN, *self._present} - outputs
        if missing:
            raise ConfigError(graph, "(outputs)", f"lacks {', '.join(sorted(missing)[:4])}")


def _packed(tokens: Pass) -> dict[str, _Array]:
    """A pass in the form of `export.onnx.fuse`: the tokens alone, and their places in the row."""
    real = tokens.new.astype(bool)
    slots = np.zeros_like(tokens.ids)
    slots[real] = np.arange(real.sum())
    width, keys = tokens.ids.shape[1], tokens.seen.shape[1]
    past = np.arange(keys) <= np.arange(keys - width, keys)[:, None]
    visible = past & tokens.seen.astype(bool)[:, None, None, :]
    return {
        "input_ids": tokens.ids[real],
        "slots": slots,
        "places": np.flatnonzero(real),
        "position_ids": tokens.positions,
        "attention_bias": np.where(visible, np.float32(0), _UNSEEN),
    }


def open_graph(graph: Path, threads: int, device: Device) -> tuple[ort.InferenceSession, Device]:
    """A session, and its device: the CPU if the wanted one is not available.

    Raises ConfigError if the graph cannot be loaded.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes the core from the other steps of the request: reader, guard, facade.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Products with signed weights overflow without VNNI, so they are converted to unsigned ones.
    # Only there: with AMX, ONNX Runtime would convert them too, and they would be slower.
    if not has_vnni():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3  # errors only, without the optimizer's warnings
    if device is not Device.CPU:
        wanted = _PROVIDERS[device]
        problem = f"this ONNX Runtime has no {wanted}"
        if wanted in ort.get_available_providers():
            try:
                session = ort.InferenceSession(
                    str(graph), options, providers=[wanted, _PROVIDERS[Device.CPU]]
                )
                if wanted in session.get_providers():
                    return session, device
                problem = f"{wanted} does not start"
            except Exception as error:  # a driver or a graph that it cannot take
                problem = str(error)
        _log.warning("computing on the CPU instead of %s: %s", device, problem)
    try:
        session = ort.InferenceSession(str(graph), options, providers=[_PROVIDERS[Device.CPU]])
    except Exception as error:  # ONNX Runtime's exceptions share no narrower public base
        raise ConfigError(graph, "(graph)", f"does not load: {error}") from error
    return session, Device.CPU
