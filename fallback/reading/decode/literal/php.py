"""Output of PHP's `print_r`: `Array`, brackets on lines of their own, `[key] => value`.

In: a text. Out: its value, or None. One pass over the lines, bounded depth.
"""

import re
from typing import Final

from fallback.reading.decode.literal.scalars import scalar, to_record
from fallback.reading.decode.literal.scanner import MAX_DEPTH

_ENTRY = re.compile(r"\[([^\]\n]{0,200})\] =>(?: (.*))?")
_HEADS: Final = ("Array", " Object")

Fields = list[tuple[str, object]]


def read(text: str) -> object:
    """The value of a text that is one printed array or object; None for another text."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) < 3 or not lines[0].endswith(_HEADS) or lines[1] != "(" or lines[-1] != ")":
        return None
    stack: list[tuple[str, Fields]] = []
    name = ""
    for line in lines[1:]:
        if line == "(":
            if len(stack) >= MAX_DEPTH:
                return None
            stack.append((name, []))
        elif line == ")":
            name, fields = stack.pop()
            if not stack:
                return _value(fields)
            stack[-1][1].append((name, _value(fields)))
        elif (entry := _ENTRY.fullmatch(line)) is None:
            return None
        elif (value := entry[2] or "").endswith(_HEADS):
            name = _key(entry[1])
        else:
            stack[-1][1].append((_key(entry[1]), scalar(value.strip())))
    return None


def _key(printed: str) -> str:
    """A key without the visibility of a property: `flagged:protected`."""
    return printed.partition(":")[0]


def _value(fields: Fields) -> object:
    if [key for key, _ in fields] == [str(at) for at in range(len(fields))]:
        return [value for _, value in fields]
    return to_record(fields)
