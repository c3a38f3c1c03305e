"""The inputs of evidence: files of `mapper batch` and `mapper bulk`, of engines and the event sink.

In: names as `mapper bulk` takes them, or folders of Parquet. Out: answers and rejected lines.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from llama_mapper.bulk.streams import Kind, Named, sources
from llama_mapper.evidence.answers import Answer, Rejected, read_answers, read_rows
from llama_mapper.evidence.rows import LABELS, MappedRows
from llama_mapper.evidence.sink import parquet_lines
from llama_mapper.evidence.tables import csv_rows, parquet_columns, parquet_rows


def find_inputs(names: Iterable[str]) -> list[Named]:
    """The files of names, of patterns and below folders, in order; a name without a known ending
    is JSON Lines. Raises UsageError for what does not exist."""
    return [one for name in names for one in _find(name)]


def read_inputs(inputs: Iterable[Named], rows: MappedRows) -> Iterator[Answer | Rejected]:
    """Everything in the files.

    Raises OSError, SourceError or ValueError for an unreadable file, ModuleNotFoundError without
    the package that a format needs.
    """
    for one in inputs:
        if one.kind is Kind.PARQUET:
            yield from _parquet(Path(one.name), rows)
            continue
        with one.opened() as (stream, _):
            if one.kind is Kind.CSV:
                yield from read_rows(csv_rows(stream), rows.event)
            else:
                yield from read_answers(stream, rows.event)


def _find(name: str) -> list[Named]:
    if Path(name).is_dir():
        return [Named.of(str(path)) for path in sorted(Path(name).rglob("*.parquet"))]
    return sources(name, Kind.JSONL)


def _parquet(path: Path, rows: MappedRows) -> Iterator[Answer | Rejected]:
    """Rows of bulk or an engine; else events of the sink."""
    if LABELS in parquet_columns(path):
        return read_rows(parquet_rows(path, rows.fields), rows.event)
    return read_answers(parquet_lines(path))
