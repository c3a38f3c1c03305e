"""The tokens of literals, and what may stand before and after them.

No expression here backtracks over a run: every repetition is possessive.
"""

import re

CLOSERS = {"{": "}", "[": "]", "(": ")"}

#: Groups of `TOKENS`, by their number; a string's group is that of its closing quote.
OPEN, CLOSE, COMMA, PAIR, DOUBLE, SINGLE, TICK, ANGLE, WORD = 1, 2, 3, 4, 6, 8, 10, 11, 12
TOKENS = re.compile(
    r"\s*+(?:([{\[(])|([}\])])|([,;]++)|(=>|:|=)"
    r'|[bru]?"((?:[^"\\]++|\\.)*+)("?)'
    r"|[bru]?'((?:[^'\\]++|\\.)*+)('?)"
    r"|`((?:[^`\\]++|\\.)*+)(`?)"
    r"|(<[^<>\n]{1,200}+>)"
    r"|([^\s,;:=\[\]{}()\"'`<]++(?:'(?=\w)[^\s,;:=\[\]{}()\"'`<]++)*+|<|.))",
    re.S,
)
LONGEST_NAME = 100
#: A class name before a brace: `Moderation {`, `Map(2) {`.
NAME = re.compile(r"[A-Za-z_&][\w.]{0,100}+(?:\([0-9]{1,6}\))?")
CALL = re.compile(r"([A-Za-z_][\w.]{0,100}+)\(")
GO_MAP = re.compile(r"map\[")
#: What JavaScript and Go print before a whole value: `Map(2) {`, `(2) [`, `&{`.
PREFIX = re.compile(r"(?:&|[A-Z][\w.]{0,100}+(?:\([0-9]{1,6}\))? ?|\([0-9]{1,6}\) )(?=[{\[])")
KEY_FOLLOWS = re.compile(r"\s*+(?:=>|[:={])")
KEY_ENDS = frozenset(" \t\n\"'[{(<")
STRING_ENDS = re.compile(r"\s*+(?:[,}\])]|$)")
KEY_STRING_ENDS = re.compile(r"\s*+:")
