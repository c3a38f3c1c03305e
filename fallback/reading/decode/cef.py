"""Events of security logs: CEF and LEEF, `CEF:0|vendor|product|version|id|name|severity|k=v`.

In: a line. Out: a record of its name, severity and extension, or None. CEF labels of custom fields
are the keys of their values: `cs1=SSN cs1Label=policy` is `policy: SSN`. LEEF has neither name nor
severity in its head; version 2 declares the separator of its pairs:
`LEEF:2.0|vendor|product|version|id|^|k=v`. One pass.
"""

import re
from typing import Final

from fallback.reading.decode.literal.scalars import scalar, to_record

_HEAD: Final = "CEF:"
_HEADERS: Final = 7
_KEY = re.compile(r"(?:^| )([A-Za-z][\w.\-]{0,63}+)=")
_LABEL: Final = "Label"
_LEEF = "LEEF:"
_LEEF_HEADERS: Final = 5
_DELIMITER = re.compile(r"(?:x|0x|\\x)([0-9A-Fa-f]{2,4})|(.)")
#: Abbreviated keys of both formats.
_SHORT: Final = {"sev": "severity", "cat": "category"}


def read(text: str) -> tuple[str, dict[str, object]] | None:
    """The format and the record of a text that is one event, perhaps after a log line's head."""
    if "\n" in text:
        return None
    for form, head, record in (("cef", _HEAD, _cef), ("leef", _LEEF, _leef)):
        at = text.find(head)
        versioned = at >= 0 and text[at + len(head) :][:1].isdigit()
        if versioned and (found := record(text, at)) is not None:
            return form, found
    return None


def _cef(text: str, at: int) -> dict[str, object] | None:
    parts = re.split(r"(?<!\\)\|", text[at:], maxsplit=_HEADERS)
    if len(parts) <= _HEADERS:
        return None
    *_, name, severity, extension = parts
    fields = _extension(extension)
    labels = {key.removesuffix(_LABEL): value for key, value in fields if key.endswith(_LABEL)}
    told = [
        (labels.get(key, _SHORT.get(key, key)), scalar(value))
        for key, value in fields
        if not _names(key)
    ]
    return to_record([("name", name.strip()), ("severity", scalar(severity.strip())), *told])


def _leef(text: str, at: int) -> dict[str, object] | None:
    parts = text[at:].split("|", maxsplit=_LEEF_HEADERS)
    if len(parts) <= _LEEF_HEADERS:
        return None
    name, rest = parts[_LEEF_HEADERS - 1 :]
    sign, bar, body = rest.partition("|")
    given = _DELIMITER.fullmatch(sign) if bar else None
    if given:
        rest = body
    separator = (given[2] or chr(int(given[1], 16))) if given else "\t"
    pairs = [pair.partition("=") for pair in rest.split(separator)]
    told = [
        (_SHORT.get(key.strip(), key.strip()), scalar(value.strip()))
        for key, sign, value in pairs
        if sign and key.strip()
    ]
    return to_record([("name", name.strip()), *told])


def _names(key: str) -> bool:
    return key.endswith(_LABEL)


def _extension(text: str) -> list[tuple[str, str]]:
    """The pairs of an extension, whose values may have blanks."""
    keys = list(_KEY.finditer(text))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return [(key[1], text[key.end() : end].strip()) for key, end in zip(keys, ends, strict=True)]
