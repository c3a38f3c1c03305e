"""Whole texts of known meaning: clean, empty, or the tool's own failure.

In: a text. Out: one of these meanings. Closed lists and fixed openings only: a word inside a text
does not clear, fail or dismiss it. Linear in the length of the opening.
"""

from http import HTTPStatus

from fallback.reading.generic.texts import contrast
from fallback.reading.generic.vocabulary.counting import counts
from fallback.reading.words import load_words
from schemas.text import normalise

_TEXTS = load_words().texts
_HEADING = (
    load_words().keys["general"]
    | load_words().keys["container"]
    | frozenset(
        {"scan", "json", "here", "below", "following", "analysis", "reply", "log", "printed"}
    )
)
_KEYED = load_words().values["keyed"]
_DECISIONS = load_words().keys["decision"]
_OPENING = 300
_MAX_WHOLE = 120
_MARKS = " \t\r\n.!\"'`*#✅✓👍"
_STARTS = tuple(sorted(_TEXTS["failure_starts"], key=len, reverse=True))
_SIGNS = tuple(_TEXTS["failure_signs"])
#: Openings that need no further sign.
_PLAIN = (
    "traceback (most recent call last)", "rpc error:", "fatal error", "unhandled exception",
    "an error occurred", "an unexpected error occurred", "an exception occurred", "curl:", "panic:",
    "internal server error", "segmentation fault", "cuda out of memory", "cuda error",
    "error code:", "skipped:", "skipped -", "skipped (", "not evaluated", "not judged",
    "not scanned", "evaluation skipped", "check skipped", "scan skipped",
)  # fmt: skip
_EXCEPTIONS = (
    "error",
    "exception",
    "timeout",
    "failure",
    "refused",
    "interrupt",
    "warning",
    "fault",
)
#: Names of findings: a text with one of these in its opening does not report a failure.
_FINDINGS = (
    "polic", "violat", "guardrail", "content filter", "content_filter", "moderation", "safety",
    "blocked", "flagged", "tripwire", "unsafe", "harmful", "detected", "jailbreak", "toxic", "pii",
)  # fmt: skip
#: Names of a check, and words for its end.
_LOOKS = frozenset(
    {
        "scan",
        "scanning",
        "scanned",
        "analysis",
        "analyzing",
        "evaluation",
        "evaluating",
        "audit",
        "inspection",
        "inspecting",
        "check",
        "checking",
        "checked",
        "run",
        "running",
        "review",
    }
)
_OVER = (
    _TEXTS["counted_places"]
    | load_words().keys["counted"]
    | {"complete", "completed", "done", "finished", "started", "successfully"}
    | {"is", "was", "has", "for", "of"}
)
_STATUS = {str(int(s)): normalise(s.phrase) for s in HTTPStatus if s >= HTTPStatus.BAD_REQUEST}


def whole(text: str) -> str:
    """A short text in the form of the lists; empty for a longer one."""
    return normalise(text.strip(_MARKS)) if len(text) <= _MAX_WHOLE else ""


def is_empty(text: str) -> bool:
    """Whether a text has no content: blank, null, or signs only."""
    bare = text.strip()
    if not any(sign.isalnum() for sign in bare[:2000]):
        return not any(sign.isalnum() for sign in bare)
    return whole(text) in _TEXTS["empty"]


def is_bare(text: str) -> bool:
    """Whether a text clears only under the key of a decision: alone it may be about anything.

    So may the beginning of an incomplete key: `User Safe` of `User Safety`.
    """
    form = whole(text)
    return form in _KEYED or (" " in form and ":" not in text and f"{form}ty" in _DECISIONS)


def is_clean(text: str) -> bool:
    """Whether a whole text means that nothing was found."""
    form = whole(text)
    return form in _TEXTS["clean"] or counts(text) is False or contrast.clears(text)


def is_failure(text: str) -> bool:
    """Whether a text is the tool's own failure: a known text, an exception, a status."""
    form = whole(text)
    if form and form in _TEXTS["failures"]:
        return True
    return opens_error(text) and not any(w in text[:_OPENING].casefold() for w in _FINDINGS)


def opens_error(text: str) -> bool:
    """Whether a text begins like an error, with any content."""
    opening = _untagged(text[:_OPENING]).strip()
    folded = opening.casefold()
    return _starts(folded) or _is_exception(opening) or _is_status(folded)


def _untagged(opening: str) -> str:
    """The words of a page's opening, `502 Bad Gateway`; another text unchanged."""
    if not opening.lstrip()[:9].casefold().startswith(("<html", "<!doctype")):
        return opening
    words = (piece.rpartition(">")[2].strip() for piece in opening.split("<"))
    return " ".join(dict.fromkeys(filter(None, words)))


def _starts(opening: str) -> bool:
    if opening.startswith(_PLAIN):
        return True
    if not opening.startswith(_STARTS):
        return False
    start = next(s for s in _STARTS if opening.startswith(s))
    rest = opening[len(start) :]
    if rest[:1].isalnum():
        return False
    return any(sign in rest for sign in _SIGNS)


def _is_exception(opening: str) -> bool:
    """`TypeError: ...`, `requests.exceptions.ReadTimeout: ...`, `java.io.IOException: ...`."""
    head, colon, rest = opening.partition(":")
    if not colon or not 4 < len(head) <= 120 or " " in head or not (rest[:1].isspace() or not rest):
        return False
    name = head.rpartition(".")[2]
    return (
        name.isidentifier()
        and name[:1].isupper()
        and name.casefold().endswith(_EXCEPTIONS)
        and name.casefold() not in _EXCEPTIONS
    )


def _is_status(opening: str) -> bool:
    """`503 Service Unavailable`, `HTTP/1.1 429 Too Many Requests`, `status code 502: ...`."""
    if not any(map(str.isdigit, opening[:40])):
        return False
    words = [word.strip(",;:-()") for word in normalise(opening[:80]).split(" ")]
    lead = 0
    while lead < len(words) and lead < 5 and words[lead] in _LEADING:
        lead += 1
    if lead >= len(words):
        return False
    phrase = _STATUS.get(words[lead])
    if phrase is None:
        return False
    rest = " ".join(words[lead + 1 :]).strip(" -:,(")
    return rest.startswith(phrase) or not rest or (lead > 0 and words[0] in _LEADING)


_LEADING = frozenset({"http", "https", "status", "code", "1", "1.1", "2", "0", "error", "response"})


def is_heading(text: str) -> bool:
    """Whether one of a text's words announces a result."""
    words = normalise(text[:200]).split(" ")
    return len(words) > 8 or not _HEADING.isdisjoint(words)


def is_progress(text: str) -> bool:
    """Whether a text only reports a scan's progress: `Scan complete`, `Scanning 4 files`."""
    words = normalise(text[:_MAX_WHOLE]).strip(" .").split(" ")
    rest = [word for word in words[1:] if not word.isdecimal()]
    return len(words) > 1 and words[0] in _LOOKS and _OVER.issuperset(rest)


def is_log(text: str) -> bool:
    """Whether a text is the head of a log line: it begins with a date, a time or a level."""
    first = text.split(None, 1)[0].strip("[]:")
    return first[:2].isdigit() or normalise(first) in (
        "info", "warn", "warning", "error", "debug", "notice", "critical", "trace",
    )  # fmt: skip
