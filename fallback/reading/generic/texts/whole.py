"""Whole texts: a label, a verdict, lines of keys and values, tables, tags, masks, a sentence.

In: the text of an output or of a part of it. Out: findings. A text of another form is one finding
with the whole text, for the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fallback.reading.finding import Basis, Finding, across, settle
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.texts import closed, contrast, cut, marks, masks
from fallback.reading.generic.texts.errors import Errors, broke, denies
from fallback.reading.generic.texts.pieces import Pieces
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.judge import as_number, judge_word
from fallback.reading.tree import Leaf, Node, Use
from fallback.signal import MAX_NAME
from schemas.text import normalise

#: The most lines of one text that are read.
_MOST_LINES = 1_000


class Texts:
    """Reads the texts of one output."""

    def __init__(self, names: Names, read: Callable[[Node], list[Finding]]) -> None:
        """read: the findings of an object."""
        self._names = names
        self._read = read
        self._pieces = Pieces(names, read)
        self.of_error = Errors(names, self._pieces).read

    def is_failure(self, text: str) -> bool:
        """Whether a text is the tool's own failure, and not one of its words for a finding."""
        return self._pieces.is_failure(text)

    def in_list(self, leaf: Leaf) -> list[Finding]:
        """A text in the place of names."""
        leaf.use = Use.SIGNAL
        text = str(leaf.value).strip()
        if not text:
            return []
        if closed.is_failure(text) and not self._names.own(text):
            return [Finding(text[:MAX_NAME], None, None, Basis.PRESENCE, leaf.path, failed=True)]
        found = self._pieces.piece(text)
        if found is None:
            found = [Finding(text[:MAX_NAME], True, None, Basis.PRESENCE)]
        found = [
            replace(f, basis=Basis.PRESENCE, whole=True) if f.clears and f.basis.general else f
            for f in found
        ]
        return [replace(f, path=leaf.path) for f in found]

    def whole(self, text: str) -> list[Finding]:
        """A whole output, or a part of it that is running text."""
        text = text.strip()
        if closed.is_empty(text):
            return []
        if len(text) <= MAX_NAME and self._names.own(text):
            return self._own(text)
        if self.is_failure(text) or broke(text):
            return [Finding(text[:MAX_NAME], None, None, Basis.DECISION, failed=True)]
        if closed.is_bare(text):
            return []
        if (label := cut.after_arrow(text)) is not None:
            scored = self._pieces.piece(label) if label.endswith((")", "%")) else None
            return scored or [self._pieces.name(label)]
        if closed.opens_error(text) and denies(text):
            return self.of_error(text)
        found = self._lines(text)
        if any(f.hit is not None or f.failed for f in found):
            return found
        return self._sentence(text)

    def as_whole(self, text: str, findings: Sequence[Finding]) -> list[Finding]:
        """An output that is an entry of the vocabulary, judged by the findings in it."""
        if self._names.clean(text):
            return [Finding(text, False, None, Basis.DECISION)]
        hits = [f for f in findings if f.hit]
        said = any(f.basis is not Basis.PRESENCE for f in hits)
        score = max((f.score for f in hits if f.score is not None), default=None)
        return [Finding(text, True, score, Basis.FLAG if said else Basis.PRESENCE)]

    def beside(self, text: str, *, after: bool) -> list[Finding]:
        """Running text before or after structure: a known label or a verdict counts.

        Text after structure is quoted; a heading and the head of a log line have no meaning.
        """
        bare = text.strip()
        head = bare.rstrip(":=-> \t\n\"',")
        if not head or (after and bare.startswith((":", "|", "-", ",", "="))):
            return []
        if not after and (verdict := self._verdict(head)) is not None:
            return [verdict]
        if closed.is_failure(bare) and not self._names.known(head):
            return [Finding(bare[:MAX_NAME], None, None, Basis.DECISION, failed=True)]
        if (told := self._pieces.spoken(head)) is not None:
            return told
        if len(head) < 3 or closed.is_log(head) or closed.is_progress(head):
            return []
        if not after and (label := cut.quoting(f'{bare} "')) and label != head:
            return [self._pieces.name(label)]
        if head != bare and bare.endswith((":", "=", ">")) and closed.is_heading(head):
            return []
        if key_role(normalise(head.strip("[]()")), Kind.TEXT).role in (Role.NAME, Role.NAMES):
            return []
        if not after and not cut.is_prose(head) and not any(map(str.isdigit, head)):
            return [self._pieces.name(head)]
        return []

    def verdict(self, text: str) -> list[Finding]:
        """Text that may be quoted: only a verdict or an own entry in it counts."""
        text = text.strip()
        if closed.is_clean(text) or judge_word(text) is not None:
            return self._pieces.piece(text) or []
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines and self._verdict(lines[0]) is not None:
            return self._verdict_line(lines) or []
        return self._own(text) if self._names.own(text) else []

    def _own(self, text: str) -> list[Finding]:
        """An entry of the detector's vocabulary, of any form; flagged if the text states it."""
        if self._names.clean(text):
            return [Finding(text, False, None, Basis.DECISION)]
        judged = judge_word(text.split("\n", 1)[0])
        if judged is None or not judged.hit:
            return [Finding(text, True, None, Basis.PRESENCE)]
        basis = Basis.DECISION if self._names.vague(text) else Basis.FLAG
        return [Finding(text, True, None, basis)]

    # --- lines ----------------------------------------------------------------------------------

    def _lines(self, text: str) -> list[Finding]:
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        lines = list(dict.fromkeys(lines)) if len(lines) > 8 else lines
        if len(lines) > _MOST_LINES:
            self._names.too_long(len(lines) - _MOST_LINES)
            lines = lines[:_MOST_LINES]
        if len(lines) == 1:
            marked = marks.checks(marks.apart(lines[0]))
            own = self._names.own(lines[0].partition(":")[0])
            return self._pieces.record(marked) if marked and not own else self._line(lines[0])
        if (quoted := self.open_quote(text)) is not None:
            return quoted
        lines = marks.unframed(marks.before_quoted(lines))
        if len(lines) == 1:
            return self._line(lines[0])
        if (marked := marks.checks(lines)) is not None:
            return self._pieces.record(marked)
        if (keyed := self._key_lines(lines)) is not None:
            return keyed
        if (told := self._verdict_line(lines)) is not None:
            return told
        return self._list_lines(lines, text)

    def open_quote(self, text: str) -> list[Finding] | None:
        """The label of a first line whose quoted text continues in the next lines."""
        line = text.partition("\n")[0].strip()
        if line.endswith(":"):
            return self.quoted_head(line)
        closed_quotes = line.count('"') % 2 == 0 and line.count("```") % 2 == 0
        if closed_quotes and not line.endswith("'"):
            return None
        head = cut.quoting(line, open_end=True)
        return None if head is None else self._pieces.before_quote(head)

    def quoted_head(self, text: str) -> list[Finding] | None:
        """The label in a text before quoted text; None without quoted text."""
        head = cut.quoting(text.strip(), open_end=True)
        if head is None or "=" in head or head == text.strip().rstrip(":= "):
            return None
        return self._pieces.before_quote(head)

    def _line(self, line: str) -> list[Finding]:
        found = self._pieces.piece(line)
        if found is not None:
            return self._or_masks(line, found)
        return self._sentence(line)

    def _or_masks(self, text: str, found: list[Finding]) -> list[Finding]:
        """An unknown piece, which may be a masked text."""
        masked = any(c in f.name for f in found for c in "<[{")
        known = [f.name for f in found if self._names.known(f.name)]
        if masked and all(f"{{{name}}}" in text for name in known):
            return masks.found(self._names, text) or found
        return found

    def _sentence(self, text: str) -> list[Finding]:
        """A text of no other form: its masks, its findings outside of quotes, or the whole."""
        told = self._pieces.outside(text)
        if masked := masks.found(self._names, told or text):
            return masked
        if told:
            text = told
            read = across(self._pieces.piece(part) or [] for part in text.split(". "))
            if found := [f for f in read if f.category and self._names.known(f.name)]:
                return found
        if contrast.denies_good(text):
            return [Finding(text[:MAX_NAME], True, None, Basis.DECISION)]
        self._names.too_long(len(text) - MAX_NAME)
        return [Finding(text[:MAX_NAME], True, None, Basis.PRESENCE)]

    def _key_lines(self, lines: Sequence[str]) -> list[Finding] | None:
        """Lines of keys and values as one object, with an optional heading."""
        pairs = [cut.keyed(line.lstrip("-*• ")) for line in lines]
        count = sum(pair is not None for pair in pairs)
        if count < 2:
            return None
        others = [line for line, pair in zip(lines, pairs, strict=True) if pair is None]
        roles = sum(
            pair is not None and key_role(normalise(pair[0]), Kind.TEXT).role is not Role.CATEGORY
            for pair in pairs
        )
        if others and (roles < 2 or any(self._names.known(o) for o in others)):
            return None
        if any(map(judge_word, others)):
            return None
        given = [pair for pair in pairs if pair is not None]
        simple = [p for p in given if not self._is_plain(p)]
        if not roles and simple:
            return None
        return self._pieces.record([(k, v) for k, v in given if v])

    def _is_plain(self, pair: tuple[str, str]) -> bool:
        """Whether a pair judges by a word or a number alone."""
        return judge_word(pair[1]) is not None or as_number(pair[1]) is not None

    def _verdict_line(self, lines: Sequence[str]) -> list[Finding] | None:
        """`unsafe`, then its categories or its reason; prose, then `VIOLATION`."""
        first = self._verdict(lines[0])
        if first is not None:
            rest = lines[1:]
            if first.hit and all(cut.is_prose(line) for line in rest):
                return [replace(first, name=" ".join(rest)[:MAX_NAME])]
            read = [self._pieces.piece(line) for line in rest]
            if first.hit:
                inside = across(f if f is not None else [] for f in read)
                return settle([first], inside)
            if all(found is None for found in read):
                labels = self._pieces.labels_in("\n".join(rest))
                return labels or [first]
            return across(
                [[first], *(f if f is not None else [Finding(line[:MAX_NAME], True)]
                            for f, line in zip(read, rest, strict=True))]
            )  # fmt: skip
        last = self._verdict(lines[-1])
        prose = all(cut.is_prose(line) and cut.quoting(line) is None for line in lines[:-1])
        if last is not None and prose:
            if last.hit:
                return [replace(last, name=" ".join(lines[:-1])[:MAX_NAME])]
            return [Finding(" ".join(lines)[:MAX_NAME], True, None)]
        return None

    def _verdict(self, line: str) -> Finding | None:
        """A line that is a verdict and nothing else."""
        judged = judge_word(line)
        if judged is None or judged.hit is None or as_number(line) is not None:
            return None
        if self._names.own(line) and not self._names.vague(line) and not self._names.clean(line):
            return None
        return Finding(line, judged.hit, judged.score, Basis.DECISION)

    def _list_lines(self, lines: Sequence[str], text: str) -> list[Finding]:
        """One label per line; if most lines are sentences, the whole text is one finding."""
        scopes: list[list[Finding]] = []
        prose = 0
        for line in lines:
            if len(lines) > 1 and line.endswith(":"):
                heading = line.strip("#*: ")
                if self._names.known(heading) and not self._names.general(heading):
                    scopes.append([self._pieces.name(heading)])
                continue
            if self._names.exhausted:
                break
            if len(lines) > 1 and closed.is_progress(line):
                continue
            found = self._pieces.piece(line)
            if found is None:
                prose += 1
                masked = masks.found(self._names, line)
                found = masked or [Finding(line[:MAX_NAME], True, None, Basis.PRESENCE)]
            scopes.append(found)
        if prose * 2 > len(scopes) and not any(
            f.category and self._names.known(f.name) for scope in scopes for f in scope
        ):
            return self._sentence(" ".join(lines))
        found = across(scopes)
        accused = [f for f in found if f.accuses]
        return settle(accused, [f for f in found if f not in accused]) if accused else found
