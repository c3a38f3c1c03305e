"""Words, quoted strings and constructor calls as plain values.

In: pieces of source text. Out: str, int, float, bool or None, and the values of calls.
"""

import re
from typing import Final

from fallback.reading.decode.sanitize import keep

_WORDS: Final[dict[str, bool | float | None]] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "None": None, "NULL": None, "nil": None, "undefined": None,
    "nan": float("nan"), "NaN": float("nan"), "inf": float("inf"), "Infinity": float("inf"),
    "-inf": float("-inf"), "-Infinity": float("-inf"),
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_REAL = re.compile(r"[-+]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][-+]?[0-9]++)?")
_LONGEST_NUMBER = 400
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})"
                     r"|U([0-9a-fA-F]{8})|(.))", re.S)  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "v": "\v", "\n": ""}
_KEPT_WITH_ITS_BACKSLASH = frozenset("dDsSwWBAZpP[](){}.*+?^$|-")

#: Calls whose value is their first argument: arrays, numbers, texts, containers.
_WRAPPED = (
    "array tensor ndarray parameter series float16 float32 float64 bfloat16 half int8 int16 int32 "
    "int64 uint8 uint16 uint32 uint64 bool_ bool float int str str_ bytes decimal fraction uuid "
    "list tuple set frozenset dict ordereddict deque mappingproxy mapping map counter secretstr "
    "objectid isodate date url httpurl anyurl posixpath path purepath purposixpath windowspath "
    "timestamp timedelta re.compile compile symbol some ok dict_keys dict_values dict_items "
    "immutabledict frozendict namespace"
)
_WRAPPERS = frozenset(_WRAPPED.split())
_MOMENTS = frozenset({"datetime", "date", "time"})
#: Also in names of results, whose several fields tell what was violated.
_OBJECT = "violation"
_SAYS_SOMETHING = ("error", "exception", "triggered", "violation", "warning", "blocked", "refused")


def is_number(word: str) -> bool:
    return len(word) <= _LONGEST_NUMBER and _REAL.fullmatch(word) is not None


def scalar(word: str) -> str | int | float | bool | None:
    """The value of a bare word: a literal name, a number or the word itself.

    A whole number of more than 18 digits, or with a leading zero, stays text (an id, not an
    amount); a real number that overflows is infinite.
    """
    if len(word) > _LONGEST_NUMBER:
        return word
    if word in _WORDS:
        return _WORDS[word]
    if word[:1] in "0123456789-+.":
        if _INTEGER.fullmatch(word):
            return int(word)
        lead = word.lstrip("+-")
        if is_number(word) and not lead.isdigit():
            return float(word)
    return word


def is_typed(value: object) -> bool:
    """Whether a value is not a text."""
    return not isinstance(value, str)


def unescaped(text: str) -> str:
    """The text inside quotes with its escapes undone; an unknown escape stays as written."""
    return _ESCAPE.sub(_one, text) if "\\" in text else text


def _one(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3] or found[4]
    if digits:
        code = int(digits, 16)
        return chr(code) if code < 0x110000 else "\ufffd"
    sign = found[5]
    if sign in _KEPT_WITH_ITS_BACKSLASH:
        return found[0]
    return _ESCAPES.get(sign, sign)


def angled(source: str) -> str:
    """The value of `<Decision.BLOCK: 'block'>`: the member's text, or its name if that is a number.

    Any other text in angle brackets is returned as written.
    """
    name, colon, value = source[1:-1].partition(": ")
    value = value.strip()
    if not colon or not name or " " in name:
        return source
    if len(value) >= 2 and value[0] in "'\"" and value[-1] == value[0]:
        return unescaped(value[1:-1])
    if "." in name and (is_number(value) or not value):
        return name.rpartition(".")[2]
    return value or source


def called(name: str, items: list[object], fields: list[tuple[str, object]]) -> object:
    """The value of a constructor call.

    Fields become a record; a wrapper's first argument, alone, is the value; a date becomes ISO
    text; everything else keeps the constructor's name as its key. The name of an object with
    fields is dropped, unless it is that of an exception.
    """
    last = name.rpartition(".")[2].casefold()
    if last in _MOMENTS and len(items) > 1:
        return _moment(items)
    if last in _WRAPPERS and items:
        return items[0] if len(items) == 1 else items
    if last == "defaultdict" and items:
        return items[-1]
    if not items:
        record = to_record(fields)
        told = last.endswith(_SAYS_SOMETHING) and (len(fields) == 1 or not last.endswith(_OBJECT))
        return {name: record} if fields and told else record
    if not fields:
        return {name: items[0] if len(items) == 1 else items}
    return {name: items[0] if len(items) == 1 else items, **to_record(fields)}


def _moment(items: list[object]) -> str:
    numbers = [str(item).zfill(2) for item in items if isinstance(item, int)]
    day, clock = "-".join(numbers[:3]), ":".join(numbers[3:6])
    return f"{day}T{clock}" if clock else day


def to_record(fields: list[tuple[str, object]]) -> dict[str, object]:
    """The fields as a dict; a repeated key holds the list of its values."""
    record: dict[str, object] = {}
    repeated: set[str] = set()
    for key, value in fields:
        keep(record, repeated, key, value)
    return record


def to_records(fields: list[tuple[str, object]]) -> list[dict[str, object]]:
    """The fields as records, each of which begins with the same key as the first."""
    groups: list[list[tuple[str, object]]] = []
    for field in fields:
        if not groups or field[0] == fields[0][0]:
            groups.append([])
        groups[-1].append(field)
    return [to_record(group) for group in groups]
