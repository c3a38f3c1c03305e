"""The Common Event Format of security logs: `CEF:0|vendor|product|version|id|name|severity|k=v`.

In: a line. Out: a record of its name, severity and extension, or None. Labels of custom fields name
their values: `cs1=SSN cs1Label=policy` is `policy: SSN`. One pass.
"""

import re
from typing import Final

from fallback.reading.decode.literal.scalars import scalar, to_record

_HEAD: Final = "CEF:"
_HEADERS: Final = 7
_KEY = re.compile(r"(?:^| )([A-Za-z][\w.\-]{0,63}+)=")
_LABEL: Final = "Label"


def read(text: str) -> dict[str, object] | None:
    """The record of a text that is one CEF line, perhaps behind the head of a log line."""
    at = text.find(_HEAD)
    if at < 0 or "\n" in text or not text[at + len(_HEAD) :][:1].isdigit():
        return None
    parts = re.split(r"(?<!\\)\|", text[at:], maxsplit=_HEADERS)
    if len(parts) <= _HEADERS:
        return None
    *_, name, severity, extension = parts
    fields = _extension(extension)
    labels = {key.removesuffix(_LABEL): value for key, value in fields if key.endswith(_LABEL)}
    told = [(labels.get(key, key), scalar(value)) for key, value in fields if not _names(key)]
    return to_record([("name", name.strip()), ("severity", scalar(severity.strip())), *told])


def _names(key: str) -> bool:
    return key.endswith(_LABEL)


def _extension(text: str) -> list[tuple[str, str]]:
    """The pairs of an extension, whose values may have blanks."""
    keys = list(_KEY.finditer(text))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return [(key[1], text[key.end() : end].strip()) for key, end in zip(keys, ends, strict=True)]
