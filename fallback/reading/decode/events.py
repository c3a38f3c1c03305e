"""Server-sent events.

In: a text. Out: the data of each event, or None. Follows the fields of the standard: several
`data:` lines of one event are one text; `id:`, `retry:` and comments are ignored.
"""

from typing import Final

_FIELDS = ("data", "event", "id", "retry", "")
#: The end of a stream.
_DONE: Final = "[DONE]"


def read(text: str) -> list[tuple[str, str]] | None:
    """The (event name, data) pairs of a text with only event lines."""
    if not text.startswith(tuple(f"{name}:" for name in _FIELDS)):
        return None
    events: list[tuple[str, str]] = []
    name, data = "", list[str]()
    for line in [*text.split("\n"), ""]:
        if not line.strip():
            if data:
                events.append((name, "\n".join(data)))
            name, data = "", []
            continue
        key, colon, value = line.partition(":")
        if not colon or key not in _FIELDS:
            return None
        if key == "data":
            if data and _starts_anew(value, data):
                events.append((name, "\n".join(data)))
                data = []
            data.append(value.removeprefix(" "))
        elif key == "event":
            name = value.strip()
    kept = [(name, data) for name, data in events if data.strip() and data.strip() != _DONE]
    return kept if any(data.lstrip()[:1] in ("{", "[") for _, data in kept) else None


def _starts_anew(value: str, data: list[str]) -> bool:
    """Whether a value begins a new event: streams logged without blank lines, a value per line."""
    return value.lstrip()[:1] in ("{", "[") and data[-1].rstrip()[-1:] in ("}", "]")
