"""The rows of a batch: JSON Lines or CSV in, the same with answers out.

In: a binary stream, read as its lines arrive. Out: a `Row` for each, a bad one with its problem,
and the text of its answer. Independent of the service.
"""

import csv
import difflib
import io
import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from llama_mapper import ItemError, MappedEvent, MapRequest
from llama_mapper.bulk.streams import csv_rows
from llama_mapper.cli.show import as_line

KNOWN = tuple(own.name for own in fields(MapRequest))
_NEEDED = ("detector", "output")
_ADDED = ("line", "taxonomy", "confidence", "source", "fallback_reason", "error_code", "message")
# Similarity of a misspelt name: `treshold` has it, another name such as `tenant` has not.
_NEAR = 0.85
_NOT_UTF8 = "the line is not UTF-8"
_READ_BYTES = 64 * 1024


class Readable(Protocol):
    """A stream that returns available bytes without waiting for more."""

    def read1(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


class HeaderError(Exception):
    """A CSV whose first line cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the input. line: its first, from 1. request: None when there is a problem.

    extra: its other fields. cells: the unchanged cells of CSV.
    """

    line: int
    request: MapRequest | None
    problem: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    cells: tuple[str, ...] = ()


class Lines:
    """The lines of a stream. drained: no complete line is available now.

    Bytes that are not UTF-8 become lone surrogates.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.drained = True

    def __iter__(self) -> Iterator[str]:
        rest, start = b"", "\ufeff"
        while chunk := self._stream.read1(_READ_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for place, raw in enumerate(whole, 1):
                self.drained = place == len(whole)
                yield _decoded(raw).removeprefix(start) + "\n"
                start = ""
        self.drained = True
        if rest:
            yield _decoded(rest).removeprefix(start)


class Rows(Protocol):
    """A format."""

    def read(self, lines: Lines) -> Iterator[Row]:
        """The rows. Raises HeaderError."""
        ...

    def answer(self, row: Row, outcome: MappedEvent | ItemError) -> str:
        """The text of a row's answer, with its line end."""
        ...


class JsonLines:
    """One object per line, with the fields of a `MapRequest`; other fields are kept as `row`."""

    def read(self, lines: Lines) -> Iterator[Row]:
        """The rows; empty lines are skipped."""
        for number, text in enumerate(lines, 1):
            if text.strip():
                yield self._row(number, text)

    def answer(self, row: Row, outcome: MappedEvent | ItemError) -> str:
        """A line: the line's number, the other fields, and the answer or `error`."""
        return json_answer(row, outcome)

    def _row(self, number: int, text: str) -> Row:
        if _is_broken(text):
            return Row(number, None, _NOT_UTF8)
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            return Row(number, None, f"the line is not JSON: {error}")
        if not isinstance(values, dict):
            return Row(number, None, "the line is not a JSON object")
        extra = {name: value for name, value in values.items() if name not in KNOWN}
        problem = _unclear(extra, values) or _missing(values)
        if problem:
            return Row(number, None, problem, extra)
        return Row(number, MapRequest(**{k: values[k] for k in KNOWN if k in values}), "", extra)


class Csv:
    """A line of column names, then rows; the answer adds columns. An empty cell is an absent value,
    except for `output`; `metadata` is a JSON object.

    as_json: answers are JSON Lines, with the other columns as `row`.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._heads: list[str] = []
        self._header_due = not as_json

    def read(self, lines: Lines) -> Iterator[Row]:
        """The rows. Raises HeaderError when the first line lacks a column."""
        reader = csv.reader(lines)
        self._heads = next(reader, [])
        self._check_heads()
        for number, cells in csv_rows(reader):
            if isinstance(cells, csv.Error):
                yield Row(number, None, f"the row is not CSV: {cells}")
            elif cells:
                yield self._row(number, cells)

    def answer(self, row: Row, outcome: MappedEvent | ItemError) -> str:
        """The row with the added columns; before the first one, their names."""
        if self._as_json:
            return json_answer(row, outcome)
        head = _csv_line([*self._heads, *_ADDED]) if self._header_due else ""
        self._header_due = False
        cells = [*row.cells, *[""] * (len(self._heads) - len(row.cells))][: len(self._heads)]
        if isinstance(outcome, ItemError):
            return head + _csv_line(
                [*cells, row.line, "", "", "", "", outcome.error_code, outcome.message]
            )
        labels, reason = "|".join(outcome.taxonomy), outcome.fallback_reason or ""
        added = (row.line, labels, outcome.confidence, outcome.source, reason, "", "")
        return head + _csv_line([*cells, *added])

    def _check_heads(self) -> None:
        heads = self._heads
        problem = _missing(dict.fromkeys(heads)) or _unclear(dict.fromkeys(heads), heads)
        if len(set(heads)) < len(heads):
            problem = "a name is listed twice"
        if not self._as_json and (twice := [head for head in heads if head in _ADDED]):
            problem = f"{twice[0]!r} is a column of the answer: rename it, or use --json"
        if problem:
            raise HeaderError(f"line 1 does not name the columns: {problem}")

    def _row(self, number: int, cells: list[str]) -> Row:
        values = dict(zip(self._heads, cells, strict=False))
        extra = {name: value for name, value in values.items() if name not in KNOWN}
        if any(map(_is_broken, cells)):
            return Row(number, None, _NOT_UTF8, {}, ())
        if len(cells) != len(self._heads):
            problem = f"the row has {len(cells)} cells, line 1 has {len(self._heads)}"
            return Row(number, None, problem, extra, tuple(cells))
        given: dict[str, Any] = {
            name: values[name] for name in KNOWN if values.get(name) or name in _NEEDED
        }
        try:
            if "threshold" in given:
                given["threshold"] = float(given["threshold"])
            if "metadata" in given:
                given["metadata"] = json.loads(given["metadata"])
        except (ValueError, RecursionError) as error:
            return Row(number, None, f"threshold or metadata: {error}", extra, tuple(cells))
        return Row(number, MapRequest(**given), "", extra, tuple(cells))


def json_answer(row: Row, outcome: MappedEvent | ItemError) -> str:
    """A line: the row's number, its other fields as `row`, and the answer or `error`."""
    answer: dict[str, Any] = {"line": row.line} | ({"row": row.extra} if row.extra else {})
    if isinstance(outcome, MappedEvent):
        answer |= outcome.raw
    else:
        answer["error"] = {
            "error_code": outcome.error_code,
            "message": outcome.message,
            "retryable": outcome.retryable,
        }
    return as_line(answer) + "\n"


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _is_broken(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def _missing(values: Mapping[str, Any]) -> str:
    lacking = [name for name in _NEEDED if name not in values]
    return f"{lacking[0]!r} is missing" if lacking else ""


def _unclear(extra: Mapping[str, Any], given: Container[str]) -> str:
    """An unknown name that resembles a missing known one; it would be ignored."""
    for name in extra:
        near = difflib.get_close_matches(name, [k for k in KNOWN if k not in given], 1, _NEAR)
        if near and name not in KNOWN:
            return f"{name!r} is not known; did you mean {near[0]!r}?"
    return ""


def _csv_line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
