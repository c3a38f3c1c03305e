"""Blocks of lines: `key: value`, YAML with indentation and lists.

In: a text. Out: its value and the lines around it, or None. A hand-written scanner instead of a
YAML library: no anchors, tags or type guesses (`yes`, `no` and dates stay text), one pass, bounded
depth. A line that is not an entry ends the block.
"""

from dataclasses import dataclass
from typing import Final

from fallback.reading.decode import documents
from fallback.reading.decode.literal.scalars import scalar, to_record, to_records, unescaped
from fallback.reading.decode.literal.scanner import MAX_DEPTH
from fallback.reading.decode.literal.steps import Steps

_LONGEST_KEY: Final = 60
_MOST_KEY_WORDS: Final = 6
_MOST_HEADING_LINES: Final = 2
_NOT_IN_KEYS = frozenset('"{}[]=<>')
_SENTENCE_ENDS = (". ", "! ", "? ", "; ")
_BLOCK_SCALARS = frozenset({"|", "|-", "|+", ">", ">-", ">+"})
#: Words with another meaning in YAML than in Python; `None` is a word in YAML.
_YAML_WORDS = {
    "~": None, ".nan": float("nan"), ".inf": float("inf"), "-.inf": float("-inf"), "None": "None",
    "NONE": "NONE",
}  # fmt: skip
_WIDE_COLON = "\uff1a"


@dataclass(frozen=True, slots=True)
class Block:
    """A block with the text before and after it. nested: it has lists or indentation."""

    before: str
    value: object
    after: str
    nested: bool


@dataclass(slots=True)
class _Line:
    number: int
    indent: int
    text: str


def read(text: str, steps: Steps) -> Block | None:
    """The block of a text of two or more lines, which may have a heading and an end."""
    source = text.split("\n")
    lines = [
        _Line(number, len(line) - len(bare), bare.rstrip())
        for number, line in enumerate(source)
        if (bare := line.lstrip())
    ]
    if lines and lines[0].text == "---":
        del lines[0]
    if len(lines) < 2:
        return None
    first = 0
    while not _is_entry(lines[first].text):
        first += 1
        if first > _MOST_HEADING_LINES or len(lines) - first < 2:
            return None
    parser = _Parser(lines, steps)
    begin = lines[first].number
    value, after = parser.block(first, lines[first].indent, 0)
    if not parser.convinces(first, after):
        return None
    last = lines[after].number if after < len(lines) else len(source)
    return Block(
        "\n".join(source[:begin]).strip().removeprefix("---").strip(),
        value,
        "\n".join(source[last:]).strip(),
        parser.nested,
    )


def entry(line: str) -> tuple[str, str] | None:
    """The key and the rest of a `key: value` line."""
    if line.startswith("**"):
        line = line.replace("**", "")
    if line[:1] in ("'", '"'):
        end = line.find(line[0], 1)
        if 0 < end <= _LONGEST_KEY and (line[end + 1 : end + 3] in (": ", ":")):
            return line[1:end], line[end + 2 :].strip()
        return None
    head = line[: _LONGEST_KEY + 2]
    at, wide = head.find(": "), head.find(_WIDE_COLON)
    if at < 0 or 0 <= wide < at:
        at = wide if wide >= 0 else (len(line) - 1 if head == line and line[-1:] == ":" else -1)
    key = line[: max(at, 0)].rstrip(" .").lstrip("|•·▪◦ ")  # `|Confidence....: high`
    if not key or not any(map(str.isalnum, key)) or not _NOT_IN_KEYS.isdisjoint(key):
        return None
    if key.count(" ") >= _MOST_KEY_WORDS or any(end in key for end in _SENTENCE_ENDS):
        return None
    return key, line[at + 1 :].strip()


def _is_entry(line: str) -> bool:
    return line == "-" or line.startswith("- ") or entry(line) is not None


def _closes(source: str) -> bool:
    """Whether the quotation that opens a text also ends it."""
    return source.endswith('"') and source.count('"') % 2 == 0


def value_of(source: str, steps: Steps) -> object:
    """The value of the text after a colon: a quoted text, a flow structure, a scalar, a text."""
    if len(source) >= 2 and source[0] in "'\"" and source[-1] == source[0]:
        inner = source[1:-1]
        if source[0] == "'":
            if "'" not in inner.replace("''", "").replace("\\'", ""):
                return inner.replace("''", "'").replace("\\'", "'")
        elif '"' not in inner.replace("\\\\", "").replace('\\"', ""):
            return unescaped(inner)
        return source
    if source[:1] in ("{", "[") or (source[-1:] == ")" and "(" in source):
        held = documents.alone(source, steps)
        if held and len(held[1]) == 1 and held[1][0].closed:
            return held[1][0].value
    if source in _YAML_WORDS:
        return _YAML_WORDS[source]
    return source if " " in source else scalar(source)


class _Parser:
    """Reads blocks of lines by their indentation. entries: `key:` lines so far."""

    def __init__(self, lines: list[_Line], steps: Steps) -> None:
        self._lines = lines
        self._steps = steps
        self.entries = 0
        self.items = 0
        self.nested = False
        self._one_word_key = False
        self._quotes_end = True

    def convinces(self, first: int, after: int) -> bool:
        """Whether the lines are a block and not a text with a colon or bullets in it."""
        lines = len(self._lines)
        if 3 * (after - first) < 2 * lines:
            return False
        if self.entries >= 2:
            return True
        if first or after < lines or self.items < 2:
            return False
        return not self.entries or self._one_word_key

    def block(self, at: int, indent: int, depth: int) -> tuple[object, int]:
        """The list or mapping that begins at a line, and the line after it."""
        if depth >= MAX_DEPTH:
            return self._text(at, indent - 1)
        self.nested = self.nested or depth > 0
        line = self._lines[at].text
        if line == "-" or line.startswith("- "):
            return self._list(at, indent, depth)
        return self._mapping(at, indent, depth)

    def _list(self, at: int, indent: int, depth: int) -> tuple[object, int]:
        self.nested = True
        items: list[object] = []
        while at < len(self._lines) and self._lines[at].indent == indent:
            line = self._lines[at]
            if line.text != "-" and not line.text.startswith("- "):
                break
            self.items += 1
            rest = line.text[1:].lstrip()
            if not rest:
                value, at = self._below(at + 1, indent, depth)
            elif _is_entry(rest):
                line.indent = indent + len(line.text) - len(rest)
                line.text = rest
                value, at = self.block(at, line.indent, depth + 1)
            else:
                value, at = self._scalar(rest, at + 1, indent)
            items.append(value)
        return items, at

    def _mapping(self, at: int, indent: int, depth: int) -> tuple[object, int]:
        fields: list[tuple[str, object]] = []
        while at < len(self._lines) and self._lines[at].indent == indent:
            found = entry(self._lines[at].text)
            if found is None:
                break
            key, rest = found
            self.entries += 1
            self._one_word_key = " " not in key
            if rest in _BLOCK_SCALARS:
                value, at = self._literal_text(at + 1, indent, rest)
            elif rest:
                value, at = self._scalar(rest, at + 1, indent)
            else:
                value, at = self._below(at + 1, indent, depth)
            fields.append((key, value))
        if not depth and len(records := to_records(fields)) > 1:
            return records, at
        return to_record(fields), at

    def _below(self, at: int, indent: int, depth: int) -> tuple[object, int]:
        """The value below a key or a dash without a value on its own line."""
        if at >= len(self._lines):
            return None, at
        line = self._lines[at]
        dashed = line.text == "-" or line.text.startswith("- ")
        if line.indent > indent or (line.indent == indent and dashed and depth < MAX_DEPTH):
            if self._is_list_of_parent(at, indent, dashed):
                return None, at
            if _is_entry(line.text):
                return self.block(at, line.indent, depth + 1)
            return self._text(at, indent)
        return None, at

    def _is_list_of_parent(self, at: int, indent: int, dashed: bool) -> bool:
        """A dash below a dash at the same indentation is the next item, not a list in this one."""
        above = self._lines[at - 1].text
        return dashed and self._lines[at].indent == indent and above == "-"

    def _scalar(self, first: str, at: int, indent: int) -> tuple[object, int]:
        """A value on its line, with the deeper lines that continue it."""
        parts = [first]
        above = self._lines[at - 1].number
        if first[0] == '"' and not _closes(first):
            at = self._quoted(parts, at, indent)
        while at < len(self._lines) and self._lines[at].indent > indent:
            more = self._lines[at].text
            if parts[-1].endswith("\\") and first[0] == '"':
                parts[-1] = parts[-1][:-1]
                parts.append(more.removeprefix("\\"))
            else:
                gap = self._lines[at].number - above - 1
                parts += ("\n" * gap or " ", more)
            above = self._lines[at].number
            at += 1
        source = "".join(parts)
        return value_of(source, self._steps), at

    def _quoted(self, parts: list[str], at: int, indent: int) -> int:
        """The lines up to the end of a quotation, if they are not indented for YAML."""
        if at >= len(self._lines) or self._lines[at].indent > indent or not self._quotes_end:
            return at
        stop = at
        while stop < len(self._lines) and not _closes('"' + self._lines[stop].text):
            stop += 1
        if stop == len(self._lines):
            self._quotes_end = False
            return at
        parts += (part for line in self._lines[at : stop + 1] for part in ("\n", line.text))
        return stop + 1

    def _text(self, at: int, indent: int) -> tuple[object, int]:
        """Deeper lines as one text."""
        begin = at
        while at < len(self._lines) and self._lines[at].indent > indent:
            at += 1
        return value_of(" ".join(line.text for line in self._lines[begin:at]), self._steps), at

    def _literal_text(self, at: int, indent: int, style: str) -> tuple[object, int]:
        """A block scalar: `|` keeps its line ends, `>` folds them."""
        self.nested = True
        begin = at
        while at < len(self._lines) and self._lines[at].indent > indent:
            at += 1
        lines = self._lines[begin:at]
        margin = min((line.indent for line in lines), default=0)
        parts: list[str] = []
        for above, line in zip([None, *lines], lines, strict=False):
            gap = line.number - above.number if above else 0
            folded = style[0] == ">" and gap == 1
            parts += (" " if folded else "\n" * gap, " " * (line.indent - margin) + line.text)
        return "".join(parts) + ("" if style[1:] == "-" or not parts else "\n"), at
