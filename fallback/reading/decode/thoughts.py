"""The reasoning of a model before its answer.

In: a text. Out: the reasoning and the rest, or None. Only the start of a text can be reasoning: a
later `<think>` may be quoted. Reasoning under a head ends if the last line has the head of an
answer, or an answer in double brackets. If the end of the reasoning is not clear, all that follows
its first possible end is one text.
"""

import re
from dataclasses import dataclass
from typing import Final

#: The key of reasoning among the parts.
REASONING: Final = "reasoning"

_TAG = re.compile(r"\s*+<(think|thinking|reasoning|thought|analysis|scratchpad)>")
_CHANNEL = re.compile(r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>")
_MESSAGE = "<|message|>"
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_START, _BARE_FINAL = "analysis", "assistantfinal"
_LONGEST_CHANNEL_NAME: Final = 80
_EMPHASIS = r"[*_#]{0,3}"
_HEAD = re.compile(
    rf"{_EMPHASIS} ?(?:thoughts?|reasoning|analysis|rationale|explanation|step 1){_EMPHASIS}:",
    re.IGNORECASE,
)
_LAST_LINE = re.compile(
    rf"{_EMPHASIS} ?(?:(?:my|final|the|overall) ){{0,2}}"
    rf"(?:answer|verdict|conclusion|decision|judge?ment|rating|label){_EMPHASIS}:{_EMPHASIS}[ \t]",
    re.IGNORECASE,
)
#: `Rating: [[unsafe]]`, a usual format of judge models.
_BOXED = re.compile(r"[A-Za-z][A-Za-z ]{2,30}[:=] {0,3}\[\[[A-Za-z][\w \-/]{0,40}+\]\][ .]{0,3}")
_LONGEST_BOXED: Final = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer after a model's reasoning.

    sure: the texts are the answer; else its start is not clear and nothing in it may be decoded.
    closed: False if the text ends within the reasoning.
    """

    reasoning: str
    texts: tuple[str, ...]
    sure: bool = True
    closed: bool = True


def split(text: str) -> Answer | None:
    """The reasoning and the answer of a text that begins with reasoning."""
    tag = _TAG.match(text)
    if tag:
        return _tagged(text, tag.end(), f"</{tag[1]}>")
    if _CHANNEL.match(text):
        return _channels(text)
    if text.startswith(_BARE_START) and text.count(_BARE_FINAL) == 1:
        thought, _, answer = text[len(_BARE_START) :].partition(_BARE_FINAL)
        return Answer(thought.strip(), (answer.strip(),))
    return _headed(text)


def _headed(text: str) -> Answer | None:
    """`Thought: ...`, then `Answer: safe` on the last line; or a text that ends in `[[safe]]`.

    None if a quotation is still open, since its end may be quoted.
    """
    start = text.rfind("\n") + 1
    head = _HEAD.match(text) if start else None
    if head and _LAST_LINE.match(text, start):
        thought, answer = text[head.end() : start], text[start:]
    elif text.endswith(("]]", "]].")) and text.count("[[") == 1:
        low = max(start, len(text) - _LONGEST_BOXED)
        at = max(text.rfind(sign, low) for sign in (". ", "! ", ".\n", ":\n"))
        if at < 0 or not _BOXED.fullmatch(text, at + 2):
            return None
        thought, answer = text[: at + 1], text[at + 2 :]
    else:
        return None
    return Answer(thought.strip(), (answer,)) if thought.count('"') % 2 == 0 else None


def _tagged(text: str, start: int, close: str) -> Answer:
    end = text.find(close, start)
    if end < 0:
        return Answer(text[start:].strip(), (), closed=False)
    rest = text[end + len(close) :].strip()
    return Answer(text[start:end].strip(), (rest,) if rest else (), sure=close not in rest)


def _channels(text: str) -> Answer | None:
    """Harmony: every channel but `final` is reasoning; all finals are answers."""
    thoughts: list[str] = []
    answers: list[str] = []
    at, closed = 0, True
    while header := _CHANNEL.match(text, at):
        name_at = header.end()
        message = text.find(_MESSAGE, name_at, name_at + _LONGEST_CHANNEL_NAME)
        if message < 0:
            return None
        body = message + len(_MESSAGE)
        end = _MESSAGE_END.search(text, body)
        closed = end is not None
        stop = end.start() if end else len(text)
        at = end.end() if end and end[0] in ("<|end|>", "<|call|>", "<|return|>") else stop
        final = text[name_at:message].strip().startswith("final")
        (answers if final else thoughts).append(text[body:stop].strip())
    if rest := text[at:].strip():
        answers.append(rest)
    kept = tuple(filter(None, answers))
    return Answer("\n".join(filter(None, thoughts)), kept, closed=closed or bool(answers))
