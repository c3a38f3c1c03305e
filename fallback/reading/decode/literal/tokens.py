"""The tokens of literals, and the text that may precede and follow them.

No expression here backtracks over a run: every repetition is possessive.
"""

import re

from fallback.reading.decode.literal.scalars import unescaped

CLOSERS = {"{": "}", "[": "]", "(": ")"}

#: Groups of `TOKENS`, by their number; a string's group is that of its closing quote.
OPEN, CLOSE, COMMA, PAIR, DOUBLE, SINGLE, TICK, ANGLE, WORD = 1, 2, 3, 4, 6, 8, 10, 11, 12
TOKENS = re.compile(
    r"\s*+(?:([{\[(])|([}\])])|([,;]++)|(=>|:|=)"
    r'|[bru]?"((?:[^"\\]++|\\.?)*+)("?)'
    r"|[bru]?'((?:[^'\\]++|\\.?)*+)('?)"
    r"|`((?:[^`\\]++|\\.?)*+)(`?)"
    r"|(<[^<>\n]{1,200}+>)"
    r"|([^\s,;:=\[\]{}()\"'`<]++(?:'(?=\w)[^\s,;:=\[\]{}()\"'`<]++)*+|<|.))",
    re.S,
)
LONGEST_NAME = 100
#: A class name before a brace: `Moderation {`, `Map(2) {`.
NAME = re.compile(r"[A-Za-z_&][\w.]{0,100}+(?:\([0-9]{1,6}\))?")
CALL = re.compile(r"([A-Za-z_][\w.]{0,100}+)\(")
GO_MAP = re.compile(r"map\[")
#: Prefixes of a whole value in JavaScript and Go: `Map(2) {`, `(2) [`, `&{`.
PREFIX = re.compile(r"(?:&|[A-Z][\w.]{0,100}+(?:\([0-9]{1,6}\))? ?|\([0-9]{1,6}\) )(?=[{\[])")
KEY_FOLLOWS = re.compile(r"\s*+(?:=>|[:={])")
KEY_ENDS = frozenset(" \t\n\"'[{(<")
STRING_ENDS = re.compile(r"\s*+(?:[,}\])]|$)")
KEY_STRING_ENDS = re.compile(r"\s*+:")


def begins(text: str) -> bool:
    """Whether a text begins with a bracket, or with a name and one."""
    forms = (PREFIX, CALL, GO_MAP)
    return text[:1] in CLOSERS or any(form.match(text) for form in forms)


def string(text: str) -> str | None:
    """The content of a text that is one quoted string and nothing else."""
    found = TOKENS.fullmatch(text)
    kind = found.lastindex if found else None
    if found is None or kind not in (DOUBLE, SINGLE) or not found[kind]:
        return None
    return unescaped(found[kind - 1])


def constructor_at(text: str, bracket: int) -> int:
    """The index of the class name directly before a round bracket, or -1."""
    low = max(0, bracket - LONGEST_NAME)
    start = bracket
    while start > low and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    last = text[start:bracket].rpartition(".")[2]
    return start if start > low and last[:1].isupper() and text[start].isalpha() else -1
