"""Removes the output of loggers and HTTP clients around a detector's output.

In: a sanitised text. Out: the text without it and its name, or None. A similar text is unchanged: a
level alone is the detector's own word.
"""

import re
from typing import Final

LOG_LINE: Final = "log-line"
HTTP_MESSAGE: Final = "http-message"

_STAMP = (
    r"\[?(?:\d{4}[-/]\d{2}[-/]\d{2}[T ,]{1,2}\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?+"
    r"(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?+|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2})\]?"
)
_LEVEL = (
    r"[\[(]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|CRIT|FATAL"
    r"|trace|debug|info|notice|warn(?:ing)?|error|critical|fatal)(?: *+[\])])?+"
)
_NAME = r"(?:\[[^\[\]\n]{1,80}+\]|[\w.\-]{1,80}+(?:[:/][\w.\-<>]{1,60}+){0,3}(?:\[\d{1,9}\])?)"
_GAP = r"(?:[ \t]*+[|\-:\u2013][ \t]++|:?[ \t]++)"
#: A time, then a level and the logger in either order; formats of Celery, syslog, Python's logging.
_PREFIXES = re.compile(
    rf"(?:{_STAMP}{_GAP}(?:{_LEVEL}(?:{_GAP}{_NAME}(?=[ \t]++[|\-\u2013][ \t]|:[ \t]|\][ \t]|"
    rf"(?<=\])[ \t]))?+|{_NAME}{_GAP}{_LEVEL})(?:{_GAP}|:)"
    rf"|\[{_STAMP}: {_LEVEL}/[\w\-]{{1,60}}+\]"
    rf"|{_STAMP} [\w.\-]{{1,80}}+ [\w.\-/]{{1,80}}+\[\d{{1,9}}\]:(?: {_LEVEL}:?(?= ))?+"
    rf"|(?:DEBUG|INFO|WARNING):[\w.\-]{{1,80}}+:)[ \t]*+"
)
#: Words of a logger before the text.
_HEAD = re.compile(
    r"(?:(?:raw|guard|guardrail|model|detector|moderation|scan|got|received|the) ){0,2}"
    r"(?:response|result|output|answer|reply|body|returned|received|got)[ \t]*+[:=][ \t]*+",
    re.IGNORECASE,
)
#: A level alone before a line; it is a logger's only before several lines.
_LEVELS = re.compile(
    r"\[?(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\]?(?:: | +(?=\S))"
)
#: What a CI job prints to annotate a file; its level is no word of the message.
_COMMAND = re.compile(r"::(?:error|warning|notice)(?: [^:\n]{1,300}+)?::(?=[^\s:])")
_QUIET: Final = frozenset({"TRACE", "DEBUG", "INFO", "NOTICE"})
_STATUS_LINE = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})\b[^\n]*+\n")
_HEADER = re.compile(r"([A-Za-z0-9][\w\-]{0,60}+):[ \t]*+([^\n]*+)(?:\n|$)")
#: `Rating: [[unsafe]]`, a usual format of judge models.
_BOXED = re.compile(
    r"(?<=[:=])([ \t]{0,3})\[\[([A-Za-z][\w \-/]{0,40}+)\]\](?=[ \t.]{0,3}(?:\n|$))"
)
#: `violence  [######....] 0.83`: how long the bar is says the same as the number.
_BAR_SIGNS: Final = ("#]", "=]", ".]", "-]", " ]", "\u2588", "\u2593", "\u2591")
_BAR = re.compile(
    r"(?<=[ \t])(?:\[[#=\-.> |]{4,80}+\]|[\u2588\u2593\u2592\u2591]{3,80}+)[ \t]*+(?=\d)"
)
_MOST_HEADERS: Final = 64


def log_message(text: str) -> str | None:
    """The messages of lines that a logger printed; None if the first line has no prefix."""
    if _COMMAND.match(text):
        heads = [(line, _COMMAND.match(line)) for line in text.split("\n")]
        return "\n".join(line[head.end() :] if head else line for line, head in heads)
    if _PREFIXES.match(text) is None:
        return _levelled(text)
    lines = [_message(line) for line in text.split("\n")]
    return "\n".join(lines).strip() or None


def _levelled(text: str) -> str | None:
    """The messages of lines that all begin with a level, at least one not a severity."""
    first = _LEVELS.match(text)
    if first is None or "\n" not in text:
        return None
    lines = [line for line in text.split("\n") if line.strip()]
    heads = [_LEVELS.match(line) for line in lines]
    levels = {head[1] for head in heads if head}
    if not all(heads) or len(levels) < 2 or _QUIET.isdisjoint(levels):
        return None
    return "\n".join(line[head.end() :] for line, head in zip(lines, heads, strict=True) if head)


def _message(line: str) -> str:
    prefix = _PREFIXES.match(line)
    if prefix is None:
        return line
    head = _HEAD.match(line, prefix.end())
    at = head.end() if head and head.end() < len(line) else prefix.end()
    return line[at:]


def unboxed(text: str) -> str:
    """A text without the double brackets around an answer, and without bars before a number."""
    if any(sign in text for sign in _BAR_SIGNS):
        text = _BAR.sub(" ", text)
    return _BOXED.sub(r"\1\2", text) if "[[" in text else text


def http_message(text: str) -> dict[str, object] | None:
    """Status, headers and body of a raw HTTP response; None for any other text."""
    status = _STATUS_LINE.match(text)
    if status is None:
        return None
    headers: dict[str, object] = {}
    at = status.end()
    while len(headers) < _MOST_HEADERS and (header := _HEADER.match(text, at)):
        headers[header[1]] = header[2]
        at = header.end()
    if text[at : at + 1] not in ("\n", ""):
        return None
    return {"status_code": int(status[1]), "headers": headers, "body": text[at:].strip()}
