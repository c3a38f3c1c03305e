"""Splits texts: at separators outside brackets and quotes, into pairs, at quotes.

In: text. Out: parts. Hand-written scans, one per text and separator; independent of vocabularies.
"""

from collections.abc import Callable, Iterator

from fallback.reading.generic.texts.trim import unwrapped
from fallback.reading.judge import judge_word
from fallback.reading.words import load_words
from schemas.text import normalise

_FUNCTION_WORDS = load_words().texts["function_words"]
_QUOTE_HEADS = load_words().texts["quote_heads"]
_BREACHES = load_words().texts["breaches"]
_RULES = load_words().texts["rules"]
_RULE_WORDS = load_words().texts["rule_words"]
_OPENING = "([{<"
_CLOSING = ")]}>"
_MAX_LABEL = 120
_CLOSING_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "`": "`", "'": "'", "\u2018": "\u2019"}
QUOTES = '"“”«»„\u2018\u2019'
MAX_PARTS = 4000


def split(text: str, sign: str) -> list[str]:
    """The parts of a text between a separator, outside round and square brackets and quotes."""
    if sign not in text:
        return [text]
    if not any(bracket in text for bracket in '([{"'):
        return [p for p in text.split(sign) if p.strip()]
    parts: list[str] = []
    start = depth = at = 0
    quoted = False
    size = len(sign)
    while at < len(text):
        char = text[at]
        if char == '"':
            quoted = not quoted
        elif quoted:
            pass
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif depth == 0 and text.startswith(sign, at):
            parts.append(text[start:at])
            at += size
            start = at
            continue
        at += 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def is_prose(text: str) -> bool:
    """Whether a text is a sentence and not a label."""
    words = text.casefold().split()
    if len(words) > 6:
        return True
    if any(w[-1] in ".!?" and len(w) > 3 and w[:-1].isalpha() for w in words[:-1]):
        return True
    said = sum(word.strip(".,;:!?") in _FUNCTION_WORDS for word in words)
    return said > 1 or (said == 1 and len(words) > 4)


def pairs(text: str) -> tuple[str, list[tuple[str, str]]]:
    """`key=value` pairs and the text before the first of them.

    A quoted value ends at a quote that is followed by a blank and a key, or by the end: quotes
    inside it need no escape.
    """
    found: list[tuple[str, str]] = []
    head_end = len(text)
    at = 0
    while (equal := text.find("=", at)) >= 0 and len(found) < MAX_PARTS:
        start = equal
        while start > at and (text[start - 1].isalnum() or text[start - 1] in "_.-/"):
            start -= 1
        key = text[start:equal]
        if not key or not (key[0].isalpha() or key[0] == "_") or len(key) > 64:
            at = equal + 1
            continue
        if not found:
            head_end = start
        value, at = _value(text, equal + 1)
        found.append((key, value))
    return text[:head_end], found


def _value(text: str, at: int) -> tuple[str, int]:
    """The value at an index, and the index of its end."""
    if at < len(text) and text[at] in "\"'":
        quote = text[at]
        end = at
        while (end := text.find(quote, end + 1)) >= 0:
            rest = text[end + 1 : end + 80]
            if not rest.strip() or _opens_pair(rest):
                return text[at + 1 : end], end + 1
        return text[at + 1 :], len(text)
    if at < len(text) and text[at] in "[{(":
        closing = text.find({"[": "]", "{": "}", "(": ")"}[text[at]], at, at + 2000)
        if closing > 0:
            return text[at + 1 : closing], closing + 1
    end = at
    while end < len(text) and not (
        text[end].isspace() or (text[end] in ";|" and not _goes_on(text[end + 1 : end + 65]))
    ):
        end += 1
    more = _more_words(text[end : end + 60]) if text[at:end].isalpha() else 0
    return text[at : end + more].strip(",\"' "), end + more


def _goes_on(rest: str) -> bool:
    """Whether a separator is followed by a word of the same value, not by a key: `reasons=a;b`."""
    size = next((i for i, c in enumerate(rest) if not (c.isalnum() or c in "_-/")), len(rest))
    return size > 0 and rest[:1].isalpha() and (size == len(rest) or rest[size] in ";|, \n")


def _more_words(rest: str) -> int:
    """The length of the words after a bare value up to the next key; they belong to it."""
    words, equal, _ = rest.partition("=")
    before, _, key = words.rpartition(" ")
    if not equal or not key or not before.strip():
        return 0
    return len(before) if before.replace(" ", "").isalpha() else 0


def _opens_pair(rest: str) -> bool:
    """Whether `, key=` or ` key=` follows."""
    body = rest.lstrip(" ,;")
    if body == rest:
        return False
    key = body.partition("=")[0]
    return "=" in body and 0 < len(key) <= 64 and key.replace("_", "a").replace(".", "a").isalnum()


def groups(text: str) -> tuple[list[str], str] | None:
    """The contents of square brackets that hold `key: value`, and the text outside of them."""
    if "[" not in text:
        return None
    inside: list[str] = []
    outside: list[str] = []
    at = 0
    while (start := text.find("[", at)) >= 0:
        end = text.find("]", start)
        if end < 0:
            break
        content = text[start + 1 : end]
        if ": " not in content and "=" not in content:
            outside.append(text[at : end + 1])
        else:
            outside.append(text[at:start])
            inside.append(content)
        at = end + 1
    outside.append(text[at:])
    return (inside, "".join(outside).strip()) if inside else None


def breach(head: str) -> bool:
    """Whether the head of a text only means that a rule was broken."""
    words = normalise(head[:100]).split(" ")
    left = [w for w in words if not w.strip("#.").isdigit() and w not in _RULE_WORDS]
    return (
        len(left) > 1
        and not _BREACHES.isdisjoint(left)
        and not _RULES.isdisjoint(left)
        and _BREACHES.union(_RULES).issuperset(left)
    )


def keyed(text: str) -> tuple[str, str] | None:
    """`key: value` with a short key; None for another text."""
    at = text.find(":")
    while 0 < at <= 100:
        if at + 1 == len(text) or text[at + 1] in " \t*\"'[":
            key = text[:at].strip(" \t*#_-•>\"'`")
            key = key[1:-1] if key[:1] + key[-1:] == "[]" else key
            if 0 < len(key.split()) <= 6 and not any(c in key for c in '"{}<>'):
                return key, unwrapped(text[at + 1 :].strip(" \t*"))
            return None
        at = text.find(":", at + 1)
    return None


def quoting(text: str, *, open_end: bool = False) -> str | None:
    """The text before quoted text: the label of `hate: "..."`, `hate - matched text: ...`.

    open_end: a structure follows, like a quote. None for a text without a quoted part after a
    separator.
    """
    at = next((i for i, char in enumerate(text[:4000]) if char in QUOTES), -1)
    if at < 0 and text.endswith("'"):
        single = text.find(": '")
        at = single + 2 if 0 < single < len(text) - 3 else -1
    head = text if at < 0 else text[:at]
    if head.endswith("="):
        return None
    told, cut = _without_quote_heads(head, open_end or at >= 0)
    if at < 0 and not cut:
        return None
    bare = told.rstrip()
    closed = bare.rstrip(_LOOSE)
    if not closed or (closed == bare and not cut):
        return None
    return closed


_LOOSE = ":-\u2013—|>=([,.~ "
_SEPARATORS = ("\n", " (", ": ", " - ", " \u2013 ", " — ", "| ", ". ", ", ", "; ")
_QUOTE_WINDOW = 200


def _without_quote_heads(text: str, open_end: bool) -> tuple[str, bool]:
    """The text up to a header of quoted text after a separator, and whether there is one.

    `hate - matched text: ...`, `hate: user wrote ...`. open_end: a quote follows the text, so a
    header of one word is enough.
    """
    window = text[:_QUOTE_WINDOW]
    places = sorted(
        (at, len(sign)) for sign in _SEPARATORS for at in _all(window, sign) if at > 0
    )  # fmt: skip
    for at, size in places:
        rest = window[at + size :]
        words = rest.split(None, 3)[:3]
        for count in range(len(words), 0, -1):
            head = " ".join(words[:count])
            closed = head.endswith(":")
            if not closed and count == 1 and not (open_end and rest.strip() == head):
                continue
            if normalise(head.rstrip(" :,")) in _QUOTE_HEADS:
                return text[:at], True
    return text, False


def _all(text: str, sign: str) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + 1)


def outside_quotes(text: str) -> str:
    """A text that opens with a quote, without its quoted parts."""
    parts: list[str] = []
    inside = False
    for part in _at_quotes(text):
        if not inside:
            parts.append(part)
        inside = not inside
    return " ".join(p.strip() for p in parts if p.strip())


def _at_quotes(text: str) -> Iterator[str]:
    start = 0
    for at, char in enumerate(text):
        if char in QUOTES:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def without_quotes(text: str, keeps: Callable[[str], bool]) -> str:
    """A text without its quoted parts. keeps: whether a quoted part is the tool's own word."""
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        closing = _CLOSING_QUOTES.get(text[at])
        if closing is None or (text[at] == "'" and text[at - 1 : at].isalnum()):
            at += 1
            continue
        end = text.find(closing, at + 1)
        while closing == "'" and 0 < end < len(text) - 1 and text[end + 1].isalnum():
            end = text.find(closing, end + 1)
        if end < 0:
            break
        if not keeps(text[at + 1 : end].strip()):
            parts.append(text[start:at])
            start = end + 1
        at = end + 1
    return "".join([*parts, text[start:]])


def after_arrow(text: str) -> str | None:
    """The label of `"quoted text" -> label`, for any quoted text; None for another form."""
    if text[:1] not in QUOTES and ("\n" in text or not any(quote in text for quote in '"“«')):
        return None
    for arrow in (" -> ", " => ", " → "):
        head, sign, label = text.rpartition(arrow)
        label = label.strip()
        if not sign or head[-1:] not in QUOTES or not 0 < len(label) <= _MAX_LABEL:
            continue
        if "\n" in label or any(quote in label for quote in QUOTES):
            return None
        led = head[:1] not in QUOTES
        return None if led and judge_word(label) is not None else label
    return None
