"""Plain JSON by the standard library's C scanner.

In: a text. Out: its values, or None. Repeated keys keep all their values; a whole number of more
than 18 digits stays text; NaN and overflow are floats. Nesting over `MAX_DEPTH` is not read here.
"""

import json
from typing import Final

from fallback.reading.decode.literal.scalars import to_record
from fallback.reading.decode.literal.scanner import MAX_DEPTH

_LONGEST_INTEGER = 19
#: The most values of a text that is only JSON.
Values = list[object]


def _record(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    return record if len(record) == len(pairs) else to_record(pairs)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < _LONGEST_INTEGER else digits


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_record, parse_int=_integer, strict=False)


def whole(text: str) -> Values | None:
    """The one value of a text, in a list."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return [value] if _shallow(value) else None


def lines(text: str) -> Values | None:
    """The values of a text of two or more lines, each an object or a list."""
    rows = [row for line in text.split("\n") if (row := line.strip())]
    if len(rows) < 2 or any(row[0] not in "{[" or row[-1] not in "}]" for row in rows):
        return None
    values: Values = []
    for row in rows:
        value = whole(row)
        if value is None:
            return None
        values += value
    return values


def prefix(text: str, at: int) -> tuple[object, int] | int:
    """The value at an index and the index after it, or the index of the first error."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as broken:
        return broken.pos
    except RecursionError:
        return len(text)
    return (value, end) if _shallow(value) else end


def _shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False
