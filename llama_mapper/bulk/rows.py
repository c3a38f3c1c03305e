"""Rows of JSON Lines and CSV, in blocks. A row keeps its text; the answer is added to it.

In: sources. Out: blocks with their pairs, which are written when the pairs have answers.
"""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from llama_mapper.bulk.columns import ADDED, WHOLE, Columns, cells_of
from llama_mapper.bulk.pairs import Answer, Answers, Pair
from llama_mapper.bulk.streams import Named, UsageError, csv_rows

#: The number of rows per period and pair.
Counts = Counter[tuple[str, Pair]]
Bad = dict[str, Any]

_BLOCK_ROWS = 100_000
#: A block ends with the row that reaches this size, so that wide rows cost no more memory.
BLOCK_BYTES = 32_000_000
#: Of a cell besides its text.
_CELL_BYTES = 64


class BadRowError(Exception):
    """A row that cannot be sent."""


class Block(Protocol):
    """Rows that are read, mapped and written together. number: from 0, over all sources."""

    number: int

    def read(self) -> tuple[Counts, list[Bad]]:
        """The pairs, and the rows without one."""
        ...

    def write(self, part: Path, answers: Answers) -> tuple[int, list[Bad]]:
        """Write the rows with their answers; returns their number, and the rows without one."""
        ...

    def progress(self) -> int:
        """Bytes of the sources that were read when the block was complete."""
        ...


class Format(Protocol):
    """A format of rows: splitting and writing. `split` yields raw rows."""

    def split(self, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
        """Line numbers and raw rows of a source. Raises UsageError."""
        ...

    def size(self, raw: Any) -> int:
        """The memory of a raw row, about; in bytes."""
        ...

    def read(self, raw: Any) -> tuple[str, Pair]:
        """Period and pair. Raises BadRowError."""
        ...

    def render(self, raw: Any, answer: Answer) -> str:
        """The row with its answer."""
        ...

    def head(self) -> str:
        """The text before the first row."""
        ...

    def shown(self, raw: Any) -> Any:
        """A bad row as JSON."""
        ...


class JsonRows:
    """One object per line; the answer is its field `mapped`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def split(self, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
        """Lines that are not blank."""
        for number, raw in enumerate(stream, 1):
            if not raw.isspace():
                yield number, raw

    def size(self, raw: Any) -> int:
        """The bytes of the line."""
        return len(raw)

    def read(self, raw: Any) -> tuple[str, Pair]:
        """Raises BadRowError."""
        columns = self._columns
        try:
            values = json.loads(_text(raw))
            detector = columns.constant or values[columns.detector]
            output = values if columns.output == WHOLE else values[columns.output]
            period = columns.period(values.get(columns.time))
        except KeyError as error:
            raise BadRowError(f"{error} is missing") from None
        except (ValueError, RecursionError) as error:
            raise BadRowError(f"the line is not JSON: {error}") from None
        except (TypeError, AttributeError):
            raise BadRowError("the line is not a JSON object") from None
        if not isinstance(detector, str):
            raise BadRowError(f"{columns.detector!r} is not a text")
        if isinstance(output, str):
            return period, (detector, output, True)
        return period, (detector, json.dumps(output, ensure_ascii=False), False)

    def render(self, raw: Any, answer: Answer) -> str:
        """The unchanged line with one more field."""
        text = _text(raw).strip()
        if '"mapped"' in text and "mapped" in (values := json.loads(text)):
            return json.dumps(values | {"mapped": answer.event}) + "\n"
        return f'{text[:-1].rstrip()}, "mapped": {answer.text}}}\n'

    def head(self) -> str:
        """Nothing."""
        return ""

    def shown(self, raw: Any) -> Any:
        """Its text."""
        return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")


class CsvRows:
    """Column names, then rows; the answer is in added columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._heads: list[str] = []
        self._places: tuple[int | None, int, int | None] = (None, 0, None)

    def split(self, stream: BinaryIO) -> Iterator[tuple[int, Any]]:
        """Rows; all sources have the same columns."""
        text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
        reader = csv.reader(text)
        heads = next(reader, [])
        if self._heads and heads != self._heads:
            raise UsageError(f"the columns differ between files: {self._heads} and {heads}")
        self._heads, self._places = heads, self._columns.places(heads)
        for number, cells in csv_rows(reader):
            if isinstance(cells, csv.Error):
                yield number, str(cells)
            elif cells:
                yield number, cells
        text.detach()

    def size(self, raw: Any) -> int:
        """The characters of the cells, and what each cell needs besides."""
        return sum(map(len, raw)) + _CELL_BYTES * len(raw)

    def read(self, raw: Any) -> tuple[str, Pair]:
        """Raises BadRowError."""
        if isinstance(raw, str):
            raise BadRowError(f"the row is not CSV: {raw}")
        if len(raw) != len(self._heads):
            raise BadRowError(f"the row has {len(raw)} cells, line 1 has {len(self._heads)}")
        detector, output, time = self._places
        name = self._columns.constant if detector is None else raw[detector]
        period = self._columns.period("" if time is None else raw[time])
        return period, (name, raw[output], True)

    def render(self, raw: Any, answer: Answer) -> str:
        """The row and the added cells."""
        return _csv_line([*raw, *cells_of(answer.event or {})])

    def head(self) -> str:
        """The names of all columns."""
        return _csv_line([*self._heads, *ADDED])

    def shown(self, raw: Any) -> Any:
        """Its cells."""
        return raw


@dataclass(slots=True)
class TextBlock:
    """Rows of JSON Lines or CSV: file, line, raw row."""

    number: int
    rows: list[tuple[str, int, Any]]
    format: Format
    target: Named
    read_bytes: int
    good: list[tuple[tuple[str, int, Any], Pair]] = field(default_factory=list)

    def read(self) -> tuple[Counts, list[Bad]]:
        """See `Block`."""
        counts: Counts = Counter()
        bad: list[Bad] = []
        for row in self.rows:
            try:
                found = self.format.read(row[2])
                if found not in counts:
                    "".join(found[1][:2]).encode()
            except UnicodeEncodeError:
                bad.append(self._bad(row, "the row is not UTF-8"))
            except BadRowError as error:
                bad.append(self._bad(row, str(error)))
            else:
                counts[found] += 1
                self.good.append((row, found[1]))
        return counts, bad

    def write(self, part: Path, answers: Answers) -> tuple[int, list[Bad]]:
        """See `Block`."""
        lines: list[bytes] = [_encoded(self.format.head())] if self.number == 0 else []
        bad: list[Bad] = []
        for row, pair in self.good:
            answer = answers[pair]
            if answer.event is None:
                bad.append(self._bad(row, answer.problem))
            else:
                lines.append(_encoded(self.format.render(row[2], answer)))
        part.write_bytes(self.target.packed(b"".join(lines)))
        return len(self.good) - len(bad), bad

    def progress(self) -> int:
        """See `Block`."""
        return self.read_bytes

    def _bad(self, row: tuple[str, int, Any], reason: str) -> Bad:
        file, line, raw = row
        return {"file": file, "line": line, "reason": reason, "row": self.format.shown(raw)}


def text_blocks(
    sources: Sequence[Named], format_: Format, target: Named, size: int = _BLOCK_ROWS
) -> Iterator[TextBlock]:
    """All rows in blocks, the same ones each time: a block ends at `size` rows or at BLOCK_BYTES.

    Raises UsageError.
    """
    number, before, block_bytes = 0, 0, 0
    rows: list[tuple[str, int, Any]] = []
    for source in sources:
        with source.opened() as (stream, meter):
            for line, raw in format_.split(stream):
                rows.append((source.name, line, raw))
                block_bytes += format_.size(raw)
                if len(rows) == size or block_bytes >= BLOCK_BYTES:
                    yield TextBlock(number, rows, format_, target, before + meter.read_bytes())
                    number, rows, block_bytes = number + 1, [], 0
            before += meter.read_bytes()
    if rows or number == 0:
        yield TextBlock(number, rows, format_, target, before)


def _text(raw: bytes) -> str:
    """A line without a byte order mark. Decoded here, since `json` would detect the encoding of
    every line."""
    return raw.decode("utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _csv_line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
