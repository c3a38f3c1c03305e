"""One record per line: logfmt, INI, CSV, printed spans.

In: a text. Out: parts in order (records and the text between them), or None. Every line is read
once.
"""

import csv
import re
from dataclasses import dataclass
from typing import Final

from fallback.reading.decode.literal import scanner
from fallback.reading.decode.literal.scalars import is_number, scalar, to_record, unescaped
from fallback.reading.decode.literal.scanner import Literal
from fallback.reading.decode.literal.steps import Steps

Parts = list[object]

_LONGEST_PREFIX: Final = 200
_STEPS_A_PAIR: Final = 2
_KEY = re.compile(r"[A-Za-z_@$#][\w.\-/@$]{0,80}+(?: ?=)")
_GAP = re.compile(r"[ \t,;|&]*+")
_BARE = re.compile(r"[^\s;,\"']*+(?:,(?![A-Za-z_][\w.\-/]{0,80}+=)[^\s;,\"']++)*+")
_VALUE_ENDS = frozenset([*" \t\n,;|&)", ""])
#: Column names that make a first line a header.
_COLUMN_NAMES = (
    "action attribute categories category class code confidence content count decision description "
    "detector end entity entity_type file filename finding flagged grade id index input label "
    "labels level line likelihood line_number match message model name offset output path policy "
    "probability prompt reason result risk rule rule_id score severity snippet source start status "
    "text threshold time timestamp type value verdict word scanner is_valid valid passed "
    "risk_score detected guardrail check"
)
_COLUMNS = frozenset(_COLUMN_NAMES.split())
#: Signs of a line under a header.
_RULE: Final = "-=+:| \t"
_GAP_OF_BLANKS: Final = "  "
_LONGEST_COLUMN: Final = 40


def logfmt(text: str, steps: Steps) -> tuple[Parts, bool] | None:
    """Lines of two or more `key=value` pairs, each after an optional prefix; whether closed."""
    reader = _Pairs(text, steps)
    parts: Parts = []
    found, rows, at, closed = 0, 0, 0, True
    while at < len(text):
        line = reader.line(at)
        if line is None or len(line.fields) < 2:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            bare = text[at:end].strip()
            rows += bool(bare)
            parts += [bare] if bare else []
        else:
            rows += 1
            found += 1
            name = line.prefix.removesuffix("(").strip()
            if (
                name != line.prefix and text[line.end - 1 : line.end] == ")"
            ):  # `hate (score=0.9, n=2)`
                key, last = line.fields[-1]
                last = scalar(last[:-1]) if isinstance(last, str) else last
                line.fields = [("label", name), *line.fields[:-1], (key, last)]
            else:
                parts += [line.prefix] if line.prefix else []
            parts.append(to_record(line.fields))
            end, closed = line.end, line.closed
        if rows > 8 and 3 * found < rows:
            return None
        at = end + 1
    return (parts, closed) if found and 3 * found >= 2 * rows else None


def ini(text: str, steps: Steps) -> Parts | None:
    """Lines of one `key = value` pair, under optional `[section]` lines; two pairs or more."""
    sections: list[tuple[str, object]] = []
    fields: list[tuple[str, object]] = []
    top, count = fields, 0
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]") and bare[1:-1].strip():
            fields = []
            sections.append((bare[1:-1].strip(), fields))
        elif bare:
            pair = _KEY.match(bare)
            if pair is None or "=" not in bare:
                return None
            count += 1
            value = bare[pair.end() :].strip()
            quoted = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
            fields.append((pair[0][:-1].rstrip(), value[1:-1] if quoted else scalar(value)))
    if count < 2:
        return None
    named = [(name, to_record(inner)) for name, inner in sections if isinstance(inner, list)]
    return [to_record([*top, *named])]


@dataclass(slots=True)
class _Line:
    """A line of pairs: the text before them, the index after it, whether its quotes are closed."""

    prefix: str
    fields: list[tuple[str, object]]
    end: int
    closed: bool


class _Pairs:
    """Reads lines of `key=value` pairs and nothing else; a quotation may span lines."""

    def __init__(self, text: str, steps: Steps) -> None:
        self._text = text
        self._steps = steps
        self._no_end: set[str] = set()
        self._closed = True

    def line(self, at: int) -> _Line | None:
        text = self._text
        equals = text.find("=", at, at + _LONGEST_PREFIX)
        start = equals
        while start > at and (text[start - 1].isalnum() or text[start - 1] in "_.-/@$"):
            start -= 1
        prefix = text[at:start].strip()
        if equals <= at or any(sign in prefix for sign in "\"'{}\n"):
            return None
        if prefix[:1] == "<" and prefix[1:2].isalpha():  # a tag and its attributes
            return None
        fields: list[tuple[str, object]] = []
        end = start
        while end < len(text) and text[end] != "\n":
            key = _KEY.match(text, end)
            self._steps.left -= _STEPS_A_PAIR
            if key is None or self._steps.left <= 0:
                return None
            value = self._value(key.end())
            if value is None:
                return None
            fields.append((key[0][:-1].rstrip(), value[0]))
            after = _GAP.match(text, value[1])
            end = after.end() if after else value[1]
            if end == value[1] < len(text) and text[end] != "\n":
                return None
        return _Line(prefix.rstrip(",;|"), fields, end, self._closed)

    def _value(self, at: int) -> tuple[object, int] | None:
        """A value and the index after it."""
        text = self._text
        sign = text[at : at + 1]
        if sign and sign in "'\"":
            return self._quoted(at, sign)
        bare = _BARE.match(text, at)
        end = bare.end() if bare else at
        if sign and (sign in "{[" or (sign.isalpha() and "(" in text[at:end])):
            found = scanner.read(text, at, self._steps)
            if isinstance(found, Literal) and text[found.end : found.end + 1] in _VALUE_ENDS:
                self._closed = self._closed and found.closed
                return found.value, found.end
            if sign in "{[":
                return None
        return scalar(text[at:end]), end

    def _quoted(self, at: int, sign: str) -> tuple[str, int]:
        """The text in quotes: up to a quote before a gap, else up to the end of the line."""
        text, end = self._text, at + 1
        if text[end : end + 1] in ("{", "["):
            inner = scanner.read(text, end, self._steps)
            ends = isinstance(inner, Literal) and inner.closed and text[inner.end : inner.end + 1]
            if isinstance(inner, Literal) and ends == sign:
                return text[end : inner.end], inner.end + 1
        while sign not in self._no_end and (end := text.find(sign, end)) >= 0:
            self._steps.left -= 1
            escaped = text[end - 1] == "\\" != text[end - 2]
            if not escaped and text[end + 1 : end + 2] in _VALUE_ENDS:
                return unescaped(text[at + 1 : end]), end + 1
            end += 1
        self._no_end.add(sign)
        self._closed = False
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        return unescaped(text[at + 1 : stop]), stop


def delimited(text: str) -> tuple[str, Parts] | None:
    """CSV with a header line, as a list of records, with the format's name."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return None
    for mark in (",", "\t", ";"):
        if mark in lines[0]:
            header = [cell.strip().strip("\"'") for cell in lines[0].split(mark)]
            if _is_header(header):
                return _csv(text, mark, header)
    return _loose(lines)


def _loose(lines: list[str]) -> tuple[str, Parts] | None:
    """A table without a frame: a header and rows of as many cells, between bars or wide gaps."""
    told = [line for line in lines if line.strip(_RULE)]
    for mark in ("|", _GAP_OF_BLANKS):
        rows = [[c.strip() for c in line.split(mark) if c.strip()] for line in told]
        if mark == _GAP_OF_BLANKS and rows and all(_is_indexed(row, rows[0]) for row in rows[1:]):
            rows = [rows[0], *(row[1:] for row in rows[1:])]
        framed = mark == "|" and any(line[0] == mark for line in told)
        even = len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows)
        if even and not framed and _is_header(rows[0]):
            return "table", [_records(rows[0], rows[1:])]
    return None


def _is_indexed(row: list[str], header: list[str]) -> bool:
    """Whether a row begins with its number, for which the header has no name."""
    return len(row) == len(header) + 1 and row[0].isdecimal()


def _is_header(cells: list[str]) -> bool:
    names = [cell.casefold().replace(" ", "_") for cell in cells]
    if len(names) < 2 or len(set(names)) < len(names):
        return False
    if any(not name or len(name) > _LONGEST_COLUMN or is_number(name) for name in names):
        return False
    return not _COLUMNS.isdisjoint(names)


def _csv(text: str, mark: str, header: list[str]) -> tuple[str, Parts] | None:
    """Rows of a table; a row with one cell continues the last cell of the row before."""
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(text.split("\n")[1:], delimiter=mark):
            if len(cells) >= len(header):
                last = mark.join(cells[len(header) - 1 :])
                rows.append([*cells[: len(header) - 1], last])
            elif len(cells) > 1 or (cells and not rows):
                return None
            elif cells:
                rows[-1].append(cells[0])
    except csv.Error:
        return None
    return ("csv", [_records(header, rows)]) if rows else None


def _records(header: list[str], rows: list[list[str]]) -> list[object]:
    width = len(header)
    records: list[object] = []
    for row in rows:
        cells = [*row[: width - 1], "\n".join(row[width - 1 :])] if len(row) >= width else row
        pairs = zip(header, (scalar(cell.strip()) for cell in cells), strict=False)
        records.append(to_record(list(pairs)))
    return records


def spans(text: str) -> Parts | None:
    """Lines such as `Span[0:2]: "George" -> PER (0.99)` as one list of records."""
    records: list[object] = []
    for line in text.split("\n"):
        bare = line.strip()
        if not bare:
            continue
        record = _span(bare) if bare.startswith(("Span", "Token")) else None
        if record is None:
            return None
        records.append(record)
    return [records] if records else None


def _span(line: str) -> dict[str, object] | None:
    first, last = line.find('"'), line.rfind('"')
    if not 0 < first < last or "[" not in line[:first]:
        return None
    tail = line[last + 1 :].strip().removeprefix("\u2192").removeprefix("->").strip()
    if tail.startswith("["):
        tail = tail[1:].rstrip("]").partition(":")[2].strip()
    label, _, score = tail.rpartition(" (")
    value = scalar(score.rstrip(")]"))
    if not label or not isinstance(value, int | float):
        return None
    return {"text": line[first + 1 : last], "label": label.strip(), "score": value}
