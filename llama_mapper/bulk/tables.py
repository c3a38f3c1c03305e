"""Rows of Parquet, in blocks, by Polars.

In: files. Out: blocks as in `rows.Block`. An output is a text, or a struct that is sent as JSON.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from llama_mapper.bulk.columns import ADDED, Columns, values_of
from llama_mapper.bulk.pairs import Answers
from llama_mapper.bulk.rows import BLOCK_BYTES, Bad, Counts
from llama_mapper.bulk.streams import Named, SourceError, UsageError

_BLOCK_ROWS = 250_000
#: Rows whose size is measured at once: the first ones of a block, and at most.
_MEASURED_ROWS, _MOST_MEASURED_ROWS = 64, 16_384
_DETECTOR, _OUTPUT, _PERIOD, _ROW = "__detector", "__output", "__period", "__row"


@dataclass(slots=True)
class TableBlock:
    """Rows of one file from `offset`."""

    number: int
    source: Named
    offset: int
    rows: int
    columns: Columns
    read_bytes: int

    def read(self) -> tuple[Counts, list[Bad]]:
        """See `rows.Block`."""
        frame, is_text = self._frame()
        good = frame.filter(pl.col(_DETECTOR).is_not_null() & pl.col(_OUTPUT).is_not_null())
        bad = frame.join(good.select(_ROW), on=_ROW, how="anti")
        grouped = good.group_by(_PERIOD, _DETECTOR, _OUTPUT).len()
        counts: Counts = Counter()
        for period, detector, output, count in grouped.iter_rows():
            counts[period, (detector, output, is_text)] = count
        return counts, self._bad(bad, "detector or output is null")

    def write(self, part: Path, answers: Answers) -> tuple[int, list[Bad]]:
        """See `rows.Block`."""
        frame, is_text = self._frame()
        keys = frame.select(_DETECTOR, _OUTPUT).drop_nulls().unique()
        found = [(d, o, answers[d, o, is_text]) for d, o in keys.iter_rows()]
        events = [(d, o, *values_of(a.event)) for d, o, a in found if a.event is not None]
        known = pl.DataFrame(events, schema=_schema(), orient="row")
        mapped = frame.join(known, on=[_DETECTOR, _OUTPUT], how="inner", maintain_order="left")
        mapped.drop(_DETECTOR, _OUTPUT, _PERIOD, _ROW).write_parquet(part)
        problems = {(d, o): a.problem for d, o, a in found if a.event is None}
        bad = [
            one
            for (d, o), problem in problems.items()
            for one in self._bad(
                frame.filter((pl.col(_DETECTOR) == d) & (pl.col(_OUTPUT) == o)), problem
            )
        ]
        return mapped.height, bad

    def progress(self) -> int:
        """See `rows.Block`."""
        return self.read_bytes

    def _frame(self) -> tuple[pl.DataFrame, bool]:
        """The rows with their keys, and whether outputs are texts."""
        columns = self.columns
        frame = pl.scan_parquet(self.source.name).slice(self.offset, self.rows).collect()
        columns.places(frame.columns)
        output, dtype = pl.col(columns.output), frame.schema[columns.output]
        if isinstance(dtype, pl.Struct):
            output = output.struct.json_encode()
        elif dtype != pl.String:
            raise UsageError(f"{columns.output!r} is {dtype}: make it a text or a struct")
        detector = pl.lit(columns.constant) if columns.constant else pl.col(columns.detector)
        period = pl.lit("")
        if columns.time:
            text = pl.col(columns.time).cast(pl.String).str.slice(0, columns.period_chars)
            period = text.fill_null("")
        return (
            frame.with_columns(
                detector.cast(pl.String).alias(_DETECTOR),
                output.alias(_OUTPUT),
                period.alias(_PERIOD),
            ).with_row_index(_ROW, self.offset + 1),
            dtype == pl.String,
        )

    def _bad(self, frame: pl.DataFrame, reason: str) -> list[Bad]:
        rows = frame.drop(_DETECTOR, _OUTPUT, _PERIOD).iter_rows(named=True)
        return [
            {
                "file": self.source.name,
                "line": row.pop(_ROW),
                "reason": reason,
                "row": json.loads(json.dumps(row, default=str)),
            }
            for row in rows
        ]


def table_blocks(
    sources: Sequence[Named], columns: Columns, size: int = _BLOCK_ROWS
) -> Iterator[TableBlock]:
    """All rows in blocks, the same ones each time: a block ends at `size` rows or at BLOCK_BYTES.

    Raises SourceError.
    """
    number, before = 0, 0
    for source in sources:
        try:
            height = pl.scan_parquet(source.name).select(pl.len()).collect().item()
        except pl.exceptions.PolarsError as error:
            raise SourceError(f"{source.name} is not Parquet: {error}") from error
        length = Path(source.name).stat().st_size
        offset = 0
        while offset < height or offset == 0:
            rows = _fitting(pl.scan_parquet(source.name), offset, min(size, height - offset))
            read = before + length * (offset + rows) // max(height, 1)
            yield TableBlock(number, source, offset, rows, columns, read)
            number, offset = number + 1, offset + max(rows, 1)
        before += length


def _fitting(table: pl.LazyFrame, offset: int, most: int) -> int:
    """The rows from `offset` that a block has: at most `most`, at least one if there is one."""
    rows = block_bytes = 0
    while rows < most:
        measured = min(max(rows, _MEASURED_ROWS), _MOST_MEASURED_ROWS, most - rows)
        piece = table.slice(offset + rows, measured).collect()
        piece_bytes = int(piece.estimated_size())
        if block_bytes + piece_bytes > BLOCK_BYTES:
            return rows or max(1, piece.height * BLOCK_BYTES // piece_bytes)
        rows, block_bytes = rows + piece.height, block_bytes + piece_bytes
    return rows


def join_tables(parts: Sequence[Path], target: Path) -> None:
    """One file of all parts, whose row groups are about as large as the blocks."""
    size, rows, group_bytes = _BLOCK_ROWS, 0, 0
    for part in parts:
        frame = pl.read_parquet(part)
        rows, group_bytes = rows + frame.height, group_bytes + int(frame.estimated_size())
        if group_bytes > BLOCK_BYTES // 2:
            size, rows, group_bytes = min(size, max(rows, 1)), 0, 0
    pl.scan_parquet(list(parts)).sink_parquet(target, row_group_size=size)


def _schema() -> dict[str, pl.DataType]:
    added = (pl.List(pl.String), pl.Float64(), *(pl.String(),) * 3)
    keys = {_DETECTOR: pl.String(), _OUTPUT: pl.String()}
    return keys | dict(zip(ADDED, added, strict=True))
