"""Removes characters and tokens with which a text could deceive the reader.

In: any text. Out: text without invisible characters. Nothing here raises or backtracks.

Characters (`characters`, also used for every decoded string):

- Colours and styles of a terminal are removed.
- NUL becomes `MARK`; every other control character, private use and exotic space becomes a space.
  `\\n` and `\\t` stay, `\\r\\n` becomes `\\n`. So only `\\n` ends a line.
- Zero-width, bidirectional, tag and overlay characters are removed; text between a right-to-left
  override and its end is reversed, as it is displayed. A lone surrogate becomes U+FFFD.
- Full-width and mathematical letters, digits and `/ - _ .` become plain ones. Full-width quotes,
  brackets, colons and commas are unchanged: folding them could create structure.
- A word of Latin letters and similar letters of Cyrillic or Greek becomes Latin.

Chat-template tokens (`<|im_end|>`, `</s>`, `[/INST]` ...):

- Before the first and after the last other character they are dropped with their role word
  (`bare`): `<|assistant|>safe<|end|>` is `safe`.
- After the start of a text, outside of structure, a token ends the part that may be decoded
  (`folded`): it becomes `MARK`, and all that follows stays on the same line as the text before.
  Text after `MARK` is quoted content, never an answer.
"""

import re
import unicodedata
from typing import Final

#: Replaces a NUL or a template token; the text after it is quoted content.
MARK: Final = "\ufffc"

_RUNS_REMOVED = (
    (0x00AD, 0x00AD), (0x0334, 0x0338), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160),
    (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F),
    (0x20D2, 0x20D3), (0x20E5, 0x20E6), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0000, 0xE0FFF),
)  # fmt: skip
_RUNS_SPACED = (
    (0x01, 0x08), (0x0B, 0x1F), (0x7F, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
    (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xE000, 0xF8FF),
    (0xF0000, 0x10FFFF),
)  # fmt: skip
_RUNS_FOLDED = ((0xFF0D, 0xFF0F), (0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF3F, 0xFF3F),
                (0xFF41, 0xFF5A), (0x1D400, 0x1D7FF))  # fmt: skip
_RUN_LONE = (0xD800, 0xDFFF)


def _class(*runs: tuple[int, int]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)


_REMOVED = re.compile(f"[{_class(*_RUNS_REMOVED)}]++")
_SPACED = re.compile(f"[{_class(*_RUNS_SPACED)}]")
_FOLDED = re.compile(f"[{_class(*_RUNS_FOLDED)}]++")
#: Colours and styles of a terminal.
_STYLED = re.compile(r"\x1b\[[0-9;]*+m")
_LONE = re.compile(f"[{_class(_RUN_LONE)}]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_FOLDS = {
    code: plain
    for first, last in _RUNS_FOLDED
    for code in range(first, last + 1)
    if (plain := unicodedata.normalize("NFKC", chr(code))).isalnum() or plain in "/-_."
}
_LOOKALIKES = dict(zip(
    map(ord, "асеорхуіјѕһԁԛԝАВСЕНІЈКМОРЅТХΑΒΕΖΗΙΚΜΝΟΡΤΥΧοα"),  # noqa: RUF001
    "aceopxyijshdqwABCEHIJKMOPSTXABEZHIKMNOPTYXoa", strict=True,
))  # fmt: skip
_OTHER_LETTERS = re.compile(r"[\u0370-\u052f]")
_WORD = re.compile(r"[A-Za-z\u0370-\u052f]++")
_OVERRIDE, _PLAIN_AGAIN = "\u202e", re.compile("[\u202c\n]")

_TOKEN = re.compile(
    r"<[|\uff5c][\w\- /.:\u2581]{1,40}+[|\uff5c]>|</?s>|\[/?INST\]|<</?SYS>>"
    rf"|<(?:start|end)_of_turn>|<(?:bos|eos|pad)>|{MARK}"
)
_LONGEST_TOKEN = 48
#: Tokens that are dropped before and after a text; the next ones are tokens inside it.
_MOST_OUTER_TOKENS = 64
_ROLE = re.compile(r"(?:assistant|model|system|tool|user)(?=\n|<\||$)")


def characters(text: str) -> str:
    """The text with only visible characters, spaces, tabs, line ends and `MARK`."""
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _OVERRIDE in text:
        text = _turned(text)
    if "\x1b[" in text:
        text = _STYLED.sub("", text)
    text = _SPACED.sub(" ", _REMOVED.sub("", text.replace("\x00", MARK)))
    if text.isascii():
        return text
    if _LONE.search(text):
        text = _LONE.sub("\ufffd", _PAIR.sub(_joined, text))
        return characters(text)
    text = _FOLDED.sub(lambda run: run[0].translate(_FOLDS), text)
    return _WORD.sub(_latin, text) if _OTHER_LETTERS.search(text) else text


def _latin(word: re.Match[str]) -> str:
    """A word of mixed scripts in Latin letters if all others look like Latin; else unchanged."""
    folded = word[0].translate(_LOOKALIKES)
    mixed = any(map(str.isascii, word[0]))
    return folded if mixed and folded.isascii() else word[0]


def _joined(pair: re.Match[str]) -> str:
    """The character of two surrogates, which JSON escapes singly."""
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _turned(text: str) -> str:
    parts = text.split(_OVERRIDE)
    out = [parts[0]]
    for part in parts[1:]:
        end = _PLAIN_AGAIN.search(part)
        stop = end.start() if end else len(part)
        out += (part[:stop][::-1], part[stop:])
    return "".join(out)


def bare(text: str) -> str:
    """The text without white space and template tokens before and after it."""
    start, stop = 0, len(text)
    for _ in range(_MOST_OUTER_TOKENS):
        start = _skip_spaces(text, start)
        token = _TOKEN.match(text, start)
        if token is None:
            break
        start = token.end()
        role = _ROLE.match(text, start)
        if role and token[0] != MARK:
            start = role.end()
    for _ in range(_MOST_OUTER_TOKENS):
        while stop > start and (text[stop - 1].isspace() or text[stop - 1] == MARK):
            stop -= 1
        last = _last_token(text, start, stop)
        if last < 0:
            break
        stop = last
    return text[start:stop]


def _last_token(text: str, start: int, stop: int) -> int:
    """The start of the template token that ends at an index, or -1."""
    if stop <= start or text[stop - 1] not in ">]":
        return -1
    low = max(start, stop - _LONGEST_TOKEN)
    found = [token.start() for token in _TOKEN.finditer(text, low, stop) if token.end() == stop]
    return found[0] if found else -1


def token_in(text: str, start: int = 0, stop: int | None = None) -> int:
    """The index of the first template token or `MARK` of a span, or -1."""
    found = _TOKEN.search(text, start, len(text) if stop is None else stop)
    return found.start() if found else -1


def folded(text: str) -> str:
    """The text on one line, each template token as `MARK`."""
    return " ".join(_TOKEN.sub(f" {MARK} ", text).split())


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def leaves(value: object) -> object:
    """A decoded value with sanitised strings and keys. Its nesting is bounded by the decoder."""
    if isinstance(value, str):
        return characters(value)
    if isinstance(value, dict):
        record: dict[str, object] = {}
        seen: set[str] = set()
        for key, inner in value.items():
            keep(record, seen, characters(key), leaves(inner))
        return record
    if isinstance(value, list):
        return [leaves(inner) for inner in value]
    return value


def keep(record: dict[str, object], repeated: set[str], key: str, value: object) -> None:
    """Set a key; an existing key keeps all its values, in a list."""
    if key not in record:
        record[key] = value
    elif key in repeated:
        held = record[key]
        assert isinstance(held, list)
        held.append(value)
    else:
        repeated.add(key)
        record[key] = [record[key], value]
