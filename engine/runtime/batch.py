"""The rows of a batch with their cached keys and values.

In: the tokens that each row adds. Out: the state after each of them. Independent of graphs: a
runner gets a pass as `Pass`.

Rows have different lengths, so a pass leaves gaps on the right. Keys of gaps stay in the cache as
holes: the mask always excludes them, and positions are counted without them. Wrong tokens are
removed in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

Cache = TypeVar("Cache")


@dataclass(frozen=True, slots=True)
class Pass:
    """The tokens of one forward pass: B rows, at most T new tokens each, after P that are read."""

    ids: Ints  # [B, T]
    new: Ints  # [B, T], 1 for a token
    seen: Ints  # [B, P + T], 0 in holes and gaps
    positions: Ints  # [B, T], 0 in gaps


class Runner(Protocol[Cache]):
    """The session for a batch. A cache is 2 x layers of [B, kv_heads, P, head_dim]."""

    def run(self, tokens: Pass, cache: Cache, *, keep: bool) -> tuple[list[Floats], Cache]:
        """Each row's states [its tokens, hidden] and, if `keep`, the cache grown to P + T."""
        ...

    def pick(self, cache: Cache, rows: Sequence[int]) -> Cache:
        """The cache of these rows, which may repeat."""
        ...

    def slice_prefix(self, cache: Cache, keys: int) -> Cache:
        """The first row's first keys."""
        ...


class Batch(Generic[Cache]):
    """One list of rows from their first pass to their last."""

    def __init__(self, runner: Runner[Cache], cache: Cache, rows: int, read: int) -> None:
        """cache: of one row that has read `read` tokens, like all rows."""
        self._runner = runner
        self._seen = np.ones((rows, read), np.int64)
        self._last: Sequence[Sequence[int]] = ()
        self.cache = runner.pick(cache, [0] * rows) if rows > 1 else cache

    def forward(self, tokens: Sequence[Sequence[int]], *, keep: bool = True) -> list[Floats]:
        """Read the tokens of each row, at least one, in one pass; [tokens, hidden] per row.

        keep=False: no further pass will follow, so the cache is not fetched.
        """
        width = max(len(row) for row in tokens)
        ids = np.zeros((len(tokens), width), np.int64)
        new = np.zeros_like(ids)
        for i, row in enumerate(tokens):
            ids[i, : len(row)] = row
            new[i, : len(row)] = 1
        read = self._seen.sum(axis=1, keepdims=True)
        positions = (read + np.arange(width)) * new
        self._seen = np.concatenate([self._seen, new], axis=1)
        self._last = tokens
        states, self.cache = self._runner.run(
            Pass(ids, new, self._seen, positions), self.cache, keep=keep
        )
        return states

    def slice_prefix(self, read: int) -> Cache:
        """The cache of the first row after its first `read` tokens, without holes."""
        return self._runner.slice_prefix(self.cache, read)

    def mask_last(self, row: int, count: int) -> None:
        """Remove the last `count` tokens of a row's last feed."""
        end = self._seen.shape[1] - max(len(tokens) for tokens in self._last) + len(self._last[row])
        self._seen[row, end - count : end] = 0

    def keep_rows(self, rows: Sequence[int]) -> None:
        """Continue with these rows only; their numbers ascend."""
        if len(rows) < len(self._seen):
            self._seen = self._seen[list(rows)]
            self._last = [self._last[row] for row in rows] if self._last else ()
            self.cache = self._runner.pick(self.cache, rows)
