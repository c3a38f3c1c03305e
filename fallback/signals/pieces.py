"""How texts are cut and put together again: commas, tables, records of neighbouring pairs.

In: text or nodes. Out: parts, records. Knows the roles of keys, no vocabularies. Linear.
"""

from collections.abc import Iterable
from typing import Any

from fallback.signals import keys, lexicon
from schemas.text import normalise

Record = dict[str, Any]
KEYS = keys.NAME_KEYS | keys.BROAD_KEYS


def join_pairs(nodes: Iterable[str | Record]) -> list[str | Record]:
    """Neighbouring pairs as one record, a new one where a key comes again."""
    found: list[str | Record] = []
    for node in nodes:
        last = found[-1] if found else None
        if isinstance(node, dict) and set(node) == {"score"} and isinstance(last, str):
            found[-1] = {"label": last, **node}
        elif isinstance(node, dict) and isinstance(last, dict) and not (node.keys() & last.keys()):
            found[-1] = {**last, **node} if "label" not in node else last
            if "label" in node:
                found.append(node)
        else:
            found.append(node)
    return found


def split_commas(text: str) -> list[str]:
    """Cut at commas outside brackets."""
    parts, start, depth = [], 0, 0
    for at, sign in enumerate(text):
        if sign in "([":
            depth += 1
        elif sign in ")]":
            depth = max(0, depth - 1)
        elif sign == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def read_table(lines: list[str]) -> list[Record] | None:
    """CSV with a header of known keys, or a Markdown table."""
    if len(lines) < 2:
        return None
    sign = "|" if lines[0].lstrip().startswith("|") else "," if "," in lines[0] else "\t"
    rows = [
        [cell.strip(" \"'*`") for cell in line.strip().strip("|").split(sign)] for line in lines
    ]
    rows = [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]
    head = rows[0] if rows else []
    forms = [normalise(cell) for cell in head]
    if len(head) < 2 or not any(form in KEYS for form in forms):
        return None
    if any(len(row) != len(head) for row in rows[1:]) or len(set(head)) < len(head):
        return None
    return [dict(zip(head, row, strict=True)) for row in rows[1:]]


def is_prose(text: str) -> bool:
    words = text.casefold().split()
    return len(words) > 5 or (len(words) > 3 and any(w in lexicon.STOPWORDS for w in words))
