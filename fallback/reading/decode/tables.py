"""Printed tables: Markdown, frames of signs or lines, aligned columns.

In: a text. Out: parts in order (text before, one list of records, text after), or None. Every line
is read once. Cells are scalars; a row whose first cell is empty continues the row above.
"""

import re
from typing import Final

from fallback.reading.decode.literal.scalars import is_number, scalar, to_record, unescaped

Parts = list[object]

_BARS = "|\u2502\u2503\u2551"
#: The signs in the lines of a frame.
_FRAME = frozenset("+-=|:*_ \t") | frozenset(map(chr, range(0x2500, 0x2580)))
_CROSSES = ("", "x", "\u2713", "\u2714")
_GAP: Final = "  "
_MOST_COLUMNS: Final = 24
_LONGEST_HEAD: Final = 40
_TAP = re.compile(r"(not )?ok \d{1,6} +(?:- +)?(\S.*+)")
_PLAN = re.compile(r"\d+\.\.\d+$|TAP version \d|#")
_LABEL = re.compile(r'([A-Za-z_]\w{0,80}+)="((?:[^"\\]++|\\.)*+)"')
_METRIC = re.compile(r"([A-Za-z_:][\w:]{0,120}+)\{([^{}\n]*+)\} +([-+.\w]{1,40}+)(?: +\d{1,20}+)?")


def read(text: str) -> Parts | None:
    """The tables of a text with the text between them; None without a table."""
    lines = text.split("\n")
    parts: Parts = []
    loose: list[str] = []
    at, found = 0, False
    while at < len(lines):
        table = _framed(lines, at) or _aligned(lines, at)
        if table is None:
            loose.append(lines[at])
            at += 1
            continue
        rows, at = table
        found = True
        parts += _said(loose)
        loose = []
        parts.append(_records(rows))
    return [*parts, *_said(loose)] if found else None


def pairs(text: str) -> dict[str, object] | None:
    """Lines of a name, a sign and its judgement, without a header.

    The sign is a tab; a semicolon or a comma if a number follows it.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    mark = next((sign for sign in "\t;," if sign in lines[0]), "") if len(lines) > 1 else ""
    fields: list[tuple[str, object]] = []
    for line in lines if mark else ():
        name, sign, value = line.partition(mark)
        if not sign or mark in value.strip() or not any(map(str.isalpha, name)):
            return None
        if mark != "\t" and not is_number(value.strip()):
            return None
        fields.append((name.strip(), scalar(value.strip())))
    words = {value for _, value in fields if isinstance(value, str)}
    if len(fields) < 2 or len(words) > 3:
        return None
    return to_record(fields)


def series(text: str) -> object:
    """A printed pandas series: an index and a value per line, then `dtype: float64`; else None."""
    *lines, last = text.split("\n")
    if not last.rpartition(", ")[2].startswith("dtype: ") or not lines:
        return None
    cells = [line.strip().split(None, 1) for line in lines if line.strip()]
    if any(len(pair) != 2 for pair in cells):
        return None
    if [index for index, _ in cells] == [str(at) for at in range(len(cells))]:
        return [scalar(value.strip()) for _, value in cells]
    return to_record([(index, scalar(value.strip())) for index, value in cells])


def tasks(text: str) -> dict[str, object] | None:
    """`[x] weapons`, `- [ ] drugs`: crossed names were found; None without a crossed one."""
    fields: list[tuple[str, object]] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        box, closed, name = line.lstrip("-*+ ").partition("]")
        crossed = box[1:].strip().casefold()
        if not closed or box[:1] != "[" or crossed not in _CROSSES or not name.strip():
            return None
        fields.append((name.strip(), "yes" if crossed else "no"))
    return to_record(fields) if any(said == "yes" for _, said in fields) else None


def tap(text: str) -> list[object] | None:
    """Lines of the Test Anything Protocol, `not ok 1 - no weapons`, as named checks."""
    lines = [line for line in map(str.strip, text.split("\n")) if line and not _PLAN.match(line)]
    found = [_TAP.match(line) for line in lines]
    if not found or not all(found):
        return None
    return [_tapped(m[2], passed=m[1] is None) for m in found if m and m[2][:6] != "# SKIP"]


def _tapped(text: str, *, passed: bool) -> dict[str, object]:
    """A check of that protocol; after a directive it was skipped, or its success means nothing."""
    name, sign, directive = text.partition(" # ")
    if sign and directive[:4].casefold() in (("skip", "todo") if passed else ("skip",)):
        return {"check": name, "status": "skipped"}
    return {"check": text, "passed": passed}


def exposition(text: str) -> Parts | None:
    """Metrics of Prometheus, `guard_score{label="hate"} 0.9`, as one list of records."""
    lines = [line for line in map(str.strip, text.split("\n")) if line and line[0] != "#"]
    found = [_METRIC.fullmatch(line) for line in lines]
    if not found or not all(found):
        return None
    records: list[object] = []
    for metric in filter(None, found):
        labels = [(key, unescaped(value)) for key, value in _LABEL.findall(metric[2])]
        records.append(to_record([*labels, (metric[1], scalar(metric[3]))]))
    return [records]


def _said(lines: list[str]) -> list[object]:
    text = "\n".join(line for line in lines if not _is_frame(line)).strip()
    return [text] if any(map(str.isalnum, text)) else []


def _is_frame(line: str) -> bool:
    bare = line.strip()
    return len(bare) > 2 and _FRAME.issuperset(bare) and not any(map(str.isalnum, bare))


def _bar(line: str) -> str:
    """The sign between the cells of a row; empty for another line."""
    bare = line.strip()
    return bare[0] if bare and bare[0] in _BARS and bare.count(bare[0]) > 2 else ""


def _framed(lines: list[str], start: int) -> tuple[list[list[str]], int] | None:
    """Rows between bars, the header first, and the line after them."""
    if not _bar(lines[start]) and not _is_frame(lines[start]):
        return None
    rows: list[list[str]] = []
    at, frames = start, 0
    while at < len(lines):
        line = lines[at]
        bar = _bar(line)
        if _is_frame(line):
            frames += bool(rows)
        elif not bar:
            break
        else:
            cells = [cell.strip() for cell in line.strip().strip(bar).split(bar)]
            if rows and not cells[0] and len(rows) > 1:
                rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=False)]
            else:
                rows.append(cells)
        at += 1
    if len(rows) < 2 or not frames or not _is_header(rows[0]):
        return None
    return rows, at


def _aligned(lines: list[str], start: int) -> tuple[list[list[str]], int] | None:
    """A header over a line of dashes, and rows with as many cells, between gaps of blanks."""
    if start + 2 >= len(lines) or not _is_frame(lines[start + 1]) or _bar(lines[start + 1]):
        return None
    header = _columns(lines[start])
    if not _is_header(header):
        return None
    rows, at = [header], start + 2
    while at < len(lines) and len(cells := _columns(lines[at])) == len(header):
        rows.append(cells)
        at += 1
    return (rows, at) if len(rows) > 1 else None


def _columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("\t", _GAP).split(_GAP) if cell.strip()]


def _is_header(cells: list[str]) -> bool:
    return 1 < len(cells) <= _MOST_COLUMNS and all(
        len(cell) <= _LONGEST_HEAD and any(map(str.isalpha, cell)) for cell in cells if cell
    )


def _records(rows: list[list[str]]) -> list[object]:
    header = [cell or "#" for cell in rows[0]]
    records: list[object] = []
    for row in rows[1:]:
        cells = (scalar(cell) for cell in row)
        records.append(to_record(list(zip(header, cells, strict=False))))
    return records
