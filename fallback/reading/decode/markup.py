"""Elements in angle brackets as records.

In: a text. Out: parts in order, with adjacent elements as one record, or None. Only a tag that is
closed, or closes itself and has attributes or a place between other elements, is an element:
`<PERSON>` in a sentence is a mask. An element must begin and end a line. One pass, bounded depth.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

from fallback.reading.decode.literal.scalars import scalar, to_record
from fallback.reading.decode.literal.scanner import MAX_DEPTH

Parts = list[object]

#: The most tags in one text; the rest is text.
_MAX_TAGS: Final = 6_000
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.\-:]*+)((?:\s[^<>]*+|/)?)>|<!\[CDATA\[")
_CDATA_END: Final = "]]>"
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.\-:]*+)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
#: Tags of formatting.
_STYLE_NAMES = "b br code em font hr i mark p small span strong sub sup u"
_STYLES = frozenset(_STYLE_NAMES.split())
_LINE_START = "\n"


@dataclass(slots=True)
class _Element:
    """An open tag: the start of the tag and of its content, and the content so far."""

    name: str
    start: int
    inside: int
    attributes: str
    fields: list[tuple[str, object]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    last: int = 0

    def closed(self, text: str, stop: int) -> object:
        """The content: a record of its elements, or its text as a scalar."""
        self.texts.append(text[self.last : stop])
        words = " ".join(piece for part in self.texts if (piece := part.strip()))
        named: list[tuple[str, object]] = [
            (name, html.unescape(one or two))
            for name, one, two in _ATTRIBUTE.findall(self.attributes)
        ]
        fields = named + self.fields
        content = scalar(html.unescape(words))
        if not fields:
            return content
        if not words:
            return to_record(fields)
        return to_record([*fields, (self._content_key(content), content)])

    def _content_key(self, content: object) -> str:
        """The key of an element's text: `text` beside other fields, else `value` or its name."""
        if self.fields:
            return "text"
        number = isinstance(content, int | float) and not isinstance(content, bool)
        return "value" if number else self.name


def unstyled(text: str) -> str:
    """The text without formatting tags; `<br>` and `<p>` end a line."""
    out: list[str] = []
    at = 0
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").casefold()
        if name in _STYLES:
            out += (text[at : tag.start()], "\n" if name in ("br", "hr", "p") else "")
            at = tag.end()
    return "".join([*out, text[at:]]) if out else text


def read(text: str) -> Parts | None:
    """The elements of a text and the text between them, or None without elements."""
    if "</" not in text and "/>" not in text:
        return None
    root = _Element("", 0, 0, "")
    spans = _elements(text, root)
    if not spans:
        return None
    parts: Parts = []
    together: list[tuple[str, object]] = []
    at = 0
    for (start, end), element in zip(spans, root.fields, strict=True):
        between = text[at:start].strip()
        if between:
            if together:
                parts.append(to_record(together))
                together = []
            parts.append(between)
        together.append(element)
        at = end
    parts.append(to_record(together))
    rest = text[at:].strip()
    return [*parts, rest] if rest else parts


def _elements(text: str, root: _Element) -> list[tuple[int, int]]:
    """Add the outermost elements on lines of their own to the root; returns their spans."""
    stack = [root]
    open_names: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    at = count = 0
    while count < _MAX_TAGS and (tag := _TAG.search(text, at)):
        count += 1
        at = tag.end()
        name = tag[2]
        if name is None:
            end = text.find(_CDATA_END, at)
            at = len(text) if end < 0 else end + len(_CDATA_END)
        elif tag[1]:
            if open_names.get(name):
                while stack[-1].name != name:
                    open_names[stack.pop().name] -= 1
                _close(text, stack, tag, spans)
                open_names[name] -= 1
        elif tag[3].endswith("/"):
            if "=" in tag[3] and len(stack) <= MAX_DEPTH:
                stack.append(_Element(name, tag.start(), at, tag[3], last=at))
                _close(text, stack, tag, spans)
            elif stack[-1].name and not text[stack[-1].last : tag.start()].strip():
                stack[-1].fields.append((name, True))  # `<testcase><failure/></testcase>`
                stack[-1].last = at
        elif len(stack) <= MAX_DEPTH:
            open_names[name] = open_names.get(name, 0) + 1
            stack.append(_Element(name, tag.start(), at, tag[3], last=at))
    return spans


def _close(
    text: str, stack: list[_Element], tag: re.Match[str], spans: list[tuple[int, int]]
) -> None:
    element = stack.pop()
    start, end = element.start, tag.end()
    value = element.closed(text, tag.start())
    parent = stack[-1]
    if parent.name:
        parent.texts.append(text[parent.last : start])
        parent.last = end
        parent.fields.append((element.name, value))
    elif _stands_alone(text, spans[-1][1] if spans else 0, start, end):
        parent.fields.append((element.name, value))
        spans.append((start, end))


def _stands_alone(text: str, after: int, start: int, end: int) -> bool:
    """Whether only space or other elements precede and follow it on its lines."""
    line = text.rfind(_LINE_START, after, start)
    before = text[(after if line < 0 else line) : start].strip()
    if before:
        return False
    stop = text.find(_LINE_START, end)
    rest = text[end : len(text) if stop < 0 else stop].strip()
    return not rest or rest.startswith("<")
