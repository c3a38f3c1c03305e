"""Removes text around a label: bullets, emoji, quotes, numbers in a list, brackets at the end.

In: a piece of text. Out: the piece without it, or its parts. Independent of vocabularies.
"""

from fallback.reading.generic.vocabulary.spelling import is_code
from fallback.reading.judge import as_number, judge_word
from fallback.reading.words import load_words
from schemas.text import normalise

_TICKS = frozenset("+*-!i")
_BULLETS = "•·▪‣◦\u2013—*->✓✗✔✘☑→#"


def trimmed(text: str) -> str:
    """A piece without bullets, emoji and blanks at its ends."""
    text = text.strip()
    if text[:1] == "[" and text[1:2] in _TICKS and text[2:4] == "] ":  # `[+] Scan complete`
        text = text[4:]
    for mark in ("**", "__", "~~"):
        if len(text) > 4 and text.startswith(mark) and text.find(mark, 2) == len(text) - 2:
            text = text[2:-2].strip()
    start, end = 0, len(text)
    while start < end and (text[start] in _BULLETS or _is_symbol(text[start])):
        if (
            text[start] in "*->#"
            and start + 1 < end
            and text[start + 1].isalnum()
            and (text[start] != "#")
        ):
            break
        start += 1
    while end > start and _is_symbol(text[end - 1]):
        end -= 1
    return unquoted(text[start:end].strip())


def unquoted(text: str) -> str:
    """A text without the quotes around all of it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def unwrapped(text: str) -> str:
    """A word without the brackets of an answer template: `{unsafe}`."""
    inner = text[1:-1].strip()
    wrapped = text[:1] + text[-1:] in ("{}", "[]", "<>") and inner.replace(" ", "a").isalnum()
    return inner if wrapped and inner[:1].isalpha() and not inner.isupper() else text


def _is_symbol(char: str) -> bool:
    """Emoji and their modifiers, and blanks."""
    return (
        char.isspace()
        or "\u2190" <= char <= "\u2bff"
        or char >= "\U0001f000"
        or char in "\ufe0f\u200d"
    )


def without_number(text: str) -> str:
    """A label without its number in a list: `2.3 threats`, `4) spam`, `10 - fraud`."""
    if text.startswith("["):
        number, closed, body = text[1:].partition("] ")
        return body.strip() if closed and number.isdecimal() and len(number) <= 4 else text
    text = text.removeprefix("№").lstrip()
    at = 0
    while at < len(text) and at < 8 and (text[at].isdigit() or text[at] == "."):
        at += 1
    if at == 0 or at == len(text) or not text[0].isdigit():
        return text
    number = text[:at]
    rest = text[at:]
    if rest[0] in ")]:" or number.endswith("."):
        body = rest.lstrip(")]:. ")
    elif rest.startswith(" ") and ("." in number and float_over_one(number)):
        body = rest.strip()
    elif rest.startswith((" - ", " \u2013 ", " — ")):
        body = rest[3:].strip()
    else:
        return text
    return body if body[:1].isalpha() else text


def without_place(text: str) -> str:
    """A label without the file of the finding: `private key in src/id.pem:1`, `/a.py: spam`."""
    place, colon, rest = text.partition(": ")
    if colon and "/" in place and " " not in place and "://" not in place and rest.strip():
        judged = judge_word(rest) is not None or as_number(rest) is not None
        if "." in place.rpartition("/")[2] and not judged:
            return rest.strip()
    for sign in (" in ", " at ", " @ "):
        head, found, place = text.rpartition(sign)
        path, colon, line = place.partition(":")
        if found and colon and line.replace(":", "").isdecimal() and " " not in path:
            return head.rstrip(" ,:") if "." in path or "/" in path else text
    return text


def float_over_one(number: str) -> bool:
    """Whether a number with points is not a share: `2.3`, `1.2.1`."""
    value = as_number(number)
    return value is None or value > 1


def tail_of(text: str) -> tuple[str, str]:
    """The last bracket or word of a piece, and the text before it."""
    if text.endswith((")", "]")):
        at = max(text.rfind("("), text.rfind("["))
        if at <= 0:
            return "", ""
        inner = text[at + 1 : -1].strip()
        for sign in (":", "=", " "):
            key, found, value = inner.rpartition(sign)
            if found and (as_number(value) is not None or judge_word(value) is not None):
                if normalise(key) in load_words().keys["tails"]:
                    inner = value.strip()
                break
        return text[:at].strip(" _-:@,"), inner
    head, _, tail = text.rpartition(" ")
    if not head and "@" in text:
        head, _, tail = text.rpartition("@")
    if tail.startswith(("x", "#", "\u00d7")) and tail[1:].isdigit():
        tail = tail[1:]
    return head.strip(" _:=@,-("), tail


def codes(text: str) -> bool:
    """Whether all words are codes: `S1 S2`, `S1,S2`."""
    words = text.replace(",", " ").split()
    return bool(words) and all(is_code(word) for word in words)
