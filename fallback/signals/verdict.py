"""Texts that judge as a whole: nothing there, nothing found, a failure, a yes or a no.

In: text. Out: whether it is of such a kind, or the text without its wrapping. Knows no names of
findings.
"""

import re

from fallback.signals.lexicon import (
    CLEARED,
    CLEARING_PHRASES,
    CLEARING_STARTS,
    CONTRASTS,
    EMPTY,
    FAILURE_PHRASES,
    FAILURE_STARTS,
    NOTHING_FOUND,
    VERDICTS,
)
from schemas.text import normalise

_CHAT_TOKENS = re.compile(r"<\|[^|<>\n]{0,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>")
_ROLES = frozenset({"assistant", "model", "user", "system"})
_FENCE = "```"
_THOUGHTS = ("think", "thinking", "reasoning", "analysis", "scratchpad")
_HTTP = re.compile(r"(?:http(?:/\d(?:\.\d)?)?|status(?: code)?)?[ :]*[45]\d\d\b(?:[ :-]|$)", re.I)
_FINDING_WORDS = (
    "detected",
    "blocked",
    "violat",
    "flagged",
    "guardrail",
    "unsafe",
    "policy",
    "filtered",
)
_MAX_SENTENCE = 600


def unwrap(text: str) -> str:
    """The text without byte order mark, NULs, chat template tokens, roles and code fences."""
    text = text.replace("\ufeff", "").replace("\x00", "")
    if "<" in text or "[" in text:
        bare = _CHAT_TOKENS.sub("\n", text)
        if bare != text:
            lines = (line for line in bare.split("\n") if line.strip() not in _ROLES)
            text = "\n".join(lines)
    text = text.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) > 2 * len(_FENCE):
        first, line_end, rest = text[3:-3].partition("\n")
        text = (rest if line_end and first.strip().isalnum() else text[3:-3]).strip()
    return text


def without_thoughts(text: str) -> tuple[str, str]:
    """The text without its reasoning block, and the reasoning."""
    for tag in _THOUGHTS:
        start = text.find(f"<{tag}>")
        if start < 0:
            continue
        end = text.find(f"</{tag}>", start)
        if end < 0:
            continue
        thought = text[start + len(tag) + 2 : end].strip()
        return (text[:start] + "\n" + text[end + len(tag) + 3 :]).strip(), thought
    return text, ""


def is_empty(text: str) -> bool:
    return text.strip() in EMPTY


def is_failure(text: str) -> bool:
    """Whether a text is the detector's own failure, not its finding."""
    head = text[:_MAX_SENTENCE].strip().casefold()
    if "traceback (most recent call last)" in head:
        return True
    words = len(head.split())
    starts = head.startswith(FAILURE_STARTS) or head == "error" or _HTTP.match(head) is not None
    says = any(phrase in head for phrase in FAILURE_PHRASES)
    if any(word in head for word in _FINDING_WORDS) and not (starts and says):
        return False
    if starts:
        return True
    return says and words <= 12 and ":" not in head.partition(" ")[0]


def accuses(text: str) -> bool:
    """Whether a text opens with an unsafe verdict: `unsafe`, then categories."""
    first = next(iter(text.splitlines()), "")
    return normalise(first) in VERDICTS or first.casefold().startswith("unsafe")


def clears(text: str) -> bool:
    """Whether a text, of any length, says that nothing was found."""
    text = text.strip()
    if len(text) > _MAX_SENTENCE:
        return False
    bare = text.strip(" \t\n.!\"'`*#")
    if normalise(bare) in NOTHING_FOUND:
        return True
    low = f" {bare.casefold()} "
    if any(contrast in low for contrast in CONTRASTS) or ";" in low:
        return False
    if low.lstrip().startswith(_NOT_CLEARING) or " unsafe" in low:
        return False
    if _SAFE_SUBJECT.match(low.lstrip()):
        return True
    words = re.findall(r"[a-z]+", low)
    if len(words) < 3 or not any(word.startswith(CLEARED) for word in words):
        return _NOTHING.match(low.lstrip()) is not None
    answered = low.lstrip().startswith(_ANSWERS)
    starts = low.lstrip().removeprefix("no, ").startswith(CLEARING_STARTS)
    return answered or starts or any(phrase in low for phrase in CLEARING_PHRASES)


_ANSWERS = ("no, ", "no. ", "safe, ", "safe. ", "safe - ", "safe: ")
#: Sentences that need no object: `Nothing was found`, `All checks passed`.
_NOTHING = re.compile(
    r"nothing (?:was |has been )?(?:found|detected|flagged|identified|to report)\b"
    r"|all clear\b|all checks passed\b|passed all\b"
)
_SAFE_SUBJECT = re.compile(
    r"(?:the |this |your )?(?:user |model |assistant )?"
    r"(?:content|text|message|input|output|response|prompt|request|conversation|comment|post|image"
    r"|query|reply|completion|document) "
    r"(?:is|was|are|appears to be|seems to be|appears|seems|looks) (?:completely |entirely )?"
    r"(?:safe|benign|harmless|clean|fine|compliant|acceptable|allowed|legitimate)\b"
)
_NOT_CLEARING = (
    "not safe", "not allowed", "not compliant", "not permitted", "not ok", "not appropriate",
    "not acceptable", "not suitable", "no longer", "not only", "no doubt", "not just", "no, but",
    "nothing but", "no consent", "zero day", "zero-day", "zero tolerance", "yes",
)  # fmt: skip
