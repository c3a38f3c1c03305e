"""Markup in an output: `<score> yes </score>`, `<output>BLOCK</output>`.

In: text. Out: (tag, content) pairs and the text around them. Knows no tags.
"""

import re
from itertools import islice

MAX_TAGS = 200

_TAG = re.compile(r"<([A-Za-z][\w-]{0,30})>([^<>]{0,2000})</\1>")
_ANY = re.compile(r"</?[A-Za-z][\w-]{0,30}>")
_STYLE = re.compile(r"</?(b|br|code|em|i|mark|p|span|strong|u)\s?/?>", re.IGNORECASE)
_BREAKS = ("br", "p")


def unstyled(text: str) -> str:
    """The text without tags that only say how it looks."""
    bare = _STYLE.sub(lambda tag: "\n" if tag[1].lower() in _BREAKS else "", text)
    return bare.strip() or text


def tagged(text: str) -> tuple[list[tuple[str, str]], str]:
    """Innermost tagged contents in order, and the text without any tags."""
    if "</" not in text:
        return [], text
    found = [(m[1], m[2]) for m in islice(_TAG.finditer(text), MAX_TAGS)]
    return found, _ANY.sub("\n", _TAG.sub("\n", text)).strip()
