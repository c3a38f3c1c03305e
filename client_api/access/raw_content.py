"""Refuses raw customer content where a detector's output belongs.

In: `output` and `metadata` of a request. Out: why it is refused, or nothing. Knows no routes, and
neither returns nor logs a word of what it saw. It protects callers who send by mistake the text
that was scanned; it is no defence against one who hides it.

A detector says labels, scores, reasons, and it quotes. So short quotations, single found values
and judgements of some length pass; running text, letters, conversations, pages, tables of
personal data and encoded files do not. Every row of the project's labelled data passes, with the
longest at less than half the limit for running text.
"""

import ast
import json
from collections.abc import Iterator

from client_api.access import raw_text
from schemas.contract import RawContent

# Running words. The longest row of the labelled data has 19.
_QUOTE_WORDS = 40
_REASON_WORDS = 250
# All texts of an item together, short ones aside: a document in pieces is a document.
_PIECE_WORDS = 12
_ALL_QUOTES_WORDS = 200
_ALL_REASONS_WORDS = 1_500
_LETTER_WORDS = 10
_SELF_WORDS = 15
_SELF_WITH_VALUE_WORDS = 8
_CHAT_WORDS = 20
_LONG_CHAT_TURNS, _LONG_CHAT_WORDS = 3, 8
_HTML_WORDS = 20
# Found values, in one text and in all.
_CARDS = 3
_VALUES = 8
_ALL_VALUES = 50
# Nothing this short is any of the above, though many may make a table.
_SHORT_CHARS = 40
# What is looked at, the longest texts first: a long text shows what it is at its beginning, and
# the time for an item is bounded.
_TEXT_CHARS = 8_000
_ITEM_CHARS = 24_000

# Under these keys, or keys that end in `_` and one of them, a detector gives its reasons.
_REASON_KEYS = frozenset(
    {
        *("reason", "reasons", "reasoning", "explanation", "explanations", "rationale"),
        *("analysis", "thinking", "thought", "thoughts", "justification", "critique", "feedback"),
        *("description", "descriptions", "summary", "details", "detail", "comment", "comments"),
        *("message", "messages", "error", "errors", "verdict", "guidance", "remediation"),
        *("recommendation", "reasoning_content"),
    }
)
_SPEAKER_KEYS = frozenset({"role", "speaker", "author", "sender", "from", "name", "user"})
_SAID_KEYS = frozenset({"content", "text", "message", "body", "value", "parts"})


def find_raw_content(output: object, metadata: object = None) -> RawContent | None:
    """Why an item is refused; None when it may pass.

    output: a text, or a parsed JSON object or array. metadata: a parsed JSON object.
    """
    return _find(output) or _find(metadata)


def _find(value: object) -> RawContent | None:
    if isinstance(value, str):
        if len(value) < _SHORT_CHARS:
            return None
        value = _parse(value)
    texts = dict(_texts(value))
    long = sorted((text for text in texts if len(text) >= _SHORT_CHARS), key=len, reverse=True)
    short = "\n".join(text for text in texts if len(text) < _SHORT_CHARS)
    values = raw_text.personal_values(short[:_ITEM_CHARS])
    quotes = reasons = looked_at = 0
    for text in long:
        if (looked_at := looked_at + min(len(text), _TEXT_CHARS)) > _ITEM_CHARS:
            break
        is_reason = texts[text]
        text = text[:_TEXT_CHARS]
        is_reason = is_reason or raw_text.judges(text)
        own_values, words = raw_text.personal_values(text), raw_text.running_words(text)
        if found := _kind(text, words, own_values, is_reason):
            return found
        values |= own_values
        if words >= _PIECE_WORDS:
            reasons += words if is_reason else 0
            quotes += 0 if is_reason else words
    if len(values) >= _ALL_VALUES:
        return RawContent.RECORDS
    if _conversation(value):
        return RawContent.CHAT
    if quotes > _ALL_QUOTES_WORDS or reasons > _ALL_REASONS_WORDS:
        return RawContent.PROSE
    return None


def _kind(text: str, words: int, values: set[str], is_reason: bool) -> RawContent | None:
    """What one text is, from its running words and the personal values in it."""
    if raw_text.is_encoded(text):
        return RawContent.ENCODED
    if raw_text.html_words(text) >= _HTML_WORDS:
        return RawContent.HTML
    turns = raw_text.chat_turns(text)
    if turns and words >= (_LONG_CHAT_WORDS if turns >= _LONG_CHAT_TURNS else _CHAT_WORDS):
        return RawContent.CHAT
    if len(raw_text.card_numbers(text)) >= _CARDS or len(values) >= _VALUES:
        return RawContent.RECORDS
    if not is_reason:
        letter = words >= _LETTER_WORDS and raw_text.is_letter(text)
        # A found value makes one mention of oneself enough.
        self_words, mentions = (_SELF_WITH_VALUE_WORDS, 1) if values else (_SELF_WORDS, 3)
        if letter or (words >= self_words and raw_text.speaks_of_self(text) >= mentions):
            return RawContent.MESSAGE
    return RawContent.PROSE if words > (_REASON_WORDS if is_reason else _QUOTE_WORDS) else None


def _parse(text: str) -> object:
    """The value that the text is the JSON or the Python form of, else the text."""
    start = text.lstrip()[:1]
    if start in ("{", "[", '"'):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    if start in ("{", "[", "("):
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return text


def _texts(value: object) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it stands where reasons do."""
    stack: list[tuple[object, bool]] = [(value, False)]
    while stack:
        node, is_reason = stack.pop()
        if isinstance(node, str):
            yield node, is_reason
        elif isinstance(node, dict):
            stack.extend((child, is_reason or _is_reason_key(key)) for key, child in node.items())
        elif isinstance(node, list | tuple | set):
            stack.extend((child, is_reason) for child in node)


def _is_reason_key(key: object) -> bool:
    name = str(key).casefold()
    return name in _REASON_KEYS or name.rpartition("_")[2] in _REASON_KEYS


def _conversation(value: object) -> bool:
    """Whether somewhere in it stands a list of who said what, of some length."""
    stack = [value]
    while stack:
        node = stack.pop()
        children = list(node.values()) if isinstance(node, dict) else node
        if not isinstance(children, list | tuple):
            continue
        stack.extend(children)
        turns = [child for child in children if _is_turn(child)]
        said = sum(raw_text.running_words(text) for turn in turns for text, _ in _texts(turn))
        if len(turns) >= 2 and said >= _LONG_CHAT_WORDS:
            return True
    return False


def _is_turn(value: object) -> bool:
    return (
        isinstance(value, dict)
        and not _SPEAKER_KEYS.isdisjoint(value)
        and not _SAID_KEYS.isdisjoint(value)
    )
