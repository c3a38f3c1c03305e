"""One line or less: a label, a label with its judgement, joined labels, a header with its list.

In: text. Out: findings, or None for a sentence without such a form. The forms are tried in a fixed
order.
"""

from dataclasses import replace

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic.texts import closed, contrast, cut
from fallback.reading.generic.texts.base import ReadNode, flagged
from fallback.reading.generic.texts.headers import Headers
from fallback.reading.generic.texts.trim import (
    codes,
    tail_of,
    trimmed,
    without_number,
    without_place,
)
from fallback.reading.generic.vocabulary.answers import answers, asked
from fallback.reading.generic.vocabulary.counting import counts
from fallback.reading.generic.vocabulary.goals import forbidden
from fallback.reading.generic.vocabulary.names import MAX_KNOWN, Names
from fallback.reading.judge import as_number, judge_word
from fallback.reading.tree import Leaf
from fallback.reading.words import load_words
from fallback.signal import MAX_NAME
from schemas.text import normalise

_NEGATIONS = load_words().texts["negations"]
_FUNCTION_WORDS = load_words().texts["function_words"]
_ABSENT_HEADS = load_words().texts["absent_heads"]
_LIMITS = load_words().keys["threshold_words"] | {"max", "min"}
_NARROW = str.maketrans({"\uff1a": ": ", "\uff1b": "; ", "\uff0c": ", "})
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

    def _denies(self, text: str) -> bool:
        """Whether a text only denies known names: `free of PII and hate speech`."""
        words = text.strip(" .").split()
        if words[0].casefold() in _NEGATIONS and (found := self.found_name(" ".join(words[1:]))):
            return self._names.known(found) and not self._names.clean(found)
        if (before := contrast.lifted(text)) is not None:
            return self._is_bad(self.without_lead(before))
        rest = forbidden(text)
        if rest == text or len(text) > MAX_KNOWN or self._names.known(text):
            return False
        listed = rest.strip(" .").replace(" and ", ", ").replace(" or ", ", ").split(", ")
        parts = [part.strip() for part in listed if part.strip()]
        return len(parts) > 1 and all(
            self._names.known(part) and not self._names.clean(part) for part in parts
        )

    def outside(self, text: str) -> str | None:
        """A text without its quotes, except names of something bad; None without a quote."""
        told = cut.without_quotes(
            text, lambda quoted: self._names.known(quoted) and not self._names.clean(quoted)
        )
        told = " ".join(told.split())
        return (
            told
            if len(told) < len(" ".join(text.split())) and any(map(str.isalnum, told))
            else None
        )

    def _cut(self, text: str, depth: int) -> list[Finding] | None:
        bare = trimmed(text).removesuffix(" percent")
        bare = f"{bare}%" if bare != trimmed(text) else bare
        bare = without_place(bare).replace(" %", "%")
        if not any(map(str.isalnum, bare)):
            return []
        if bare.endswith(".") and bare[:-1].isdecimal():  # a number that was cut off
            return [Finding(bare, None)]
        if len(bare) <= _MAX_PIECE:
            if (found := self._whole(bare)) is not None:
                return found
            numbered = without_number(bare)
            number, _, rest = bare.partition(" ")
            named = numbered != bare and not self.own_number(number.rstrip(".):"))
            if named and (found := self._whole(numbered)) is not None:
                return found
            place = number.rstrip(".)").removeprefix("[").removesuffix("]")
            if place.isdecimal() and int(place) > 0 and self._names.own(rest):
                return self._whole(rest)
        if depth >= _MAX_DEPTH or not self._names.take_piece(len(bare)):
            return None
        if self._denies(bare):
            return [Finding(bare, False, None, Basis.DECISION)]
        for form in (
            self._wide, self._limited, self._compared, self._counted, self._absent, self._owned,
            self._asked, self._groups, self._quoting, self._pairs, self._fields, self._joined,
            self._keyed, self._coded, self._commas, self._marked, self._scored, self._led,
            self._slashed, self._opposed, self._verdict_first,
        ):  # fmt: skip
            if (read := form(bare, depth)) is not None:
                return read
        if (after := contrast.exception(bare)) is not None:
            return self.piece(after, depth + 1) or [Finding(after[:500], True, None)]
        if cut.is_prose(bare) or len(bare) > MAX_KNOWN:
            return None
        if contrast.denies_good(bare):
            return [Finding(bare, True, None, Basis.DECISION)]
        if self.outside(bare) is not None:
            return None
        head, inner = tail_of(bare) if bare.endswith(")") else ("", "")
        if head and self._names.known(head) and self._names.narrower(head, inner):
            return [self.name(inner)]  # `personal data (phone number)`
        name = self.found_name(bare)
        if name is not None and self._names.known(name) and not self._names.own(bare):
            return [flagged(self.name(name))]
        return [self.name(without_number(bare))]

    def _asked(self, text: str, depth: int) -> list[Finding] | None:
        """`Is this content safe? No.`, `Does it contain PII? yes`."""
        if "?" not in text or (told := asked(text)) is None:
            return None
        about, answer, rest = told
        if not answers(about, answer) and not self._names.known(about):
            # It is unknown whether a no is good.
            return [Finding(text[:MAX_KNOWN], None, None, Basis.DECISION)]
        read = self.record([(about, answer)])
        if "?" in rest and depth < _MAX_DEPTH and (more := self._asked(rest, depth + 1)):
            return across([read, more])
        if rest and not any(f.hit for f in read):
            return None
        return [*read, *self.labels_in(rest)] or None

    def _absent(self, text: str, depth: int) -> list[Finding] | None:
        """`Contains: hate. Does not contain: PII, threats`: names under heads that deny them."""
        parts = [p for line in text.split("\n") for p in line.split(". ") if p.strip(" .")]
        heads = [cut.keyed(part) for part in parts]
        if not any(head is not None and normalise(head[0]) in _ABSENT_HEADS for head in heads):
            return None
        found: list[list[Finding]] = []
        for part, head in zip(parts, heads, strict=True):
            if head is not None and normalise(head[0]) in _ABSENT_HEADS:
                listed = self._listed(head[1])
                if not listed:
                    return None
                found.append([replace(f, hit=False, basis=Basis.FLAG) for f in listed])
            elif listed := self._listed(
                self.without_lead(part.replace(":", "", 1)) if head else ""
            ):
                found.append([flagged(f) for f in listed])
            elif (read := self.piece(part.strip(), depth + 1)) is not None:
                found.append(read)
            else:
                return None
        return across(found)

    def _wide(self, text: str, depth: int) -> list[Finding] | None:
        """Pairs with wide signs of Chinese and Japanese, read like pairs with narrow ones."""
        if "\uff1a" not in text or cut.is_prose(text):
            return None
        read = self.piece(text.translate(_NARROW), depth + 1)
        return read if read and any(f.hit is not None for f in read) else None

    def _limited(self, text: str, depth: int) -> list[Finding] | None:
        """`violence 0.71 (limit 0.80)`: a score with its own threshold."""
        if not text.endswith(")"):
            return None
        front, _, inner = text[:-1].rpartition("(")
        words = inner.replace(":", " ").replace("=", " ").split()
        limit = as_number(words[-1]) if len(words) == 2 else None
        if limit is None or not 0 < limit <= 1 or words[0].casefold() not in _LIMITS:
            return None
        head, tail = tail_of(front.strip())
        score = as_number(tail)
        named = head and not any(sign in head for sign in "(,;") and not cut.is_prose(head)
        if not named or score is None or not 0 <= score <= 1:
            return None
        return self._read({head: Leaf(score, ""), "threshold": Leaf(limit, "")})

    def _compared(self, text: str, depth: int) -> list[Finding] | None:
        """`toxicity score 0.61 < 0.80`: a score beside the limit that it is compared with."""
        for sign in (" > ", " < ", " >= ", " <= ", " \u2265 ", " \u2264 "):
            front, found, back = text.partition(sign)
            head, tail = tail_of(front.strip())
            words = back.split()
            limit = as_number(words[-1]) if found and len(words) < 3 else None
            score = as_number(tail)
            if limit is None or score is None or not head or cut.is_prose(head):
                continue
            told = len(words) == 1 or words[0].casefold() in _LIMITS
            if told and 0 < limit <= 1 and 0 <= score <= 1:
                return self._read({head: Leaf(score, ""), "threshold": Leaf(limit, "")})
        return None

    def _counted(self, text: str, depth: int) -> list[Finding] | None:
        """`5 of 5 checks passed: toxicity, bias`: names of checks of which none failed."""
        head, colon, rest = text.partition(": ")
        if not colon or counts(head) is not False or contrast.turns(rest):
            return None
        names = [part.strip() for part in rest.strip(" .").split(",")]
        if any(not name or cut.is_prose(name) or ":" in name for name in names):
            return None
        return [Finding(name, False, None, Basis.FLAG) for name in names]

    def _opposed(self, text: str, depth: int) -> list[Finding] | None:
        """`Does not contain malware. Does contain a link.`: a denial clears only its own name."""
        told = self.outside(text) or text
        if (claimed := contrast.claims(told, self._is_bad, closed.is_clean)) is None:
            return None
        claim, there = claimed
        if found := [flagged(f) for f in self.piece(claim, depth + 1) or () if f.hit]:
            return found
        basis = Basis.FLAG if there else Basis.PRESENCE
        return [Finding(claim[:MAX_NAME], True, None, basis)]

    def _is_bad(self, name: str) -> bool:
        """Whether words name something bad, and not only that something was found."""
        if name.casefold() in _FUNCTION_WORDS or not self._names.known(name):
            return False
        telling = not self._names.general(name) or not self._names.vague(name)
        return telling and not self._names.clean(name)

    def _coded(self, text: str, depth: int) -> list[Finding] | None:
        """A verdict and its categories without a separator: `UNSAFE S2`, `unsafe (hate)`."""
        first, _, rest = text.partition(" ")
        judged = judge_word(first)
        if judged is None or not judged.hit or not rest or as_number(first) is not None:
            return None
        if normalise(first) in ("low", "medium", "high", "critical", "severe", "very", "sensitive",
                                "possible", "likely", "major", "serious", "extreme"):  # fmt: skip
            return None
        listed = self._listed(rest)
        if codes(rest):
            listed = [self.name(code) for code in rest.replace(",", " ").split()]
        if listed:
            return [Finding(first, True, None, Basis.DECISION), *(flagged(f) for f in listed)]
        return None
