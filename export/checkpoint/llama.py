"""The parts of a decoder's graph: its sizes, its rotary angles and its weights.

In: numbers. Out: `Decoder` and `Weights`, from which `export.onnx.fuse` builds a graph. Their
source is a graph that optimum exported, or a GGUF file and an adapter.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

POSITIONS = 4096
"""The most positions of a graph, which contains the angles of each."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """The sizes of a graph besides its weights. `cos`, `sin`: [positions, head_dim / 2]."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    epsilon: float
    cos: Floats
    sin: Floats


class Weights(Protocol):
    """A decoder's weights by module (`model.layers.3.mlp.up_proj`)."""

    def embedding(self) -> Floats:
        """[vocabulary, hidden]"""
        ...

    def norm(self, module: str) -> Floats:
        """[hidden]"""
        ...

    def product(self, module: str) -> Floats:
        """[in, out]"""
        ...

    def bias(self, module: str) -> Floats | None:
        """[out], or None without a bias."""
        ...


def rotary_angles(base: float, head_dim: int, positions: int) -> tuple[Floats, Floats]:
    """Cosines and sines [positions, head_dim / 2] of plain rotary positions.

    Only frequencies and angles are rounded to single precision, as in torch.
    """
    powers = np.arange(0, head_dim, 2, dtype=np.float64) / head_dim
    frequencies = (base**-powers).astype(np.float32)
    turned = np.arange(positions, dtype=np.float32)[:, None] * frequencies
    angles = turned.astype(np.float64)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
