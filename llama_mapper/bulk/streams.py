"""Files as streams: format and compression by name, and the progress of reading.

In: names, patterns, `-` for standard input. Out: readers of plain bytes, and compressed bytes. gzip
members and zstd frames may follow one another, so compressed parts are joined byte by byte.
"""

import csv
import glob
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

STDIN = "-"


class Kind(StrEnum):
    """A format of rows."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Packing(StrEnum):
    """A compression."""

    NONE = ""
    GZIP = ".gz"
    ZSTD = ".zst"


class UsageError(ValueError):
    """The arguments contradict each other or are wrong."""


class SourceError(Exception):
    """A file that cannot be read to its end."""


_KINDS = {
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".csv": Kind.CSV,
    ".parquet": Kind.PARQUET,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A file's name, with its format and compression."""

    name: str
    kind: Kind
    packing: Packing

    @classmethod
    def of(cls, name: str, kind: Kind | None = None) -> "Named":
        """kind: for a name without one. Raises UsageError."""
        packing = next((p for p in Packing if p and name.endswith(p)), Packing.NONE)
        known = _KINDS.get(Path(name.removesuffix(packing)).suffix.lower()) or kind
        if known is None:
            known_ones = ", ".join(_KINDS)
            raise UsageError(f"{name}: the name must end in one of {known_ones} (.gz, .zst)")
        if known is Kind.PARQUET and (packing or name == STDIN):
            raise UsageError(f"{name}: Parquet is compressed inside and needs a file")
        return cls(name, known, packing)

    @contextmanager
    def opened(self) -> Iterator[tuple[BinaryIO, "Meter"]]:
        """Plain bytes, and the progress in the file. Raises SourceError for a damaged file."""
        if self.name == STDIN:
            yield sys.stdin.buffer, Meter(None)
            return
        with open(self.name, "rb") as file:
            try:
                yield _unpacked(file, self.packing), Meter(file)
            except _damages(self.packing) as error:
                raise SourceError(f"{self.name} is damaged: {error}") from error

    def packed(self, data: bytes) -> bytes:
        """Compress data to bytes of the file."""
        if self.packing is Packing.GZIP:
            return gzip.compress(data, 6, mtime=0)
        if self.packing is Packing.ZSTD:
            import zstandard

            return zstandard.ZstdCompressor().compress(data)
        return data


class Meter:
    """Bytes of a file that were read; 0 of standard input."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file

    def read_bytes(self) -> int:
        """The number so far."""
        return 0 if self._file is None else self._file.tell()


def sources(pattern: str, kind: Kind | None) -> list[Named]:
    """The files that a pattern names, in order of their names. Raises UsageError."""
    if pattern == STDIN:
        return [Named.of(STDIN, kind)]
    names = [pattern] if Path(pattern).is_file() else sorted(glob.glob(pattern, recursive=True))
    found = [Named.of(name, kind) for name in names if Path(name).is_file()]
    if not found:
        raise UsageError(f"{pattern}: no such file")
    if len({one.kind for one in found}) > 1:
        raise UsageError(f"{pattern}: names files of several formats")
    return found


def _damages(packing: Packing) -> tuple[type[Exception], ...]:
    """The errors that reading a damaged file raises."""
    if packing is Packing.ZSTD:
        import zstandard

        return (zstandard.ZstdError,)
    return (EOFError, zlib.error, gzip.BadGzipFile)


def _unpacked(file: BinaryIO, packing: Packing) -> BinaryIO:
    if packing is Packing.GZIP:
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file)))
    if packing is Packing.ZSTD:
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader), 1 << 20))
    return file


def csv_rows(reader: Any) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """The rows that a `csv.reader` has left, each with the number of its first line, from 1. A row
    that is not CSV is its error."""
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, error
