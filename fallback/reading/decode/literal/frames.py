"""One open bracket of a literal: its content so far, and its value when it is closed."""

from typing import Final

from fallback.reading.decode.literal.scalars import (
    called,
    is_number,
    is_typed,
    scalar,
    to_record,
    to_records,
)

#: States of the current entry: empty, bare words, a string, any other finished value.
EMPTY: Final = 0
BARE: Final = 1
QUOTED: Final = 2
DONE: Final = 3

#: The strength of the signs that a bracket is structure and not a bracket in a sentence.
#: STRONG: a quoted key, or a field with a quoted, numeric, boolean or nested value.
#: WEAK: fields of bare words, lists of strings or numbers. NO_STRENGTH: bare words in brackets.
NO_STRENGTH: Final = 0
WEAK: Final = 1
STRONG: Final = 2

#: The output of console.log for a value that it does not show.
_NOT_SHOWN = frozenset({"Object", "Array", "Function"})


class Frame:
    """An open bracket and its current entry.

    at: its index in the text. name: the constructor before it. aside: it follows words or a string,
    as in `PER (0.99)`. shortened: the printer omitted something in it. brackets: the words of the
    entry contain brackets.
    """

    __slots__ = (
        "aside", "at", "begin", "brackets", "closer", "commas", "fields", "items", "key",
        "key_quoted", "kind", "name", "shortened", "state", "stop", "strength", "text", "value",
        "word_at", "words",
    )  # fmt: skip

    def __init__(self, kind: str, closer: str, text: str, at: int, name: str = "") -> None:
        self.kind = kind
        self.closer = closer
        self.text = text
        self.at = at
        self.name = name
        self.aside = False
        self.shortened = False
        self.items: list[object] = []
        self.fields: list[tuple[str, object]] = []
        self.strength = NO_STRENGTH
        self.commas = 0
        self.key: str | None = None
        self.key_quoted = False
        self.value: object = None
        self.state = EMPTY
        self.begin = self.stop = self.word_at = self.words = 0
        self.brackets = False

    def clear(self) -> None:
        self.value = None
        self.state = EMPTY
        self.begin = self.stop = self.word_at = self.words = 0
        self.brackets = False

    def word(self, begin: int, stop: int) -> None:
        """A bare word: the first of an entry, the next one, or the rest of the same one."""
        if self.state == EMPTY:
            self.state = BARE
            self.begin = begin
        elif begin == self.stop:
            self.stop = stop
            return
        self.words += 1
        self.word_at, self.stop = begin, stop

    def put(self, value: object, state: int, begin: int, stop: int) -> None:
        """A finished value as the value of the entry."""
        self.value, self.state, self.begin, self.stop = value, state, begin, stop

    def phrase(self) -> str:
        return self.text[self.begin : self.stop]

    def colon(self) -> None:
        """Make the current value the key."""
        self.key = str(self.value) if self.state == QUOTED else self.phrase()
        self.key_quoted = self.state == QUOTED
        self.clear()

    def split(self, typed_only: bool) -> bool:
        """`X probability` before a colon: X is the value, `probability` the next key.

        Only if the last word opens a line, follows ` - `, or the value is a single word.
        typed_only: only after a number, a boolean or null, or in a struct printed by Go.
        """
        if self.words < 2:
            return False
        printed = self._is_struct()
        head = self.text[self.begin : self.word_at]
        first = head.rstrip()
        if "\n" not in head[len(first) :]:
            if first.endswith(" -"):
                first = first[:-2].rstrip()
            elif self.words > 2 and not printed:
                return False
        value = scalar(first)
        if typed_only and not is_typed(value) and not printed:
            return False
        begin, stop = self.word_at, self.stop
        self._field(value)
        self.word(begin, stop)
        return True

    def _is_struct(self) -> bool:
        """Whether only blanks are between fields with capitals: `&{Flagged:true Class:hate}`."""
        told = bool(self.fields) or self.text.startswith("&", self.at)
        told = told or (self.key or "")[:1].isupper()
        last = self.text[self.word_at : self.stop]
        return told and self.kind == "{" and not self.commas and last[:1].isupper()

    def comma(self) -> None:
        """The end of an entry."""
        if self.state == BARE:
            phrase = self.phrase()
            self.shortened = self.shortened or phrase.startswith("...")
            if self.words > 1 and self.key is None and self._numbers(phrase):
                return
            self.value = scalar(phrase)
        if self.key is not None:
            self._field(None if self.state == EMPTY else self.value)
        elif self.state != EMPTY:
            if self.state == QUOTED or is_typed(self.value):
                self.strength = max(self.strength, WEAK)
            self.items.append(self.value)
            self.clear()

    def _numbers(self, phrase: str) -> bool:
        """Numbers with only spaces between them (a printed array) are separate items."""
        if self.kind != "[" or self.brackets or not is_number(phrase[: phrase.find(" ")].rstrip()):
            return False
        values = [scalar(word) for word in phrase.split()]
        if not all(isinstance(value, int | float) for value in values):
            return False
        self.strength = max(self.strength, WEAK)
        self.items += values
        self.clear()
        return True

    def _field(self, value: object) -> None:
        assert self.key is not None
        quoted = self.key_quoted or self.state == QUOTED
        typed = is_typed(value) and self.state != EMPTY and self.kind != "["
        self.strength = max(self.strength, STRONG if quoted or typed else WEAK)
        self.fields.append((self.key, value))
        self.key = None
        self.clear()

    def end(self, cut: bool = False) -> object:
        """The value of the whole bracket. cut: the text ends in it, so a last key has no value."""
        keyed = self.state == QUOTED or (self.state == BARE and bool(self.fields))
        if cut and self.kind == "{" and self.key is None and keyed:
            self.colon()
        self.comma()
        items, fields = self.items, self.fields
        if self._hides():
            self.shortened = True
            return None
        if self.kind == "(":
            if self.name:
                return called(self.name, items, fields)
            if len(items) == 1 and not self.commas and not fields:
                return items[0]
        if not fields:
            return {} if self.kind == "{" and not items else items
        if self.kind == "{":
            record = to_record(fields)
            return {**record, "": items} if items else record
        records: list[object] = [*to_records(fields)]
        return items + records if items or len(records) > 1 else records[0]

    def _hides(self) -> bool:
        first = self.items[0] if len(self.items) == 1 and not self.fields else None
        if self.kind != "[" or not isinstance(first, str):
            return False
        return first in _NOT_SHOWN or first.startswith("Circular *")
