"""Literals as programs print them: JSON with its usual faults, Python, JavaScript, Ruby, Java, Go.

In: a text and the index of a bracket or a constructor call. Out: its value and its end, or that it
is not a literal. One pass over tokens, one stack, each token read once; nesting deeper than
`MAX_DEPTH` stays text. Independent of keys.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from fallback.reading.decode.literal import tokens
from fallback.reading.decode.literal.frames import BARE, DONE, EMPTY, QUOTED, STRONG, WEAK, Frame
from fallback.reading.decode.literal.scalars import angled, unescaped
from fallback.reading.decode.literal.steps import Steps

MAX_DEPTH: Final = 64
#: The cost of the start of a literal, in tokens.
_STEPS_TO_BEGIN: Final = 8
#: Characters of a long token per step.
_CHARACTERS_A_STEP: Final = 64
_ESCAPES_A_STEP: Final = 2
_JOINED_CHARACTERS_A_STEP: Final = 2_048
#: Adjacent strings that are one, as printers split long texts.
_MOST_STRINGS_IN_ONE: Final = 1_000


@dataclass(slots=True)
class Literal:
    """A structure in a text.

    end: the index after it. strength: the strength of its signs. opened: brackets that are open at
    the end of the text. A WEAK structure has no STRONG one in it.
    """

    value: object
    end: int
    closed: bool
    strength: int
    opened: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Broken:
    """Not a literal. opened: indexes of open brackets, none of which begins a literal either."""

    opened: list[int] = field(default_factory=list)


def read(text: str, at: int, steps: Steps, tolerant: bool = False) -> Literal | Broken:
    """The literal whose bracket, or constructor's name, is at an index.

    tolerant: close brackets that a wrong bracket leaves open, and read strings with bare quotes.
    """
    name, closer = "", ""
    start = at
    if tolerant and (found := tokens.PREFIX.match(text, at)):
        start = found.end()
    elif found := tokens.CALL.match(text, at):
        name, start = found[1], found.end() - 1
    elif found := tokens.GO_MAP.match(text, at):
        start, closer = found.end() - 1, "]"
    kind = text[start : start + 1]
    if kind not in tokens.CLOSERS:
        return Broken()
    steps.left -= _STEPS_TO_BEGIN
    frame = Frame("{" if closer else kind, closer or tokens.CLOSERS[kind], text, at, name)
    return _Scanner(text, start + 1, steps, tolerant, frame).run()


def read_body(text: str, steps: Steps) -> Literal | Broken:
    """A whole text as the inside of braces, like a printed protobuf message."""
    return _Scanner(text, 0, steps, False, Frame("{", "", text, -1)).run()


class _Scanner:
    """The stack of open brackets over one text. Each handler returns whether its token fits."""

    def __init__(self, text: str, at: int, steps: Steps, tolerant: bool, root: Frame) -> None:
        self.text = text
        self.at = at
        self.steps = steps
        self.tolerant = tolerant
        self.stack = [root]
        self.whole = True
        self.deep: list[int] = []
        self.result: Literal | None = None

    def run(self) -> Literal | Broken:
        while self.result is None:
            found = tokens.TOKENS.match(self.text, self.at)
            if found is None or self.steps.left <= 0:
                return self._cut()
            self.steps.left -= 1 + (found.end() - self.at) // _CHARACTERS_A_STEP
            self.at = found.end()
            if not self._take(found, self.stack[-1]):
                return Broken([frame.at for frame in self.stack])
        return self.result

    def _take(self, found: re.Match[str], top: Frame) -> bool:
        kind = found.lastindex or 0
        begin, stop = found.span(kind)
        if kind == tokens.WORD:
            return self._word(top, begin, stop)
        if kind == tokens.PAIR:
            return self._pair(top, begin, stop)
        if kind == tokens.COMMA:
            top.commas += 1
            top.comma()
            return True
        if kind == tokens.OPEN:
            return self._open(top, begin)
        if kind == tokens.CLOSE:
            return self._close(self.text[begin])
        if kind == tokens.ANGLE:
            if top.state == QUOTED:
                return False
            return self._string(top, angled(self.text[begin:stop]), begin, stop)
        return self._quoted(top, found, kind)

    def _word(self, top: Frame, begin: int, stop: int) -> bool:
        if top.state == EMPTY:
            if self.tolerant and self.text.startswith(("//", "/*"), begin):
                self._comment(begin)
                return True
        elif top.state == BARE:
            if top.key is not None and "\n" in self.text[top.stop : begin] and self._key(stop):
                top.comma()
        elif top.state == QUOTED and top.key is None and self.text[begin] == "/":
            if top.kind != "[" or begin != top.stop:
                return False
            value = {"text": top.value, "label": self.text[begin + 1 : stop]}
            top.put(value, DONE, top.begin, stop)
            return True
        elif top.key is not None and self._key(stop):
            top.comma()
        else:
            return False
        top.word(begin, stop)
        return True

    def _key(self, stop: int) -> bool:
        return tokens.KEY_FOLLOWS.match(self.text, stop) is not None

    def _comment(self, begin: int) -> None:
        mark = "\n" if self.text[begin + 1] == "/" else "*/"
        end = self.text.find(mark, begin)
        self.at = len(self.text) if end < 0 else end + len(mark)

    def _pair(self, top: Frame, begin: int, stop: int) -> bool:
        sign, after = self.text[begin:stop], self.text[stop : stop + 1]
        spaced = after in tokens.KEY_ENDS or after == ""
        if top.state == EMPTY:
            return sign == ":" and (after.isalnum() or after in "_=")
        if top.state == BARE:
            inside = sign == ":" and top.kind != "{" and not spaced
            if inside or (top.key is not None and not top.split(typed_only=not spaced)):
                top.stop = stop
            else:
                top.colon()
            return True
        if top.key is None and top.state == QUOTED:
            top.colon()
            return True
        return False

    def _quoted(self, top: Frame, found: re.Match[str], kind: int) -> bool:
        begin, stop = found.start(kind - 1) - 1, found.end()
        adjacent = top.state == BARE and begin == top.stop
        if kind == tokens.SINGLE and adjacent and self.text[begin - 1].isalnum():
            top.word(begin, begin + 1)
            self.at = begin + 1
            return True
        body = found[kind - 1]
        self.steps.left -= body.count("\\") // _ESCAPES_A_STEP
        if self.tolerant and kind == tokens.DOUBLE and self.text[stop : stop + 1].isalnum():
            end = self._string_end(top, stop)
            if end > 0:
                body = self.text[begin + 1 : end]
                self.at = stop = end + 1
        return self._string(top, unescaped(body), begin, stop)

    def _string_end(self, top: Frame, at: int) -> int:
        """The end of a string with bare quotes in it: a quote before a comma or a bracket."""
        ends = tokens.KEY_STRING_ENDS if top.kind == "{" and top.key is None else tokens.STRING_ENDS
        while (at := self.text.find('"', at)) >= 0 and self.steps.left > 0:
            self.steps.left -= 1
            if ends.match(self.text, at + 1):
                return at
            at += 1
        return -1

    def _string(self, top: Frame, value: str, begin: int, stop: int) -> bool:
        if top.state != EMPTY:
            if top.key is not None and self._key(stop):
                top.comma()
            elif top.state == BARE:
                top.word(begin, stop)
                return True
            elif top.state == QUOTED and top.words < _MOST_STRINGS_IN_ONE:
                value = f"{top.value}{value}"
                self.steps.left -= len(value) // _JOINED_CHARACTERS_A_STEP
                begin = top.begin
                top.words += 1
            else:
                return False
        top.put(value, QUOTED, begin, stop)
        return True

    def _open(self, top: Frame, begin: int) -> bool:
        sign = self.text[begin]
        kind, closer, name, aside = sign, tokens.CLOSERS[sign], "", False
        if top.state == BARE:
            named = tokens.NAME.fullmatch(self.text, top.begin, top.stop) is not None
            adjacent = begin == top.stop
            if sign == "{" and top.kind == "{" and top.key is None:
                top.colon()
            elif named and adjacent and sign == "[" and top.phrase() == "map":
                kind = "{"
                top.clear()
            elif named and (sign == "{" or (adjacent and sign == "(")):
                name = top.phrase() if sign == "(" else ""
                top.clear()
            elif sign == "{":
                return False
            else:
                aside = True
        elif top.state == QUOTED:
            if sign != "(":
                return False
            aside = True
        elif top.state == DONE:
            if self.text[top.begin] in "([" and sign != "(" and top.kind != "[":
                top.clear()  # console.log's `[Object: null prototype] {` and `(2) [`
            elif top.key is None and top.kind == "[":
                top.comma()
            else:
                return False
        if len(self.stack) >= MAX_DEPTH:
            return self._skip(top, begin)
        frame = Frame(kind, closer, self.text, begin, name)
        frame.aside = aside
        self.stack.append(frame)
        return True

    def _skip(self, top: Frame, begin: int) -> bool:
        """Brackets that are nested too deeply, as one text."""
        opened = [begin]
        while opened and self.steps.left > 0 and (found := tokens.TOKENS.match(self.text, self.at)):
            self.steps.left -= 1
            self.at = found.end()
            if found.lastindex == tokens.OPEN:
                opened.append(found.start(tokens.OPEN))
            elif found.lastindex == tokens.CLOSE:
                opened.pop()
        self.deep = opened
        top.put(self.text[begin : self.at], DONE, begin, self.at)
        return True

    def _close(self, sign: str) -> bool:
        if self.stack[-1].closer != sign:
            if not self.tolerant or all(frame.closer != sign for frame in self.stack):
                return False
            while self.stack[-1].closer != sign:
                self.whole = False
                self._pop(cut=False)
        self._pop(cut=False)
        return True

    def _cut(self) -> Literal | Broken:
        """Close the open brackets at the end of the text or of its steps."""
        if len(self.stack) > 1 or self.stack[0].closer:
            self.whole = False
        opened = [frame.at for frame in self.stack] + self.deep
        while self.result is None:
            self._pop(cut=True)
        self.result.opened = opened
        return self.result

    def _pop(self, cut: bool) -> None:
        frame = self.stack.pop()
        alone = not cut and len(frame.items) + (frame.state != EMPTY) == 1 and not frame.fields
        value = frame.end(cut)
        self.whole = self.whole and not frame.shortened
        if not self.stack:
            self.result = Literal(value, self.at, self.whole, frame.strength)
            return
        top = self.stack[-1]
        if not frame.aside:
            top.strength = max(top.strength, STRONG if frame.strength == STRONG else WEAK)
            top.put(value, DONE, frame.at, self.at)
        elif alone and isinstance(value, int | float) and not isinstance(value, bool):
            label = top.value if top.state == QUOTED else top.phrase()
            top.strength = max(top.strength, WEAK)
            top.put({"label": label, "score": value}, DONE, top.begin, self.at)
        else:
            top.state = BARE
            top.brackets = True
            top.words += 1
            top.stop = self.at
