"""The grammar: the candidate texts of the decoding schema, in the encoding of one tokenizer.

In: the schema, and an encoder of texts. Out: the allowed next tokens at every place of an answer.
Of all encodings of a text only the tokenizer's own is allowed: the model has learned no other, and
a draft can only be accepted if both encodings are equal.

There are too many lists to encode them all, 1.6 million of three labels, and an encoding of a list
is not the concatenation of the encodings of its labels. But byte-pair encoding is local: whether a
sequence of tokens is an encoding depends on each token and the next. So two encodings with a common
token may be exchanged after it, and lists of two labels show the steps of longer ones. Lists of
three are encoded only for a label whose encodings after one label and before another have no token
in common.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.decoder import candidate_text

Encode = Callable[[str], Sequence[tuple[int, str]]]
"""The tokens of a text, each with its part of the text."""

_Place = tuple[str, int]
"""The text since the last label began, its quote included, and the last token."""
_START: _Place = ("", -1)


class Grammar:
    """The places of an answer, as numbers, and the tokens that lead from one to the next."""

    def __init__(self, schema: Mapping[str, Any], encode: Encode, *, vocabulary: int) -> None:
        """schema: `schemas.event.decoding_schema`; vocabulary: rows of the head.

        Raises ValueError if the tokenizer does not fit.
        """
        array = schema["properties"]["taxonomy"]
        encodings = _Encodings(encode)
        _encode_lists(encodings, array["items"]["enum"], array["maxItems"])
        self._encode = encode
        self._texts = encodings.texts
        if max(self._texts) >= vocabulary:
            raise ValueError(f"token {max(self._texts)} has no row in a head of {vocabulary}")
        self._after: list[dict[int, int]] = []
        self.start = self._number(encodings, _START, array["maxItems"], {})
        self._allowed = [np.array(sorted(after), np.intp) for after in self._after]

    def allowed(self, place: int) -> npt.NDArray[np.intp]:
        """The allowed next ids, ascending; none if the text is complete."""
        return self._allowed[place]

    def after(self, place: int, token: int) -> int:
        """The place after an allowed token."""
        return self._after[place][token]

    def text(self, tokens: Iterable[int]) -> str:
        """The text of allowed tokens."""
        return "".join(self._texts[token] for token in tokens)

    def tokens(self, labels: Iterable[str]) -> list[int]:
        """The tokens of a list, allowed or not."""
        return [token for token, _ in self._encode(candidate_text(labels))]

    def _number(
        self,
        encodings: "_Encodings",
        place: _Place,
        left: int,
        known: dict[tuple[_Place, int], int],
    ) -> int:
        """The number of a place with so many labels left; -1 if no text ends there."""
        if (place, left) in known:
            return known[place, left]
        steps = encodings.steps.get(place, {})  # none after a complete text
        after = {
            token: number
            for token, (following, begun) in steps.items()
            if begun <= left
            and (number := self._number(encodings, following, left - begun, known)) >= 0
        }
        known[place, left] = -1
        if after or not steps:
            known[place, left] = len(self._after)
            self._after.append(after)
        return known[place, left]


class _Encodings:
    """The steps from place to place that encodings of lists take."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self.texts: dict[int, str] = {}
        self.steps: defaultdict[_Place, dict[int, tuple[_Place, int]]] = defaultdict(dict)
        """place -> token -> the next place and the labels begun on the way."""

    def add(self, labels: Sequence[str]) -> list[frozenset[_Place]]:
        """Take the steps of one list; returns its places while 0, 1, 2, ... labels have begun."""
        text = candidate_text(labels)
        pieces = self._encode(text)
        if "".join(piece for _, piece in pieces) != text:
            raise ValueError(f"the tokenizer does not write {text} as it stands")
        starts, first = [], candidate_text(()).index("]")
        for label in labels:
            starts.append(first)
            first += len(json.dumps(label)) + 1
        place, start, end, begun = _START, 0, 0, 0
        passed: list[list[_Place]] = [[] for _ in range(len(labels) + 1)]
        for token, piece in pieces:
            end, before = end + len(piece), begun
            while begun < len(starts) and starts[begun] <= end:
                start, begun = starts[begun], begun + 1
            following = (text[start:end], token)
            self.steps[place][token] = (following, begun - before)
            self.texts[token] = piece
            passed[begun].append(following)
            place = following
        return [frozenset(places) for places in passed]


def _encode_lists(encodings: _Encodings, labels: Sequence[str], most: int) -> None:
    """Encode lists that have every step of every list of up to three labels."""
    for label in labels:
        encodings.add([label])
    # Per label: its places after another label, before another one, and the labels with these.
    behind, before = (
        {label: defaultdict[frozenset[_Place], list[str]](list) for label in labels}
        for _ in range(2)
    )
    for first, second in itertools.product(labels, repeat=2) if most > 1 else ():
        _, places, following = encodings.add([first, second])
        before[first][places].append(second)
        behind[second][following].append(first)
    for label in labels if most > 2 else ():
        for (entered, firsts), (left, lasts) in itertools.product(
            behind[label].items(), before[label].items()
        ):
            # No common token, if tokens reach from the label's borders into its middle.
            if entered.isdisjoint(left):
                for first, last in itertools.product(firsts, lasts):
                    encodings.add([first, label, last])
