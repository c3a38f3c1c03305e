"""The rows being answered together: what each has read, as keys and values.

In: the tokens that each row adds. Out: the state after each of them, and one pass's tensors for
whoever runs the graph. A graph takes its rows in one of two layouts, which this module hides:

packed   all rows one after another as one sequence. A bias says which key belongs to which row,
         the prefix belongs to all, and nothing is padded.
padded   [rows, width] with padding on the right, as optimum exports it; versions published
         before the packed layout are served so.

Tokens that turn out wrong stay in the cache as holes that no later token sees, and positions are
counted without them.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_C = TypeVar("_C")  # the cache, 2 x layers of [rows or 1, kv_heads, keys, head_dim]

_UNSEEN = np.float32(-1e9)
_SHARED, _HOLE = -1, -2


class Batch(Protocol[_C]):
    """One list of rows from their first pass to their last."""

    cache: _C

    def feed(self, tokens: Sequence[Sequence[int]], *, keep: bool = True) -> list[Floats]:
        """Let each row read its tokens, at least one, in one pass; [tokens, hidden] for each row.

        keep=False: no further pass will follow, so the cache is not fetched.
        """
        ...

    def take_back(self, row: int, count: int) -> None:
        """Make a row forget the last `count` tokens of its last feed."""
        ...

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Go on with these rows only; their numbers ascend."""
        ...


class Graph(Protocol[_C]):
    """What a batch needs of a session."""

    def run_packed(
        self, ids: Ints, positions: Ints, bias: Floats, cache: _C, *, keep: bool
    ) -> tuple[Floats, _C]:
        """ids, positions [S]; bias [S, P + S]. Returns [S, hidden] and, if `keep`, the cache."""
        ...

    def run_padded(
        self, ids: Ints, mask: Ints, positions: Ints, cache: _C, *, keep: bool
    ) -> tuple[Floats, _C]:
        """ids, positions [B, T]; mask [B, P + T]. Returns [B, T, hidden] and the cache."""
        ...

    def pick(self, cache: _C, indices: Ints, axis: int) -> _C:
        """The cache with these rows (axis 0) or keys (axis 2) only."""
        ...


class PackedBatch(Generic[_C]):
    """All rows as one sequence."""

    def __init__(self, graph: Graph[_C], cache: _C, rows: int, prefix: int) -> None:
        """cache: of the prefix's `prefix` tokens."""
        self._graph = graph
        self.cache = cache
        self._owner = np.full(prefix, _SHARED)  # of each key in the cache: a row, all, or none
        self._read = np.full(rows, prefix)

    def feed(self, tokens: Sequence[Sequence[int]], *, keep: bool = True) -> list[Floats]:
        lengths = np.array([len(row) for row in tokens])
        owner = np.repeat(np.arange(len(tokens)), lengths)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        order = np.arange(len(owner))
        positions = np.repeat(self._read, lengths) + order - starts
        mine = owner[:, None]
        past = (self._owner == _SHARED) | (self._owner == mine)
        new = (owner == mine) & (order <= order[:, None])
        seen = np.concatenate([past, new], axis=1)
        bias = np.where(seen, np.float32(0), _UNSEEN)
        ids = np.array([token for row in tokens for token in row], np.int64)
        hidden, self.cache = self._graph.run_packed(ids, positions, bias, self.cache, keep=keep)
        self._owner = np.concatenate([self._owner, owner])
        self._read = self._read + lengths
        return np.split(hidden, np.cumsum(lengths)[:-1])

    def take_back(self, row: int, count: int) -> None:
        self._owner[np.flatnonzero(self._owner == row)[-count:]] = _HOLE
        self._read[row] -= count

    def keep_rows(self, rows: Sequence[int]) -> None:
        if len(rows) == len(self._read):
            return
        numbers = np.full(len(self._read), _HOLE)
        numbers[list(rows)] = np.arange(len(rows))
        owner = np.where(self._owner < 0, self._owner, numbers[self._owner])
        kept = np.flatnonzero(owner != _HOLE)
        self.cache = self._graph.pick(self.cache, kept, axis=2)
        self._owner, self._read = owner[kept], self._read[list(rows)]


class PaddedBatch(Generic[_C]):
    """A row of the graph for each row. Keys of padding are holes like tokens taken back."""

    def __init__(self, graph: Graph[_C], cache: _C, rows: int, prefix: int) -> None:
        """cache: of the prefix's `prefix` tokens, one row."""
        self._graph = graph
        self.cache = graph.pick(cache, np.zeros(rows, np.int64), axis=0)
        self._mask = np.ones((rows, prefix), np.int64)
        self._fed: Sequence[Sequence[int]] = ()

    def feed(self, tokens: Sequence[Sequence[int]], *, keep: bool = True) -> list[Floats]:
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
        hidden, self.cache = self._graph.run_padded(
            ids, self._mask, positions, self.cache, keep=keep
        )
        return [hidden[i, : len(row)] for i, row in enumerate(tokens)]

    def take_back(self, row: int, count: int) -> None:
        end = self._mask.shape[1] - max(len(tokens) for tokens in self._fed) + len(self._fed[row])
        self._mask[row, end - count : end] = 0

    def keep_rows(self, rows: Sequence[int]) -> None:
        if len(rows) < len(self._mask):
            self._mask = self._mask[list(rows)]
            self._fed = [self._fed[row] for row in rows] if self._fed else ()
            self.cache = self._graph.pick(self.cache, np.asarray(rows, np.int64), axis=0)
