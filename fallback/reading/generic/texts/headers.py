"""Pieces with a head: `Verdict: unsafe`, `Violations: A, B`, `hate: "..."`, a verdict, then prose.

In: text. Out: findings, or None for a text of another form. Quoted text is never read.
"""

from dataclasses import replace

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.record import POLARITY
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.texts import closed, contrast, cut, masks
from fallback.reading.generic.texts.base import flagged
from fallback.reading.generic.texts.joins import SURE, Joins
from fallback.reading.generic.texts.trim import without_number
from fallback.reading.generic.vocabulary.answers import answers
from fallback.reading.generic.vocabulary.spelling import is_code
from fallback.reading.judge import Judged, Outcome, as_number, judge_word
from fallback.reading.words import load_words
from schemas.text import normalise

_QUOTE_HEADS = load_words().texts["quote_heads"]
_DASHES = (" - ", " \u2013 ", " — ")


class Headers(Joins):
    """Reads the text after a head."""

    def _pairs(self, text: str, depth: int) -> list[Finding] | None:
        """`label=hate score=0.93`, also after the head of a log line."""
        if "=" not in text or "==" in text:
            return None
        head, found = cut.pairs(text)
        alone = len(found) == 1 and " " in text and head.strip()
        if not found or (alone and not self._is_role(found[0][0])) or head.endswith("$"):
            return None
        if alone and (self._names.known(f"{head.strip()} {found[0][0]}") or head.endswith("(")):
            return None  # `benign (p=0.99)` is a scored name
        head = head.strip(" :-[](){}")
        read = self._with_quotes(found)
        last = head.split()[-4:]
        for at in range(len(last)):
            if self._names.known(name := " ".join(last[at:]).strip(":,")) and not (
                self._names.general(name)
            ):
                return [self.name(name), *read]
        told = self.piece(head, depth + 1) if head and len(head.split()) <= 3 else None
        if told and any(f.accuses for f in told):
            return [*told, *read]
        return read

    def _with_quotes(self, found: list[tuple[str, str]]) -> list[Finding]:
        """Pairs; those after a quoted text do not clear, since a user may have written them."""
        at = next(
            (i for i, (k, _) in enumerate(found)
             if key_role(normalise(k), Kind.TEXT).role in (Role.QUOTED, Role.SAID, Role.WHY)),
            len(found),
        )  # fmt: skip
        before, after = found[: at + 1], found[at + 1 :]
        keys = {key for key, _ in before}
        if at < len(found) and any(f.hit is False for f in self.record(after)):
            after = []
        return self.record([*before, *((k, v) for k, v in after if k not in keys)])

    def _quoting(self, text: str, depth: int) -> list[Finding] | None:
        """`hate: "..."`, `self-harm - matched text: ...`: the label is read, the quote never."""
        fill = text.find("\ufffd")
        if fill > 0 and self._names.known(self._names.resolve(text[:fill].strip())):
            return [self.name(text[:fill].strip())]
        if text[0] in cut.QUOTES:
            rest = cut.outside_quotes(text).strip(" ->→:|,;=")
            return self.piece(rest, depth + 1) if rest and rest != text else None
        head = cut.quoting(text)
        if (
            head is not None
            and head != text
            and "=" not in head
            and (told := self.before_quote(head, depth))
        ):
            return told
        return self._before_structure(text)

    def before_quote(self, head: str, depth: int = 0) -> list[Finding] | None:
        """The label in the head of a quote, known or not; None for a sentence or a mere key."""
        if normalise(head) in _QUOTE_HEADS:
            return None
        rest = self.without_lead(head)
        if rest == head and (found := self.found_name(head)) is not None:
            return [flagged(self.name(found))]
        if rest == head and self._is_role(head) and not self._names.own(head):
            return None
        if rest == head:
            first, _, after = head.partition(" ")
            judged = judge_word(first)
            rest = after if judged is not None and judged.hit and after else head
        if rest != head and not self._names.own(head) and not cut.is_prose(rest):
            labels = self._spoken(rest, depth) or [self.name(rest)]
            return [flagged(f) for f in labels]
        if (told := self._spoken(head, depth)) is not None:
            return told
        return None if cut.is_prose(head) else [self.name(without_number(head))]

    def spoken(self, head: str) -> list[Finding] | None:
        """The label or the verdict of a text beside structure; None if it is neither."""
        told = self.piece(head)
        if not told or any(f.clears for f in told):
            return None
        if any(f.accuses or (f.category and self._names.known(f.name)) for f in told):
            return told
        return None

    def _spoken(self, head: str, depth: int) -> list[Finding] | None:
        """The label of a head; a verdict or a general word is not a label."""
        told = self.piece(head, depth + 1)
        if told and any(f.category for f in told):
            return [f for f in told if f.hit is not False]
        return None

    def _before_structure(self, text: str) -> list[Finding] | None:
        """A known label before markup, braces or a fence: `self-harm {PHONE_NUMBER}`."""
        at = min((p for s in "{<`[" if (p := text.find(s)) > 0), default=-1)
        if at <= 0 or text[at - 1] in "([":
            return None
        head = text[:at].strip(" :-\u2013—|=>,")
        if (
            head
            and self._names.known(head)
            and not self._names.clean(head)
            and (not self._names.general(head))
        ):
            inner = text[at:].strip("[]() ")
            if len(masked := masks.found(self._names, text)) > 1 and text[at - 1] == " ":
                return [self.name(head), *masked]
            if judge_word(inner) is not None or as_number(inner) is not None:
                return None
            return [self.name(head)]
        return None

    def _keyed(self, text: str, depth: int) -> list[Finding] | None:
        """`hate: medium (4)`, `Verdict: unsafe`, `Violations: A, B`, `toxicity -> 0.9`."""
        for sign in (": ", " -> ", " => ", " = ", " - ", " \u2013 ", " — ", ":", "="):
            head, found, rest = text.partition(sign)
            head, rest = head.strip(" *#\"'`_"), rest.strip(" *\"'`")
            if not found or not head or not rest or len(head.split()) > 8 or len(head) > 100:
                continue
            if head.count("(") > head.count(")") or head.count("[") > head.count("]"):
                continue
            if ". " in head or head.count('"') % 2:  # the text before it is not a key
                continue
            read = self._pair(head, rest, sign, depth)
            if read is not None:
                return read
        return None

    def _pair(self, head: str, rest: str, sign: str, depth: int) -> list[Finding] | None:
        if (broken := self._broken(head, rest)) is not None:
            return broken
        spaced = " " in sign
        if normalise(head).endswith("answer") and normalise(rest) not in POLARITY:
            return self.piece(rest, depth + 1)
        value = _first_word(rest) or rest
        bare = judge_word(value) is not None or as_number(value) is not None
        if self._open(head, value):
            # A missing verdict is not a name and does not clear.
            return [Finding(f"{head}{sign}{rest}"[:500], None, None, Basis.DECISION)]
        if bare and (spaced or sign in ":=") and not self._names.own(head) and answers(head, value):
            return self.record([(head, value)])
        colon = sign.startswith(":") or "=" in sign or ">" in sign
        if bare and judge_word(head) is None and (spaced or sign == "=" or self._names.known(head)):
            if cut.is_prose(head) and not self._names.known(head):
                return None
            return self.record([(head, value)])
        if bare and judge_word(head) is not None and not self._names.known(head):
            told = self._whole(head) or []
            return [*told, *(self.piece(rest, depth + 1) or [])]
        if sign == ":" and head.isidentifier() and "." in rest and 0 <= (as_number(rest) or 2) <= 1:
            return self.record([(head, rest)])  # `TOX:0.02`
        if sign == ":" and is_code(head) is False and not self._names.own(f"{head}: {rest}"):
            return None
        if colon and self._names.own(f"{head}: {rest}"):
            return self.record([(head, rest)])
        role = key_role(normalise(head), Kind.TEXT)
        if colon and role.role in (Role.NAME, Role.BROAD, Role.NAMES):
            return self._role_pair(head, rest)
        if judge_word(head) is not None or self._names.general(head):
            return self._headed(head, rest, depth)
        if colon and role.role is not Role.CATEGORY:
            if role.role in (Role.DECISION, Role.ACTION, Role.FLAG):
                inner = self.piece(rest, depth + 1)
                if inner and any(f.accuses for f in inner):
                    return inner
                if (headed := self._headed(head, rest, depth)) is not None:
                    return headed
            return self._role_pair(head, rest)
        if not colon:
            return None
        listed = self._listed(rest)
        if role.judged is Role.FLAG and listed:
            return [flagged(f) for f in listed]
        if self._names.known(head) and not self._names.general(head):
            narrower = listed and all(self._names.narrower(head, f.name) for f in listed)
            return listed if narrower else [self.name(head)]
        if ">" in sign and listed and all(f.category for f in listed):
            return listed  # `555-0100 => PHONE_NUMBER`
        return None

    def _open(self, head: str, value: str) -> bool:
        """Whether a key of a verdict has an empty value: `violation: null`."""
        if not closed.is_empty(value) or not any(map(str.isalnum, value)):
            return False
        return key_role(normalise(head), Kind.NULL).role in (Role.FLAG, Role.DECISION)

    def _role_pair(self, head: str, rest: str) -> list[Finding] | None:
        read = self.record([(head, rest)])
        return read or None

    def _headed(self, head: str, rest: str, depth: int) -> list[Finding] | None:
        """`Violations: A, B`, `unsafe: S11 (Self-Harm)`, `Refused: the user asked ...`."""
        told = self._whole(head) if judge_word(head) is not None else None
        listed = self._listed(rest)
        if listed:
            hit = any(f.accuses for f in told or [])
            return [*(told or []), *(flagged(f) if hit or told is None else f for f in listed)]
        if told is None and listed is None:
            inner = self._leading(rest) or self.piece(rest, depth + 1)
            return inner if inner and any(f.general for f in inner) else None
        if told and any(f.accuses for f in told):
            return [replace(told[0], name=rest[:500])]
        if told and any(f.failed for f in told):
            inner = self.piece(rest, depth + 1)
            return inner if inner and any(f.category for f in inner) else None
        return None

    def _leading(self, text: str) -> list[Finding] | None:
        """A verdict first, then prose: `unsafe. The reply explains ...`."""
        for sign in (". ", " - ", ", ", "; ", " \u2013 ", " — ", ": ", " because "):
            head, found, rest = text.partition(sign)
            if not found or len(head.split()) > 9 or len(head) > 80 or not rest.strip():
                continue
            judged = judge_word(head)
            denied = judged is None and self._negates(head)
            if denied or (judged is None and closed.is_clean(head)):
                judged = Judged(Outcome.CLEAN)
            if judged is None or as_number(head) is not None or judged.hit is None:
                continue
            if judged.hit:
                return [Finding(rest.strip()[:500], True, None, Basis.DECISION)]
            labels = self.labels_in(rest)
            if labels:
                return labels
            if (
                (cut.is_prose(rest) or (denied and rest.endswith(".") and len(rest.split()) > 2))
                and not contrast.turns(rest)
                and (
                    sign == ". "
                    or (sign in _DASHES and closed.is_clean(head))
                    or closed.is_clean(rest)
                )
            ):
                return [Finding(head, False, None, Basis.DECISION)]
        return None

    def _negates(self, sentence: str) -> bool:
        """Whether a sentence denies a known name: `This is not a threat`."""
        name = contrast.absent(sentence)
        if name is not None and self._names.known(name) and not self._names.clean(name):
            return True
        rest = contrast.predicate(sentence)
        return rest is not None and self._names.labels(rest) == ("OTHER.Safe",)

    def _marked(self, text: str, depth: int) -> list[Finding] | None:
        """`[HIGH] hate`, `hate [medium]`, `[WARN] ...`."""
        if text.startswith("["):
            mark, found, rest = text[1:].partition("]")
            if found and rest.strip(" :") and len(mark) <= 24:
                if (
                    normalise(mark) in load_words().values["log_levels"]
                    and judge_word(mark) is None
                ):
                    return self.piece(rest.strip(" :"), depth + 1)
                if judge_word(rest.strip(" :")) is not None and self._is_role(mark.strip(": ")):
                    return self.piece(rest.strip(" :"), depth + 1)
                if self._is_role(mark.strip(": ")):
                    return self._keyed(f"{mark.strip(': ')}: {rest.strip(' :')}", depth)
                if judge_word(mark) is not None and not cut.is_prose(rest):
                    inner = self.piece(rest.strip(" :"), depth + 1)
                    label = inner[0] if inner and len(inner) == 1 else None
                    if label is not None and label.category:
                        return self.record([(label.name, mark)])
                    return inner
        return None

    def _verdict_first(self, text: str, depth: int) -> list[Finding] | None:
        """`No, this is safe.`, `Safe. The text discusses ...`."""
        return self._leading(text)


def _first_word(text: str) -> str:
    """The verdict of `PASS  ok on 10/10`; empty if the first word is not a verdict."""
    first = text.split(None, 1)[0] if text.split() else ""
    return first if first in SURE and first != text and not contrast.turns(text) else ""
