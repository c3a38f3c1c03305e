"""Compares an answer that a page shows with the one that its command gave.

What varies from run to run is not compared:

- times, request ids and trace ids, API keys: any value of the same form;
- the hashes in version names (`rules`, `model`), which change with every data file and adapter;
- decimal numbers within 0.02, since another CPU rounds otherwise;
- the ports, which are replaced before.

A page shortens an answer with `…`: in text it stands for anything, alone on a line for any lines;
in JSON `"…"` stands for any value, and as a key for any further keys.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

ELLIPSIS = "…"
TOLERANCE = 0.02
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\blm_[A-Za-z0-9_.-]+"), "KEY"),
    (re.compile(r"\b(\d{4}\.\d{2})-[0-9a-f]{8}\b"), r"\1-HASH"),
    (re.compile(r"\blora-[0-9a-f]{8}\b"), "lora-HASH"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
)
_DECIMAL = re.compile(r"(\d+\.\d+)")


def differences(language: str, shown: str, given: str) -> list[str]:
    """What differs, a line each; empty when the page is right. language: `json` or another."""
    if language != "json":
        return list(_text_differences(shown, given))
    try:
        answer = json.loads(given)
    except ValueError:
        return [f"no JSON came, but: {given[:500]!r}"]
    return list(_value_differences(json.loads(shown), answer, "$"))


def _value_differences(shown: Any, given: Any, path: str) -> Iterator[str]:
    if shown == ELLIPSIS:
        return
    if isinstance(shown, dict) and isinstance(given, dict):
        more = ELLIPSIS in shown
        for key in [k for k in shown if k != ELLIPSIS]:
            if key in given:
                yield from _value_differences(shown[key], given[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: is not in the answer"
        for key in given:
            if not more and key not in shown:
                yield f"{path}.{key}: the page lacks it; it is {json.dumps(given[key])}"
    elif isinstance(shown, list) and isinstance(given, list):
        ends = shown[-1:] == [ELLIPSIS]
        wanted = shown[:-1] if ends else shown
        if len(given) < len(wanted) or (len(given) > len(wanted) and not ends):
            yield f"{path}: the page has {len(wanted)} values, the answer {len(given)}: {given}"
        for index, (one, other) in enumerate(zip(wanted, given, strict=False)):
            yield from _value_differences(one, other, f"{path}[{index}]")
    elif isinstance(shown, float) and isinstance(given, int | float):
        if abs(shown - given) > TOLERANCE:
            yield f"{path}: the page says {shown}, the answer {given}"
    elif isinstance(shown, str) and isinstance(given, str):
        if not _same_line(shown, given):
            yield f"{path}: the page says {shown!r}, the answer {given!r}"
    elif shown != given or type(shown) is not type(given):
        yield f"{path}: the page says {shown!r}, the answer {given!r}"


def _text_differences(shown: str, given: str) -> Iterator[str]:
    if not _same_lines(shown.rstrip().splitlines(), given.rstrip().splitlines()):
        yield f"the page shows\n{shown}but the answer was\n{given}"


def _same_lines(shown: list[str], given: list[str]) -> bool:
    for index, line in enumerate(shown):
        if line.strip() == ELLIPSIS:
            rest = shown[index + 1 :]
            return any(_same_lines(rest, given[at:]) for at in range(index, len(given) + 1))
        if index >= len(given) or not _same_line(line, given[index]):
            return False
    return len(shown) == len(given)


def _same_line(shown: str, given: str) -> bool:
    one, other = _settled(shown), _settled(given)
    if ELLIPSIS in one:
        return bool(re.fullmatch(".*".join(map(re.escape, one.split(ELLIPSIS))), other))
    parts, others = _DECIMAL.split(one), _DECIMAL.split(other)
    return len(parts) == len(others) and all(
        abs(float(a) - float(b)) <= TOLERANCE if index % 2 else a == b
        for index, (a, b) in enumerate(zip(parts, others, strict=True))
    )


def _settled(text: str) -> str:
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return " ".join(text.split())
