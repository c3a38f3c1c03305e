"""One line or less: a label, a label with its judgement, labels joined, a header with its list.

In: text. Out: findings, or None for a sentence that has no such form. Knows the order in which the
forms are tried.
"""

from fallback.reading.finding import Finding
from fallback.reading.generic.texts import contrast, cut
from fallback.reading.generic.texts.base import ReadNode
from fallback.reading.generic.texts.headers import Headers
from fallback.reading.generic.texts.trim import trimmed, without_number
from fallback.reading.generic.vocabulary.names import MAX_KNOWN, Names

_MAX_PIECE = 400
_MAX_DEPTH = 6


class Pieces(Headers):
    """Reads pieces of text for one output."""

    def __init__(self, names: Names, read: ReadNode) -> None:
        """read: the findings of an object."""
        self._names = names
        self._read = read
        self._memory: dict[str, list[Finding] | None] = {}

    def piece(self, text: str, depth: int = 0) -> list[Finding] | None:
        """The findings of a piece; None for a sentence. Equal pieces are read once."""
        if text not in self._memory:
            self._memory[text] = self._cut(text, depth)
        return self._memory[text]

    def _cut(self, text: str, depth: int) -> list[Finding] | None:
        bare = trimmed(text)
        if not any(map(str.isalnum, bare)):
            return []
        if len(bare) <= _MAX_PIECE:
            if (found := self._whole(bare)) is not None:
                return found
            numbered = without_number(bare)
            if numbered != bare and (found := self._whole(numbered)) is not None:
                return found
        if depth >= _MAX_DEPTH or not self._names.take_piece(len(bare)):
            return None
        for form in (
            self._groups, self._quoting, self._pairs, self._joined, self._fields, self._keyed,
            self._coded, self._commas, self._marked, self._scored, self._led, self._slashed,
            self._verdict_first,
        ):  # fmt: skip
            if (read := form(bare, depth)) is not None:
                return read
        if (after := contrast.exception(bare)) is not None:
            return self.piece(after, depth + 1) or [Finding(after[:500], True, None)]
        if cut.is_prose(bare) or len(bare) > MAX_KNOWN:
            return None
        return [self.name(without_number(bare))]
