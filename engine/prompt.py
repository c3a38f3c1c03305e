"""The prompt, the same in training, export and serving.

In: a detector's name and one signal's text, both untrusted. Out: token ids, or the same as text.
The prompt is a fixed prefix (its KV is computed once per process) and a short suffix; the answer
begins right after the suffix. Plain text without a chat template, so that every Llama tokenizer can
encode it.

Nothing in the signal can leave its line or become a control token: whitespace and control
characters collapse to one space, invisible ones are removed, and the tokenizer of the text has no
added tokens. Independent of the model's answers.
"""

import json

from tokenizers import Tokenizer

from schemas.text import one_line

PROMPT_VERSION = "1"

MAX_DETECTOR_TOKENS = 24
_CHARS_PER_TOKEN = 16  # longer text than this many characters per token is cut before it is encoded

_PREFIX = "Map the detector's signal to taxonomy labels.\n"
_DETECTOR, _SIGNAL, _ANSWER = "Detector:", "\nSignal:", "\nLabels:"


def prefix() -> str:
    """The fixed beginning of every prompt."""
    return _PREFIX


def suffix(detector: str, signal: str) -> str:
    """The rest of the prompt as text, uncut: for people, and for engines with text as input."""
    return f"{_DETECTOR} {one_line(detector)}{_SIGNAL} {one_line(signal)}{_ANSWER}"


class PromptEncoder:
    """Prompts as token ids.

    The variable parts are encoded separately from the fixed ones: the cut is exact, and no token
    spans the border between them.
    """

    def __init__(self, tokenizer_json: str, bos: int | None, max_input_tokens: int) -> None:
        """tokenizer_json: contents of a `tokenizer.json`; bos: id of the begin token, or None;
        max_input_tokens: limit of a signal."""
        spec = json.loads(tokenizer_json)
        # Without added tokens, "<|im_end|>" in a signal is ten characters and not a command.
        spec.update(added_tokens=[], truncation=None, padding=None)
        self._tokenizer = Tokenizer.from_str(json.dumps(spec))
        self._max_input_tokens = max_input_tokens
        self._break = self._encode("\n")
        begin = [] if bos is None else [bos]
        self.prefix_ids: tuple[int, ...] = (*begin, *self._encode(_PREFIX))
        self._detector, self._signal, self._answer = (
            self.continuation_ids(part) for part in (_DETECTOR, _SIGNAL, _ANSWER)
        )

    @property
    def max_prompt_tokens(self) -> int:
        """The longest prompt, prefix included."""
        fixed = len(self.prefix_ids) + len(self._detector) + len(self._signal) + len(self._answer)
        return fixed + MAX_DETECTOR_TOKENS + self._max_input_tokens

    def suffix_ids(self, detector: str, signal: str) -> tuple[int, ...]:
        """The ids after the prefix; the next one is the answer's first. Never raises."""
        return (
            *self.detector_ids(detector),
            *self._cut(signal, self._max_input_tokens),
            *self._answer,
        )

    def detector_ids(self, detector: str) -> tuple[int, ...]:
        """The common begin of all suffixes with one detector's name. Never raises."""
        return (*self._detector, *self._cut(detector, MAX_DETECTOR_TOKENS), *self._signal)

    def continuation_ids(self, text: str) -> tuple[int, ...]:
        """Ids of text that continues another one, as an answer continues the prompt.

        Some tokenizers add a space before every text; here a line break replaces it.
        """
        return tuple(self._encode(f"\n{text}")[len(self._break) :])

    def continuation_pieces(self, text: str) -> list[tuple[int, str]]:
        """`continuation_ids`, each with its part of the text."""
        whole = f"\n{text}"
        encoding = self._tokenizer.encode(whole, add_special_tokens=False)
        pieces = [whole[start:end] for start, end in encoding.offsets]
        return list(zip(encoding.ids, pieces, strict=True))[len(self._break) :]

    def _cut(self, text: str, limit: int) -> tuple[int, ...]:
        line = one_line(text)[: limit * _CHARS_PER_TOKEN]
        return self.continuation_ids(f" {line}")[:limit]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
