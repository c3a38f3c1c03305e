"""The reasoning of a model before its answer.

In: a text. Out: the reasoning and what is left, or None. Reasoning is known only at the start of a
text: a `<think>` further in is somebody's words. When it is not clear where the reasoning ends, all
that follows its first end is one text.
"""

import re
from dataclasses import dataclass
from typing import Final

#: The key under which reasoning stands among the parts.
REASONING: Final = "reasoning"

_TAG = re.compile(r"\s*+<(think|thinking|reasoning|thought|analysis|scratchpad)>")
_CHANNEL = re.compile(r"(?:<\|start\|>)?(?:assistant)?<\|channel\|>")
_MESSAGE = "<|message|>"
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_START, _BARE_FINAL = "analysis", "assistantfinal"
_LONGEST_CHANNEL_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said after thinking.

    sure: the texts are the answer; else its start is not clear and nothing in it may be opened.
    closed: False when the text ends within the reasoning.
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
    return None


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
