"""The order in which the notations are tried."""

from dataclasses import dataclass, replace

from fallback.reading.decode import (
    blocks,
    cef,
    documents,
    events,
    markup,
    rows,
    sanitize,
    tables,
    thoughts,
    wrapping,
)
from fallback.reading.decode.documents import Piece
from fallback.reading.decode.literal import php, scanner, tokens
from fallback.reading.decode.literal.scalars import scalar
from fallback.reading.decode.literal.scanner import Literal
from fallback.reading.decode.literal.steps import Steps
from fallback.reading.decode.sanitize import MARK

TEXT = "text"
#: The most lines of a text that is read line by line.
_MAX_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of a text.

    parts: structures (dict, list, number, bool, None) and running texts (str), in order; at least
    one. format: the notation, `text` without a structure. truncated: whether the text ends within a
    structure, a printer omitted something, or the text needs too many steps. text: the whole text,
    sanitised and without reasoning, for patterns that match all of it. wrapped: what was removed
    around the text: the prefix of a logger, an HTTP message.
    """

    parts: tuple[object, ...]
    format: str
    truncated: bool
    text: str
    wrapped: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """The parts of a future `Decoded`."""

    format: str
    parts: list[object]
    closed: bool = True


def decode(text: str) -> Decoded:
    """The values and the running text of a detector's output, in order.

    Accepts any text and never raises. Work is linear in the length. In doubt a text stays text:
    structure in quotes, masks and brackets in a sentence are not decoded, nor a string with a
    structure, nor anything after a chat-template token or a NUL (see `sanitize`).
    A model's reasoning is a separate part: `{"reasoning": ...}`.
    """
    clean = sanitize.characters(text).strip()
    if (message := wrapping.log_message(clean)) is not None:
        return replace(_answer(message), wrapped=(wrapping.LOG_LINE,))
    if (response := wrapping.http_message(clean)) is not None:
        found = _Found("http", [response])
        return replace(_decoded(found, clean), wrapped=(wrapping.HTTP_MESSAGE,))
    if (event := cef.read(clean)) is not None:
        return Decoded((event[1],), event[0], False, clean)
    return _answer(clean)


def entry_of(text: str) -> dict[str, object] | None:
    """The record of a text that is one line with a key and a number or a flag; else None."""
    pair = blocks.entry(text) if "\n" not in text else None
    value = scalar(pair[1]) if pair else None
    return {pair[0]: value} if pair and isinstance(value, int | float) else None


def _answer(clean: str) -> Decoded:
    """The values of a sanitised text, with a model's reasoning as a separate part."""
    if clean.startswith("```"):
        clean = _unfenced(clean)
    answer = thoughts.split(clean)
    if answer is None:
        bare = sanitize.bare(clean)
        answer = thoughts.split(bare)
    steps = Steps.of(clean)
    if answer is None:
        bare = wrapping.unboxed(bare)
        found = _open(bare, steps)
        found.closed = found.closed and steps.left > 0
        return _decoded(found, bare)
    found = _Found(TEXT, [{thoughts.REASONING: answer.reasoning}] if answer.reasoning else [])
    found.closed = answer.closed
    texts = [wrapping.unboxed(sanitize.bare(rest)) for rest in answer.texts]
    for rest in texts:
        inner = _open(rest, steps) if answer.sure else _Found(TEXT, [_one_line(rest)])
        found = _Found(inner.format, found.parts + inner.parts, found.closed and inner.closed)
    found.closed = found.closed and steps.left > 0
    return _decoded(found, "\n".join(texts))


def _decoded(found: _Found, text: str) -> Decoded:
    parts = tuple(found.parts) or ("",)
    if "\\" in text or "&" in text:  # an escape may have brought characters back
        parts = tuple(map(sanitize.leaves, parts))
    return Decoded(parts, found.format, not found.closed, text)


def _one_line(text: str) -> str:
    """A text with the part after a template token on the token's line."""
    at = sanitize.token_in(text)
    return text if at < 0 else f"{text[:at].rstrip()} {sanitize.folded(text[at:])}".strip()


def _open(text: str, steps: Steps) -> _Found:
    """The parts of a sanitised text without reasoning."""
    if text.startswith("```"):
        text = _unfenced(text)
    if not text:
        return _Found(TEXT, [text])
    if text.startswith("map["):
        text = _braced(text)
    if held := documents.alone(text, steps):
        return _found(held[0], held[1])
    if text[-1] in "'\"" and (inner := tokens.string(text)):
        return _Found("literal", [inner])
    if (printed := rows.spans(text)) is not None:
        return _Found("spans", printed)
    if (metrics := tables.exposition(text)) is not None:
        return _Found("metrics", metrics)
    if (array := php.read(text)) is not None:
        return _Found("literal", [array])
    if (stream := events.read(text)) is not None:
        return _stream(stream, steps)
    pieces = documents.within(text, steps)
    token = _loose_token(text, pieces)
    if token >= 0:
        pieces = [piece for piece in pieces if piece.end <= token]
        text = text[:token].rstrip() + " " + sanitize.folded(text[token:])
    return _running(text, pieces, steps)


def _running(text: str, pieces: list[Piece], steps: Steps) -> _Found:
    """The parts of a running text with the structures in it."""
    tagged = not pieces and text[0] == "<" and text[-1] == ">"
    if tagged and (elements := markup.read(text)) is not None:
        return _Found("markup", elements)
    lined = text.startswith("Traceback (most") or any(_spans_lines(text, p) for p in pieces)
    if not lined and (found := _lines(text, steps)) is not None:
        return found
    if not pieces:
        if (found := _message(text, steps)) is not None:
            return found
        elements = markup.read(text)
        if elements is not None:
            return _Found("markup", elements)
        plain = markup.unstyled(text)
        return _Found(TEXT, [plain.strip() or text])
    if len(pieces) == 1 and (key := _emptied(text, pieces[0])):
        return _Found("key-value", [{key: pieces[0].value}])
    if len(pieces) == 1 and (name := _field(text, pieces[0])):
        return _Found("protobuf", [{name: pieces[0].value}], pieces[0].closed)
    found = _Found("embedded", [])
    at = 0
    for piece in pieces:
        _add_text(found, text[at : piece.start])
        found.parts.append(piece.value)
        found.closed = found.closed and piece.closed
        at = piece.end
    _add_text(found, text[at:])
    return found


def _field(text: str, piece: Piece) -> str:
    """The name of the only field of a text: `safe_search {` on a line; or empty."""
    name = text[: piece.start].rstrip()
    opens = text[piece.start : piece.start + 2] == "{\n" and not text[piece.end :].strip()
    return name if opens and "_" in name and name.isidentifier() else ""


def _emptied(text: str, piece: Piece) -> str:
    """The key of a line with an empty list or object: `violations: []`; or empty."""
    pair = blocks.entry(text) if piece.value in ([], {}) and "\n" not in text else None
    return pair[0] if pair and pair[1] == text[piece.start : piece.end] else ""


def _spans_lines(text: str, piece: Piece) -> bool:
    """Whether a structure has lines of its own; an unclosed one must begin a line."""
    begins = text[max(0, piece.start - 1) : piece.start] in ("", "\n")
    return (piece.closed or begins) and "\n" in text[piece.start : piece.end]


def _lines(text: str, steps: Steps) -> _Found | None:
    """A text in which every line is a record, an entry or a row."""
    if "=" in text:
        if (pairs := rows.logfmt(text, steps)) is not None:
            return _Found("logfmt", pairs[0], pairs[1])
        if 0 < text.count("\n") <= _MAX_LINES and (sections := rows.ini(text, steps)) is not None:
            return _Found("ini", sections)
    if "\n" not in text or text.count("\n") > _MAX_LINES:
        return None
    if (table := rows.delimited(text)) is not None:
        return _Found(*table)
    if (printed := tables.read(text)) is not None:
        return _Found("table", printed)
    marked = tables.series(text) or tables.pairs(text) or tables.tasks(text) or tables.tap(text)
    if marked is not None:
        return _Found("table", [marked])
    if _is_message(text) and (found := _message(text, steps)) is not None:
        return found
    block = blocks.read(text, steps)
    if block is None:
        return None
    parts = [part for part in (block.before, block.value, block.after) if part != ""]
    return _Found("yaml" if block.nested else "key-value", parts)


def _is_message(text: str) -> bool:
    return " {\n" in text or text.endswith(" {")


def _message(text: str, steps: Steps) -> _Found | None:
    """Protobuf text."""
    if not _is_message(text):
        return None
    body = scanner.read_body(text, steps)
    if isinstance(body, Literal) and isinstance(body.value, dict) and body.value:
        return _Found("protobuf", [body.value], body.closed)
    return None


def _stream(stream: list[tuple[str, str]], steps: Steps) -> _Found:
    found = _Found("sse", [])
    for name, data in stream:
        held = documents.alone(data.strip(), steps)
        pieces = held[1] if held else [Piece(0, 0, _one_line(data))]
        for piece in pieces:
            value = piece.value
            if name and isinstance(value, dict) and not {"event", "type"} & value.keys():
                value = {"event": name, **value}
            found.parts.append(value)
            found.closed = found.closed and piece.closed
    return found


def _found(name: str, pieces: list[Piece]) -> _Found:
    return _Found(name, [piece.value for piece in pieces], all(piece.closed for piece in pieces))


def _braced(text: str) -> str:
    """A map as printed by Go, `map[flagged:true tags:[hate]]`, with braces around its entries."""
    parts: list[str] = []
    closing: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if opens := text.startswith("map[", at):
            at += len("map[") - 1
        if opens or sign == "[":
            closing.append("}" if opens else "]")
            sign = "{" if opens else "["
        elif sign == "]" and closing:
            sign = closing.pop()
        parts.append(sign)
        at += 1
    return "".join(parts)


def _unfenced(text: str) -> str:
    """The inside of a code block that is the whole text, or its start."""
    line, _, inside = text.partition("\n")
    if not inside:
        single = text.endswith("```") and text.count("`") == 6
        return text.strip("`").strip() if single else text
    if "`" in line[3:] or " " in line[3:].strip():
        return text
    end = inside.find("\n```") if not inside.startswith("```") else 0
    if end < 0:
        return inside.strip()
    return text if inside[end:].strip("` \n\t") else inside[:end].strip()


def _loose_token(text: str, pieces: list[Piece]) -> int:
    """The index of the first template token outside of structure, or -1."""
    at = 0
    for piece in [*pieces, Piece(len(text), len(text), None)]:
        if at < piece.start and (token := sanitize.token_in(text, at, piece.start)) >= 0:
            return token
        at = max(at, piece.end)
    return -1


def _add_text(found: _Found, text: str) -> None:
    bare = text.strip()
    if any(map(str.isalnum, bare)) or MARK in bare:
        found.parts.append(bare)
