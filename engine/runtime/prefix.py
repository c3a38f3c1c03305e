"""The file that holds the fixed prompt prefix as keys and values.

In: the prefix's token ids and its cache, from the float graph at export. Out: the same at load,
for these ids only. A quantised graph would compute them in eight bits, and the first token of a
text has so large values that the error would affect every later token.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schemas.config.errors import ConfigError

Floats = npt.NDArray[np.float32]


def write_prefix(file: Path, ids: Sequence[int], cache: Sequence[Floats]) -> None:
    """cache: 2 x layers of [1, kv_heads, len(ids), head_dim]."""
    np.savez(file, ids=np.asarray(ids, np.int64), cache=np.concatenate(cache))


def read_prefix(file: Path, ids: Sequence[int], shape: tuple[int, int, int]) -> list[Floats] | None:
    """The cache; None if the file is of another prefix than `ids`.

    shape: 2 x layers, kv_heads, head_dim. Raises ConfigError if the file has another content.
    """
    try:
        with np.load(file) as stored:
            found, cache = stored["ids"], stored["cache"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(file, "(arrays)", f"does not load: {error}") from error
    if found.tolist() != list(ids):
        return None
    parts, heads, width = shape
    expected = (parts, heads, len(ids), width)
    if cache.shape != expected or cache.dtype != np.float32:
        raise ConfigError(
            file, "cache", f"{cache.dtype}{list(cache.shape)} instead of float32{list(expected)}"
        )
    return list(cache[:, None])
