"""Structure in a text: alone, one document after another, or inside running text.

In: a text. Out: the places and values of its structures. Quoted structure stays in the text, since
it belongs to the quoted person. Linear: a bracket that failed once is not tried again, and all
literals of a text share one count of steps.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from fallback.reading.decode.literal import scanner, strict, tokens
from fallback.reading.decode.literal.frames import NO_STRENGTH, STRONG, WEAK
from fallback.reading.decode.literal.scanner import Literal
from fallback.reading.decode.literal.steps import Steps

#: The most tries of the C scanner inside prose; it reads a broken text from its start.
_MAX_STRICT_TRIES: Final = 16
#: Unclosed brackets after which the search in a text ends.
_MAX_OPEN_BRACKETS: Final = 12
#: The cost of a structure read by the C scanner, in tokens.
_STEPS_OF_A_PIECE: Final = 6
_CHARACTERS_A_STEP: Final = 64
_STEPS_OF_A_QUOTE: Final = 2
#: The cost of the search for a missing end of a code block, in tokens.
_STEPS_OF_AN_OPEN_FENCE: Final = 50
_FENCE: Final = "```"
_SIGN = re.compile(r"[{\[(\"'`\u201c\u00ab]")
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u00ab": "\u00bb"}
_ONE_LINE_QUOTES = "'`"
_LINE_REST = re.compile(r"[ \t.,;]*+(?:\n|$|[\[{])")
_HEAD_ENDS = tuple(":=>,;\u2192")
_LONGEST_HEAD = 400
_LONGEST_FENCE_NAME = 24
_LONGEST_MASK = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A structure and its span in the text. closed: False when the text ended within it."""

    start: int
    end: int
    value: object
    closed: bool = True


def alone(text: str, steps: Steps) -> tuple[str, list[Piece]] | None:
    """The structures of a text without other content, with the format's name; else None."""
    if steps.left <= 0 or not text:
        return None
    begins = tokens.begins(text)
    if (not begins or text[-1] in "}]") and (values := strict.whole(text)) is not None:
        return "json", [Piece(0, len(text), values[0])]
    if not begins:
        return None
    if (values := strict.lines(text)) is not None:
        return "json-lines", [Piece(0, len(text), value) for value in values]
    pieces: list[Piece] = []
    at, strength = 0, NO_STRENGTH
    while at < len(text):
        found = scanner.read(text, at, steps, tolerant=True)
        if not isinstance(found, Literal):
            return None
        if steps.left <= 0:
            return None
        pieces.append(Piece(at, found.end, found.value, found.closed))
        strength = max(strength, found.strength, _many(found.value))
        at = found.end
        while at < len(text) and (text[at].isspace() or text[at] in ",;"):
            at += 1
        if text[at : at + 1] in ("}", "]", ")", ".") and not text[at:].strip("}]). \n\t,;"):
            break
        if at < len(text) and text[at] not in "{[" and not tokens.begins(text[at : at + 120]):
            return None
    if strength == NO_STRENGTH or not any(map(str.isalnum, text)):
        return None
    return ("literal" if len(pieces) == 1 else "documents"), pieces


def _many(value: object) -> int:
    """A list of several words is structure, one word in brackets may be a mask."""
    return WEAK if isinstance(value, list) and len(value) > 1 else NO_STRENGTH


def within(text: str, steps: Steps) -> list[Piece]:
    """The structures inside a running text, in order."""
    return _Search(text, steps).run()


class _Search:
    def __init__(self, text: str, steps: Steps) -> None:
        self._text = text
        self._steps = steps
        self._broken: set[int] = set()
        self._strict_left = _MAX_STRICT_TRIES
        self._open_left = _MAX_OPEN_BRACKETS
        self._unclosed: dict[str, int] = {}
        self._pieces: list[Piece] = []
        self._ends_within = False

    def run(self) -> list[Piece]:
        at = 0
        while self._steps.left > 0 and (found := _SIGN.search(self._text, at)):
            at = self._from(found.start())
        if self._ends_within:
            return [replace(piece, closed=False) for piece in self._pieces]
        return self._pieces

    def _from(self, at: int) -> int:
        """Read the sign at an index; returns the index at which the search continues."""
        self._steps.left -= 1
        text, sign = self._text, self._text[at]
        if sign in _QUOTES:
            if text.startswith(_FENCE, at):
                return self._fence(at)
            return self._quote(at, sign) if self._opens(at) else at + 1
        if (after := _after_mask(text, at)) > 0:
            return after
        if at in self._broken or (sign != "(" and text[at - 1 : at].isalnum()):
            return at + 1
        start = tokens.constructor_at(text, at) if sign == "(" else at
        if start < 0 or (self._pieces and start < self._pieces[-1].end):
            return at + 1
        found = self._structure(start)
        if isinstance(found, Piece):
            self._pieces.append(found)
            return found.end
        return max(found, at + 1)

    def _structure(self, at: int) -> Piece | int:
        """The structure at an index, or the index at which the search continues without one."""
        text = self._text
        if text[at] in "{[" and self._strict_left:
            found = strict.prefix(text, at)
            if isinstance(found, tuple):
                value, end = found
                self._steps.left -= _STEPS_OF_A_PIECE + (end - at) // _CHARACTERS_A_STEP
                strong = STRONG if _has_record(value) else WEAK
                return Piece(at, end, value) if self._fits(at, end, strong, value) else end
            self._strict_left -= 1
        literal = scanner.read(text, at, self._steps)
        if self._steps.left <= 0:
            return len(text)
        if not isinstance(literal, Literal):
            self._broken.update(literal.opened)
            return at
        strength = min(literal.strength, WEAK) if text[at] not in "{[" else literal.strength
        if not literal.closed and literal.strength < STRONG:
            self._broken.update(literal.opened)
            self._ends_within = self._ends_within or at == 0
            self._open_left -= 1
            return at if self._open_left else len(text)
        if not self._fits(at, literal.end, strength, literal.value):
            return literal.end if literal.strength < STRONG else at
        return Piece(at, literal.end, literal.value, literal.closed)

    def _fits(self, start: int, end: int, strength: int, value: object) -> bool:
        """Whether a structure is not part of a sentence: strong, or on a line of its own."""
        if strength == STRONG:
            return True
        text = self._text
        empty = value in ({}, []) and end - start == 2
        if not empty and (strength == NO_STRENGTH or not any(map(str.isalnum, text[start:end]))):
            return False
        low = max(0, start - _LONGEST_HEAD, self._pieces[-1].end if self._pieces else 0)
        head = text[max(low, text.rfind("\n", low, start) + 1) : start].strip()
        return (not head or head.endswith(_HEAD_ENDS)) and bool(_LINE_REST.match(text, end))

    def _opens(self, at: int) -> bool:
        """Whether a quotation mark opens a quotation: a gap before it, none after it."""
        text, sign = self._text, self._text[at]
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if self._unclosed.get(sign, -1) > at or not after or before == "\\":
            return False
        if sign in "\u201c\u00ab`":
            return True
        return not before.isalnum() and not after.isspace()

    def _quote(self, at: int, sign: str) -> int:
        """The index after a quotation, or after the mark if it is not closed."""
        text, close = self._text, _QUOTES[sign]
        self._steps.left -= _STEPS_OF_A_QUOTE
        if text[at + 1] in "{[" and sign not in "\u201c\u00ab":
            inner = scanner.read(text, at + 1, self._steps)
            if isinstance(inner, Literal) and inner.closed:
                return inner.end + text.startswith(close, inner.end)
        stop = len(text)
        if sign in _ONE_LINE_QUOTES and (line := text.find("\n", at)) >= 0:
            stop = line
        bracket = False
        end = at + 1
        while (next_end := text.find(close, end, stop)) >= 0:
            self._steps.left -= 1
            bracket = bracket or "{" in text[end:next_end]
            end = next_end + 1
            after = text[end : end + 1]
            if text[next_end - 1] == "\\" or after.isalnum() or (bracket and after == ":"):
                continue
            return end
        self._unclosed[sign] = stop
        return at + 1

    def _fence(self, at: int) -> int:
        """The index after a code block; a block that holds only structure is a piece."""
        text = self._text
        inside = at + len(_FENCE)
        opens_line = text[max(0, at - 1) : at] in ("", "\n")
        closing = f"\n{_FENCE}" if opens_line else _FENCE
        end = text.find(closing, inside)
        stop = len(text) if end < 0 else end
        after = stop if end < 0 else end + len(closing)
        line = text.find("\n", at, inside + _LONGEST_FENCE_NAME)
        if opens_line and inside <= line < stop:
            content = text[line + 1 : stop].strip()
            held = alone(content, self._steps) if tokens.begins(content) else None
            if held:
                self._pieces += [Piece(at, after, one.value, one.closed) for one in held[1]]
                return after
        if end < 0:
            self._steps.left -= _STEPS_OF_AN_OPEN_FENCE
        return inside if end < 0 else after


def _after_mask(text: str, at: int) -> int:
    """The index after a mask in double braces, `{{PHONE}}`; 0 without one."""
    end = text.find("}}", at, at + _LONGEST_MASK) if text.startswith("{{", at) else -1
    if end < 0:
        return 0
    inner = text[at:end].lstrip("{")
    return end + 2 if inner and inner.replace("_", "a").isalnum() else 0


def _has_record(value: object) -> bool:
    if isinstance(value, list):
        return any(_has_record(inner) for inner in value)
    return isinstance(value, dict) and bool(value)
