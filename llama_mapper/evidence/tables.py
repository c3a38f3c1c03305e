"""Rows of CSV and Parquet that `mapper bulk` or an engine wrote.

In: files. Out: each row's number, from 1 in its file, and its cells by column; or why it has none.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from llama_mapper.bulk.streams import csv_rows as rows_of_csv
from llama_mapper.evidence.answers import UnusableError

Row = tuple[int, Mapping[str, Any] | UnusableError]

#: Rows of Parquet in memory.
_ROWS: Final = 50_000


def csv_rows(stream: BinaryIO) -> Iterator[Row]:
    """Rows below the line of column names; numbers are those of lines."""
    text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
    reader = csv.reader(text)
    heads = next(reader, [])
    for number, cells in rows_of_csv(reader):
        if isinstance(cells, csv.Error):
            yield number, UnusableError(f"is not CSV: {cells}")
        elif len(cells) == len(heads):
            yield number, dict(zip(heads, cells, strict=True))
        elif cells:
            yield number, UnusableError(f"has {len(cells)} cells, line 1 has {len(heads)}")
    text.detach()


def parquet_columns(path: Path) -> list[str]:
    """The names of a file's columns.

    Raises ValueError for a file of another format, ModuleNotFoundError without polars.
    """
    import polars as pl

    try:
        return list(pl.read_parquet_schema(path))
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path}: is not Parquet ({type(error).__name__})") from None


def parquet_rows(path: Path, wanted: Collection[str]) -> Iterator[Row]:
    """Rows with those of the wanted columns that the file has. Raises ValueError if damaged."""
    import polars as pl

    frame = pl.scan_parquet(path, glob=False)
    frame = frame.select([name for name in parquet_columns(path) if name in wanted])
    try:
        number = 0
        while len(block := frame.slice(number, _ROWS).collect()):
            yield from enumerate(block.iter_rows(named=True), number + 1)
            number += len(block)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path}: is damaged ({type(error).__name__})") from None
