"""A SentencePiece unigram tokenizer with little memory (Kudo 2018, arXiv 1804.10959).

In: pieces with their log probabilities, and the normaliser's character map. Out: the ids of a
text's likeliest segmentation. The tokenizers library does the same, but its trie of 128,000 pieces
takes 120 MB of a process; this dictionary takes 20 MB, and signals are short.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers.normalizers import Precompiled

_SPACE = "▁"
_UNKNOWN_COST = 10.0  # below the rarest piece, as in SentencePiece
UNKNOWN, BEGIN, END = 0, 1, 2


class Unigram:
    """Pieces in order of their ids; the first three are unknown, begin and end."""

    def __init__(
        self, pieces: Sequence[str], scores: npt.NDArray[np.float32], charsmap: bytes
    ) -> None:
        """scores [pieces]: log probabilities; charsmap: SentencePiece's precompiled rules.

        Raises ValueError when the lengths differ.
        """
        if len(pieces) != len(scores):
            raise ValueError(f"{len(pieces)} pieces, but {len(scores)} scores")
        self._ids = {piece: i for i, piece in enumerate(pieces) if i > END}
        self.scores = scores
        self._longest = max(map(len, self._ids), default=0)
        self._unknown = float(scores.min(initial=0.0)) - _UNKNOWN_COST
        self._normaliser = Precompiled(charsmap)

    def encode(self, text: str, most: int) -> list[int]:
        """The ids of at most `most` pieces between BEGIN and END."""
        words = self._normaliser.normalize_str(text).split()
        return [BEGIN, *self._segmented("".join(_SPACE + word for word in words))[:most], END]

    def _segmented(self, text: str) -> list[int]:
        """Viterbi: the last piece of the best path to each position."""
        best = [0.0] + [-np.inf] * len(text)
        came: list[tuple[int, int]] = [(0, UNKNOWN)] * (len(text) + 1)
        for start in range(len(text)):
            score = best[start]
            for end in range(start + 1, min(start + self._longest, len(text)) + 1):
                piece = self._ids.get(text[start:end])
                if piece is None and end > start + 1:
                    continue
                gain = self._unknown if piece is None else float(self.scores[piece])
                if score + gain > best[end]:
                    best[end] = score + gain
                    came[end] = (start, UNKNOWN if piece is None else piece)
        found: list[int] = []
        end = len(text)
        while end:
            end, piece = came[end]
            found.append(piece)
        return found[::-1]
