"""Structured text as plain values: JSON, JSON Lines, Python reprs, bare-word objects, cut-off JSON.

In: text. Out: dicts, lists, strings, numbers, booleans, None, or `NOTHING` when it is not of such
a form. One pass, one stack: linear in the length, any nesting. Knows no keys.
"""

import json
import re
from typing import Any, Final

NOTHING: Final = object()
MAX_DEPTH = 64
_MAX_PHRASE = 512
_OPEN = {"{": "}", "[": "]", "(": ")"}
_CLOSE = frozenset("}])")
_STRING = {
    '"': re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.S),
    "'": re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.S),
}
_ENUM = re.compile(r"<([\w.]{1,80}): ?(?:'([^'<>]{0,80})'|\"([^\"<>]{0,80})\"|([^<>'\"]{0,80}))>")
_BARE = re.compile(r"[^\s,:=\[\]{}()\"']+")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"[-+]?(?:\d{1,24}(?:\.\d{0,24})?|\.\d{1,24})(?:[eE][-+]?\d{1,3})?$")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"true": True, "false": False, "null": None, "none": None, "nan": None}


def parse(text: str) -> Any:
    """The value a text is, or NOTHING."""
    text = text.strip()
    if not text or (text[0] not in "{[(\"'" and not _looks_called(text)):
        return NOTHING
    if text[0] in '{["':
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
        if (value := _json_lines(text)) is not NOTHING:
            return value
    if text[0] in "\"'":
        return NOTHING
    return _Parser(text).run()


def _json_lines(text: str) -> Any:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return NOTHING
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return NOTHING


_CALLED = re.compile(r"[A-Z]\w{0,60}\(\w{1,60}=")


def _looks_called(text: str) -> bool:
    return _CALLED.match(text) is not None


class _Frame:
    """An open bracket: what closes it, its items, and the key that waits for a value."""

    __slots__ = ("close", "items", "key", "record", "value")

    def __init__(self, close: str) -> None:
        self.close = close
        self.items: list[Any] = []
        self.record: dict[str, Any] = {}
        self.key: str | None = None
        self.value: Any = NOTHING

    def put(self, value: Any) -> None:
        if self.value is NOTHING:
            self.value = value
        elif (
            isinstance(self.value, str)
            and isinstance(value, str | int | float)
            and len(self.value) < _MAX_PHRASE
        ):
            self.value = f"{self.value} {value}"

    def colon(self) -> None:
        if (
            self.key is None
            and self.value is not NOTHING
            and not isinstance(self.value, dict | list)
        ):
            self.key, self.value = str(self.value), NOTHING

    def comma(self) -> None:
        value, key = self.value, self.key
        self.value, self.key = NOTHING, None
        if key is not None:
            if key in self.record:
                self.items.append(self.record)
                self.record = {}
            self.record[key] = None if value is NOTHING else value
        elif value is not NOTHING:
            self.items.append(value)

    def done(self) -> Any:
        self.comma()
        if not self.items:
            return self.record if self.record or self.close == "}" else []
        if self.record:
            self.items.append(self.record)
        return self.items


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._dead: set[str] = set()

    def run(self) -> Any:
        text, at, end = self._text, 0, len(self._text)
        root = _Frame("")
        stack = [root]
        too_deep = 0
        while at < end:
            sign = text[at]
            top = stack[-1]
            if sign.isspace():
                found = _SPACE.match(text, at)
                at = found.end() if found else at + 1
                continue
            if sign in _OPEN:
                if too_deep or len(stack) > MAX_DEPTH:
                    too_deep += 1
                else:
                    stack.append(_Frame(_OPEN[sign]))
                    if sign == "(" and isinstance(top.value, str):
                        top.value = NOTHING
            elif sign in _CLOSE:
                if too_deep:
                    too_deep -= 1
                elif len(stack) == 1:
                    return NOTHING
                else:
                    value = stack.pop().done()
                    stack[-1].put(value)
                    if len(stack) == 1 and text[at + 1 :].strip("\n \t;.,"):
                        return NOTHING
            elif sign == ",":
                top.comma()
            elif sign in ":=":
                top.colon()
            elif sign in _STRING and sign not in self._dead:
                found = _STRING[sign].match(text, at)
                if found is None:
                    self._dead.add(sign)
                else:
                    top.put(_unescape(found[1]))
                    at = found.end()
                    continue
            elif sign == "<" and (found := _ENUM.match(text, at)):
                top.put(found[2] or found[3] or found[4] or found[1])
                at = found.end()
                continue
            elif found := _BARE.match(text, at):
                top.put(_scalar(found[0]))
                at = found.end()
                continue
            at += 1
        while len(stack) > 1:
            value = stack.pop().done()
            stack[-1].put(value)
        value = root.done()
        return value[0] if isinstance(value, list) and len(value) == 1 else value or NOTHING


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)

    return _ESCAPE.sub(one, text) if "\\" in text else text


def _scalar(word: str) -> Any:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    return float(word) if _NUMBER.match(word) else word
