"""Pieces of several labels: joined by signs, commas, slashes or words, in groups, after a lead.

In: text. Out: findings, or None for a text of another form.
"""

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic.texts import closed, cut
from fallback.reading.generic.texts.base import Base, flagged
from fallback.reading.generic.texts.trim import tail_of, trimmed
from fallback.reading.generic.vocabulary.counting import counts
from fallback.reading.generic.vocabulary.goals import forbidden
from fallback.reading.judge import as_number, judge_word
from fallback.reading.tree import Leaf
from fallback.reading.words import load_words
from schemas.text import normalise

_LEADS = tuple(sorted(load_words().texts["leads"], key=len, reverse=True))
_ENDS = load_words().keys["flag_ends"]
_DENIALS = load_words().texts["negations"]
_DENIED = frozenset({"no", "not", "never", "without", "nothing"})
_GRADED = (" - severity", " - score", " - confidence")
#: Verdicts after a name without a sign.
SURE = ("PASS", "FAIL", "PASSED", "FAILED", "OK", "FOUND", "DETECTED")


class Joins(Base):
    """Reads joined labels."""

    def _owned(self, text: str, depth: int) -> list[Finding] | None:
        """An own word of any form with its judgement: `PII: email, phone (93%)`."""
        head, sign, value = text.rpartition("=")
        if not sign:
            head, value = tail_of(text)
        head = head.strip()
        for word in _GRADED:
            head = head.removesuffix(word)
        signed = text[len(head) : len(head) + 1] in (":", "=") or text[-1:] in (")", "]")
        if (
            not head
            or value[:1] in cut.QUOTES
            or self.own_number(value)
            or (as_number(value) is None and judge_word(value) is None)
        ):
            return None
        if not (signed or as_number(value) is not None or f"{head} - " in text):
            return None
        named = self._names.own(head) and not self._names.clean(head)
        return self.judged_own(head, value) if named else None

    def _groups(self, text: str, depth: int) -> list[Finding] | None:
        """`[PII: none] [TOXIC: found]`, `[type: PERSON, score: 0.85]`."""
        grouped = cut.groups(text)
        if grouped is None:
            return None
        inside, outside = grouped
        head = outside.strip(" :->→|,;")
        if len(inside) == 1 and head:
            tail = self._group(inside[0])
            if not text.startswith("[") and tail is not None:
                key = cut.keyed(inside[0])
                before = self.piece(head, depth + 1)
                if self._names.general(head):
                    return tail
                if before is None:
                    return [Finding(head, True, None, Basis.PRESENCE), *tail] if key else None
                return [*before, *tail]
            return None
        if head and not self._names.general(head):
            return None
        read = [self._group(content) for content in inside]
        if any(found is None for found in read):
            return None
        return across(found for found in read if found is not None)

    def _group(self, content: str) -> list[Finding] | None:
        for sign in (", ", " - ", "; ", " | ", ","):
            parts = cut.split(content, sign)
            keyed = [cut.keyed(part) for part in parts]
            if all(pair is not None for pair in keyed):
                return self.record([pair for pair in keyed if pair is not None])
        head, found = cut.pairs(content)
        return self.record(found) if found and not head.strip() else None

    def _joined(self, text: str, depth: int) -> list[Finding] | None:
        """`toxic|hate`, `a; b`, `a + b`, columns, and labels in bold or struck out."""
        for sign in ("|", "\t", ";", " + ", " / ", " · ", "~~", "**"):
            if sign not in text or (sign == " / " and "%" not in text):
                continue
            parts = list(dict.fromkeys(p.strip() for p in cut.split(text, sign) if p.strip(" :")))
            if len(parts) < 2:
                if sign in ("**", "~~") and parts:
                    return self.piece(parts[0], depth + 1)
                continue
            if sign in ("**", "~~") and any(p.endswith(":") for p in parts):
                return self.piece(" ".join(parts), depth + 1)
            read = [self.piece(part, depth + 1) for part in parts]
            if all(found is not None for found in read):
                return across(found for found in read if found is not None)
            if sign == "|" and any(found and any(f.category for f in found) for found in read):
                return across(
                    found if found is not None else [Finding(part, True, None)]
                    for found, part in zip(read, parts, strict=True)
                )
        return None

    def _fields(self, text: str, depth: int) -> list[Finding] | None:
        """`hate: 0.9, spam: 0.1`, `Verdict: SAFE | Score: 0.9`: keys with values that judge."""
        for sign in (", ", " | ", "; ") if ": " in text else ():
            fields = [cut.keyed(part) for part in cut.split(text, sign)]
            found = [f for f in fields if f is not None]
            roles = {key for key, _ in found if sign == ", " and self._is_role(key)}
            judged = all(key in roles or self._judges(value) for key, value in found)
            if judged and 1 < len(found) == len(fields):
                return self.record(found)
        return None

    def _judges(self, value: str) -> bool:
        judged = judge_word(value) is not None or as_number(value) is not None
        return judged or counts(value) is not None

    def _broken(self, head: str, rest: str) -> list[Finding] | None:
        """`violates rule 4: no hate speech`: the text after a head with a broken rule."""
        if not cut.breach(head) or self._names.own(rest) or closed.is_clean(rest):
            return None
        if judge_word(rest) is not None or as_number(rest) is not None:
            return None
        told = rest.partition(" (")[0] if rest.endswith(")") else rest
        parts = [told] if cut.is_prose(told) else told.split(", ")
        return self.record([("violated rule", part) for part in parts if part])

    def found_name(self, head: str) -> str | None:
        """The name in `VIOLATION detected`; None if it is too general, denied or missing."""
        words = head.split()
        if not words or not _DENIALS.isdisjoint(w.casefold() for w in words):
            return None
        while len(words) > 1 and words[-1].casefold() in _ENDS:
            words.pop()
            core = " ".join(words)
            if self._names.own(core) and not self._names.clean(core):
                return core
            if not self._names.general(core) and judge_word(core) is None:
                return core
        return None

    def without_lead(self, text: str) -> str:
        """A text without the words for a finding: `Flagged for`."""
        low = text[:80].casefold()
        lead = next((x for x in _LEADS if low.startswith(f"{x} ")), None)
        return text if lead is None else text[len(lead) :].strip()

    def _commas(self, text: str, depth: int) -> list[Finding] | None:
        """`A, B`; own words may have commas themselves."""
        if "," not in text or ("," in text[:2] and as_number(text.split(" ")[0]) is not None):
            return None
        sign = ", " if ", " in text else ","
        parts = [p.strip() for p in cut.split(text, sign) if p.strip()]
        parts = list(dict.fromkeys(parts)) if len(parts) > 8 else parts
        if len(parts) < 2:
            return None
        found: list[list[Finding]] = []
        at = 0
        while at < len(parts):
            size = next(
                (n for n in range(min(4, len(parts) - at), 1, -1)
                 if self._names.own(sign.join(parts[at : at + n]))), 1,
            )  # fmt: skip
            part = sign.join(parts[at : at + size])
            if part.casefold().startswith("and "):
                part = part[4:]
            read = self.piece(part, depth + 1)
            if read is None:
                return None
            found.append(read)
            at += size
        return across(found)

    def _slashed(self, text: str, depth: int) -> list[Finding] | None:
        """`A and B`, `A & B`, `A/B`, when the parts are known."""
        for sign in (" and ", " & ", " / ", "/", " or "):
            parts = [p.strip() for p in text.split(sign)]
            if not 1 < len(parts) <= 12:
                continue
            known = [bool(p) and self._names.known(p) and not self._names.clean(p) for p in parts]
            several = sign == "/" and len(parts) > 2 and sum(known) >= 2 and " " not in text
            if all(known) or several:
                return [self.name(part) for part in parts if part]
        return None

    def _led(self, text: str, depth: int) -> list[Finding] | None:
        """`Flagged for A and B`, `contains profanity`: every part is known."""
        low = text[:80].casefold()
        at = low.find(" because it ")
        rest = self.without_lead(text[at + 1 :])
        if rest == text[at + 1 :]:
            at, lead = next(((low.find(f" {x} "), x) for x in _LEADS if f" {x} " in low), (0, ""))
            if not lead.endswith((" for", " to", " of", " as")):
                return None
            rest = text[at + len(lead) + 2 :]
        said = low[: max(at, 0)].split()
        if _DENIED.intersection(said) or any(w.endswith(("n't", "n\u2019t")) for w in said):
            return None
        rest = rest.strip(" .:")
        told, _, more = rest.partition(" but ")
        if more.partition(" ")[0] in _DENIED:  # `mild profanity but nothing else`
            return [flagged(f) for f in self._listed(told) or [self.name(told)]]
        listed = self._listed(rest)
        if not listed and rest.casefold().startswith(("a ", "an ", "the ", "possible ")):
            listed = self._listed(rest.partition(" ")[2])
        return [flagged(f) for f in listed] if listed else None

    def _listed(self, text: str) -> list[Finding] | None:
        """A list of names that are all known, or all look like names; None for prose."""
        text = text.strip(" .")
        if text[:1] + text[-1:] in ("[]", "()"):
            text = text[1:-1]
        if not text or text[0] in cut.QUOTES:
            return None
        found: list[Finding] = []
        parts = (
            [text]
            if self._names.own(text)
            else [p for s in cut.split(text, ";") for p in cut.split(s, ",")]
        )
        for part in parts[: cut.MAX_PARTS]:
            part = trimmed(part.strip().removeprefix("and ").strip(" \"'"))
            if not part:
                continue
            head = tail_of(part)[0] if as_number(tail_of(part)[1] or "") is not None else part
            name = self._names.resolve(head or part)
            if not self._names.known(name):
                slashed = self._slashed(part, 0)
                if slashed is None:
                    goal = forbidden(part)
                    if goal == part or not self._names.known(self._names.resolve(goal)):
                        return None
                    slashed = [self.name(goal)]
                found += slashed
            elif head != part and head:
                found += self._scored(part, 0) or [self.name(name)]
            else:
                found.append(self.name(part))
        return found

    def _scored(self, text: str, depth: int) -> list[Finding] | None:
        """`PERSON (0.85)`, `toxic 0.93`, `0.93 toxic`, `2 emails`, `hate_6`, `pii FAIL`."""
        head, tail = tail_of(text)
        if head and tail and not cut.is_prose(head) and not self.own_number(tail):
            number = as_number(tail)
            judged = judge_word(tail)
            if number is not None:
                if normalise(head) in load_words().keys["codes"] and number == int(number):
                    return [self.name(text)]
                return self._numbered(head, tail, number)
            if (
                judged is not None
                and len(tail) > 1
                and (tail.isupper() or text.endswith(")") or text.endswith("]"))
            ):
                name = self._names.resolve(head)
                if (
                    tail.isupper()
                    and text[-1] not in ")]"
                    and tail not in SURE
                    and not (self._names.known(name))
                ):
                    return None
                return self.record([(head, tail)])
        first, _, rest = text.partition(" ")
        number = as_number(first)
        if number is not None and rest and not first.endswith((".", ")", ":")):
            rest = rest.strip(" -:")
            if cut.is_prose(rest) or not (rest[:1].isalpha() or self.own_number(rest)):
                return None
            if first.isdigit():
                if self._names.known(self._names.resolve(rest)) or first == "0":
                    return self._read({"label": Leaf(rest, ""), "count": Leaf(int(first), "")})
                if self._names.general(rest):
                    return [Finding(rest, True, None, Basis.DECISION)]
                return [self.name(rest)]
            if number <= 1 or first.endswith("%"):
                return self.record([(rest, first)])
        cut_at = text.rfind("_")
        if cut_at > 0 and text[cut_at + 1 :].isdigit() and " " not in text:
            name, number_text = text[:cut_at], text[cut_at + 1 :]
            if self._names.known(name) and len(number_text) <= 4:
                if self._names.severe:
                    return self.record([(name, number_text)])
                return [self.name(name)]
        return None

    def _numbered(self, head: str, tail: str, number: float) -> list[Finding]:
        for word in ("with confidence", "with score", "confidence", "score", "severity", "prob",
                     "probability", "p", "conf", "x", "count"):  # fmt: skip
            if head.casefold().endswith(f" {word}"):
                head = head[: -len(word)].rstrip(" :=(,")
        if self._names.severe or any(sign in tail for sign in ".%/"):
            return self.record([(head, tail)])
        if number == 0 and not (self._names.general(head) or self._names.known(head)):
            return [self.name(f"{head} {tail}")]  # the zero may be of anything
        return self._read({"label": Leaf(head, ""), "count": Leaf(tail, "")})
