"""One line or less: a label, a label with its judgement, labels joined, a header with its list.

In: text. Out: findings, or None for a sentence that has no such form. Knows the detector's names;
what a key and a value say is read like an object.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic import closed, cut
from fallback.reading.generic.goals import forbidden
from fallback.reading.generic.names import MAX_KNOWN, Names, is_code
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.record import decision_word
from fallback.reading.judge import Judged, Outcome, as_number, judge_word
from fallback.reading.tree import Leaf, Node
from fallback.reading.words import load_words
from schemas.text import normalise

ReadNode = Callable[[Node], list[Finding]]
_LEADS = tuple(sorted(load_words().texts["leads"], key=len, reverse=True))
_GENERAL = load_words().keys["general"]
_LOG_LEVELS = frozenset(
    {"info", "warn", "warning", "error", "debug", "critical", "notice", "alert", "trace", "fatal"}
)
_CODE_KEYS = frozenset(
    {"label", "class", "category", "code", "policy", "rule", "check", "type", "topic", "group", "tag",
     "id", "cluster", "kind", "hazard", "level", "section"}
)  # fmt: skip
_SURE = ("PASS", "FAIL", "PASSED", "FAILED", "OK")
_MAX_PIECE = 400
_MAX_DEPTH = 6
_BULLETS = "•·▪‣◦–—*->✓✗✔✘☑→#"


class Pieces:
    """Reads pieces of text for one output."""

    def __init__(self, names: Names, read: ReadNode) -> None:
        """read: the findings of an object."""
        self._names = names
        self._read = read
        self._memory: dict[str, list[Finding] | None] = {}

    def record(self, pairs: Sequence[tuple[str, str]]) -> list[Finding]:
        """Pairs as an object, a new one where a key comes again."""
        scopes: list[dict[str, Node]] = [{}]
        for key, value in pairs:
            if key in scopes[-1]:
                scopes.append({})
            scopes[-1][key] = Leaf(value, key)
        read = [self._read(scope) for scope in scopes]
        return read[0] if len(read) == 1 else across(read)

    def piece(self, text: str, depth: int = 0) -> list[Finding] | None:
        """The findings of a piece; None for a sentence. Equal pieces are read once."""
        if text not in self._memory:
            self._memory[text] = self._cut(text, depth)
        return self._memory[text]

    def _cut(self, text: str, depth: int) -> list[Finding] | None:
        bare = trimmed(text)
        if not bare:
            return []
        if len(bare) <= _MAX_PIECE:
            if (found := self._whole(bare)) is not None:
                return found
            numbered = without_number(bare)
            if numbered != bare and (found := self._whole(numbered)) is not None:
                return found
        if depth >= _MAX_DEPTH or not self._names.take_piece(len(bare)):
            return None
        for form in (self._groups, self._pairs, self._quoting, self._joined, self._fields, self._keyed,
                     self._coded, self._commas, self._marked, self._scored, self._led, self._slashed,
                     self._verdict_first):  # fmt: skip
            if (read := form(bare, depth)) is not None:
                return read
        if (after := cut.exception(bare)) is not None:
            return self.piece(after, depth + 1) or [Finding(after[:500], True, None)]
        if cut.is_prose(bare) or len(bare) > MAX_KNOWN:
            return None
        return [self.name(without_number(bare))]

    def name(self, text: str, path: str = "") -> Finding:
        """A label by itself."""
        name = self._names.resolve(text)
        if self._names.clean(name):
            return Finding(name, False, None, Basis.PRESENCE, path, whole=True)
        return Finding(name, True, None, Basis.PRESENCE, path)

    def _whole(self, text: str) -> list[Finding] | None:
        """A piece that is one word of a closed list or of a vocabulary."""
        if self._names.own(text):
            if self._names.vague(text) and judge_word(text) is not None:
                return [Finding(text, True, None, Basis.DECISION)]
            return [self.name(text)]
        judged = judge_word(text)
        if judged is not None and as_number(text) is None:
            if judged.outcome is Outcome.LOW:
                return [Finding(text, False, None, Basis.GRADE, low=True, whole=True)]
            if judged.outcome is Outcome.FAILED:
                return [Finding(text, None, None, Basis.DECISION, failed=True)]
            word = decision_word(text, text)
            return [Finding(word, judged.hit, judged.score, Basis.DECISION)]
        if closed.is_clean(text):
            return [Finding(text, False, None, Basis.DECISION)]
        if self._names.known(text) and not _opens_with_role(text):
            return [self.name(text)]
        if closed.whole(text) and closed.is_failure(text):
            return [Finding(text, None, None, Basis.DECISION, failed=True)]
        number = as_number(text)
        if number is not None:
            return self._read({"score": Leaf(text, "")}) if 0 <= number else None
        return None

    # --- forms, in the order in which they are tried --------------------------------------------

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

    def _pairs(self, text: str, depth: int) -> list[Finding] | None:
        """`label=hate score=0.93`, also behind the head of a log line."""
        if "=" not in text or "==" in text:
            return None
        head, found = cut.pairs(text)
        if not found or (len(found) == 1 and " " in text and head.strip()):
            if not found or not self._is_role(found[0][0]):
                return None
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
        """Pairs, of which those after a quoted text clear nothing: a user may have written them."""
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

    def _is_role(self, key: str) -> bool:
        return key_role(normalise(key[:80]), Kind.TEXT).role is not Role.CATEGORY

    def _quoting(self, text: str, depth: int) -> list[Finding] | None:
        """`hate: "..."`, `self-harm - matched text: ...`: the label is read, the quote never."""
        fill = text.find("\ufffd")
        if fill > 0 and self._names.known(self._names.resolve(text[:fill].strip())):
            return [self.name(text[:fill].strip())]
        if text[0] in cut.QUOTES:
            rest = cut.outside_quotes(text).strip(" ->→:|,;=")
            return self.piece(rest, depth + 1) if rest and rest != text else None
        head = cut.quoting(text)
        if head is not None and head != text:
            key = normalise(head)
            if not self._is_role(head) or self._names.own(head):
                told = self._spoken(head, depth)
                if told is not None:
                    return told
                if not cut.is_prose(head):
                    return [self.name(without_number(head))]
            elif key_role(key, Kind.TEXT).role in (Role.QUOTED, Role.SAID, Role.WHY):
                return None
        return self._before_structure(text)

    def spoken(self, head: str) -> list[Finding] | None:
        """The label or the verdict that a text beside structure is; None when it is neither."""
        told = self.piece(head)
        if not told or any(f.clears for f in told):
            return None
        if any(f.accuses or (f.category and self._names.known(f.name)) for f in told):
            return told
        return None

    def _spoken(self, head: str, depth: int) -> list[Finding] | None:
        """The label of a head; one that is only a verdict or a general word is none."""
        told = self.piece(head, depth + 1)
        if told and any(f.category for f in told):
            return [f for f in told if f.hit is not False]
        return None

    def _before_structure(self, text: str) -> list[Finding] | None:
        """A known label before markup, braces or a fence: `self-harm {PHONE_NUMBER}`."""
        at = min((p for s in "{<`[" if (p := text.find(s)) > 0), default=-1)
        if at <= 0 or text[at - 1] in "([":
            return None
        head = text[:at].strip(" :-–—|=>,")
        if head and self._names.known(head) and not self._names.clean(head) and (
            not self._names.general(head)
        ):
            inner = text[at:].strip("[]() ")
            if judge_word(inner) is not None or as_number(inner) is not None:
                return None
            return [self.name(head)]
        return None

    def _joined(self, text: str, depth: int) -> list[Finding] | None:
        """`toxic|hate`, `a; b`, `a + b`, columns, and labels in bold or struck out."""
        for sign in ("|", "\t", ";", " + ", "~~", "**"):
            if sign not in text:
                continue
            parts = [p.strip() for p in cut.split(text, sign) if p.strip(" :")]
            parts = list(dict.fromkeys(parts))
            if len(parts) < 2:
                if sign in ("**", "~~") and parts:
                    return self.piece(parts[0], depth + 1)
                continue
            if sign in ("**", "~~"):
                if any(p.endswith(":") for p in parts):
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
        """`hate: 0.9, spam: 0.1`: a list of keys with values that judge."""
        if ", " not in text or ": " not in text:
            return None
        fields = [cut.keyed(part) for part in cut.split(text, ", ")]
        found = [f for f in fields if f is not None]
        if len(found) < 2 or len(found) != len(fields):
            return None
        if not all(self._judges(value) or self._is_role(key) for key, value in found):
            return None
        return self.record(found)

    def _judges(self, value: str) -> bool:
        return judge_word(value) is not None or as_number(value) is not None

    def _keyed(self, text: str, depth: int) -> list[Finding] | None:
        """`hate: medium (4)`, `Verdict: unsafe`, `Violations: A, B`, `toxicity -> 0.9`."""
        for sign in (": ", " -> ", " => ", " = ", " - ", " – ", " — ", ":", "="):
            head, found, rest = text.partition(sign)
            head, rest = head.strip(" *#\"'`_"), rest.strip(" *\"'`")
            if not found or not head or not rest or len(head.split()) > 8 or len(head) > 100:
                continue
            if head.count("(") > head.count(")") or head.count("[") > head.count("]"):
                continue
            read = self._pair(head, rest, sign, depth)
            if read is not None:
                return read
        return None

    def _pair(self, head: str, rest: str, sign: str, depth: int) -> list[Finding] | None:
        spaced = " " in sign
        value = _first_word(rest) or rest
        bare = judge_word(value) is not None or as_number(value) is not None
        colon = sign.startswith(":") or "=" in sign or ">" in sign
        if bare and judge_word(head) is None and (spaced or sign == "=" or self._names.known(head)):
            if cut.is_prose(head) and not self._names.known(head):
                return None
            return self.record([(head, value)])
        if bare and judge_word(head) is not None and not self._names.known(head):
            told = self._whole(head) or []
            return [*told, *(self.piece(rest, depth + 1) or [])]
        if sign == ":" and is_code(head) is False and not self._names.own(f"{head}: {rest}"):
            return None
        if colon and self._names.own(f"{head}: {rest}"):
            return self.record([(head, rest)])
        judged = judge_word(head)
        if judged is not None or self._names.general(head):
            return self._headed(head, rest, depth)
        form = normalise(head)
        role = key_role(form, Kind.TEXT)
        if colon and role.role is not Role.CATEGORY:
            told = None
            if role.role in (Role.DECISION, Role.ACTION, Role.FLAG):
                inner = self.piece(rest, depth + 1)
                told = inner if inner and any(f.accuses for f in inner) else None
                told = told or self._headed(head, rest, depth)
            return told if told is not None else self._role_pair(head, rest)
        if not colon:
            return None
        listed = self._listed(rest)
        if role.judged is Role.FLAG and listed:
            return [_flagged(f) for f in listed]
        if self._names.known(head) and not self._names.general(head):
            return listed if listed and len(listed) == 1 and self._narrower(head, rest) else [
                self.name(head)
            ]
        return None

    def _narrower(self, head: str, rest: str) -> bool:
        """Whether a known name after a known head is one of its kind: `PII: email`."""
        kinds = [
            {label.partition(".")[0] for label in self._names.labels(self._names.resolve(text))}
            for text in (head, rest)
        ]
        return bool(kinds[1]) and "OTHER" not in kinds[1] and kinds[0] >= kinds[1]

    def _role_pair(self, head: str, rest: str) -> list[Finding] | None:
        read = self.record([(head, rest)])
        return read or None

    def _headed(self, head: str, rest: str, depth: int) -> list[Finding] | None:
        """`Violations: A, B`, `unsafe: S11 (Self-Harm)`, `Refused: the user asked ...`."""
        told = self._whole(head) if judge_word(head) is not None else None
        listed = self._listed(rest)
        if listed:
            hit = any(f.accuses for f in told or [])
            return [*(told or []), *(_flagged(f) if hit or told is None else f for f in listed)]
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
        for sign in (". ", " - ", ", ", "; ", " – ", " — ", ": ", " because "):
            head, found, rest = text.partition(sign)
            if not found or len(head.split()) > 9 or len(head) > 80 or not rest.strip():
                continue
            judged = judge_word(head)
            if judged is None and (closed.is_clean(head) or self._negates(head)):
                judged = Judged(Outcome.CLEAN)
            if judged is None or as_number(head) is not None or judged.hit is None:
                continue
            if judged.hit:
                return [Finding(rest.strip()[:500], True, None, Basis.DECISION)]
            labels = self.labels_in(rest)
            if labels:
                return labels
            if cut.is_prose(rest) and not cut.turns(rest) and (sign == ". " or closed.is_clean(rest)):
                return [Finding(head, False, None, Basis.DECISION)]
        return None

    def _negates(self, sentence: str) -> bool:
        """Whether a sentence says that a known name is absent: `This is not a jailbreak attempt`."""
        rest = cut.predicate(sentence)
        return rest is not None and self._names.labels(rest) == ("OTHER.Safe",)

    def labels_in(self, text: str) -> list[Finding]:
        """Whole segments of a text that are known names of something bad."""
        segments = [text]
        for sign in (": ", " -> ", " - ", "|", ";", ". ", ", ", '"', "\n"):
            segments = [p for s in segments[:200] for p in s.split(sign)]
        found = []
        for segment in segments[:60]:
            bare = segment.strip(" .,:;'\"!?")
            if 0 < len(bare) <= 80 and len(bare.split()) <= 5 and self._names.known(bare):
                if not self._names.clean(bare) and not self._names.general(bare):
                    found.append(self.name(bare))
        return found

    def _marked(self, text: str, depth: int) -> list[Finding] | None:
        """`[HIGH] hate`, `hate [medium]`, `[WARN] ...`."""
        if text.startswith("["):
            mark, found, rest = text[1:].partition("]")
            if found and rest.strip(" :") and len(mark) <= 24:
                if normalise(mark) in _LOG_LEVELS and judge_word(mark) is None:
                    return self.piece(rest.strip(" :"), depth + 1)
                if judge_word(mark) is not None and not cut.is_prose(rest):
                    inner = self.piece(rest.strip(" :"), depth + 1)
                    label = inner[0] if inner and len(inner) == 1 else None
                    if label is not None and label.category:
                        return self.record([(label.name, mark)])
                    return inner
        return None

    def _scored(self, text: str, depth: int) -> list[Finding] | None:
        """`PERSON (0.85)`, `toxic 0.93`, `0.93 toxic`, `2 emails`, `hate_6`, `pii FAIL`."""
        head, tail = _tail(text)
        if head and tail and not cut.is_prose(head):
            number = as_number(tail)
            judged = judge_word(tail)
            if number is not None:
                if normalise(head) in _CODE_KEYS and number == int(number):
                    return [self.name(text)]
                return self._numbered(head, tail, number)
            if judged is not None and (tail.isupper() or text.endswith(")") or text.endswith("]")):
                name = self._names.resolve(head)
                if tail.isupper() and text[-1] not in ")]" and tail not in _SURE and not (
                    self._names.known(name)
                ):
                    return None
                return self.record([(head, tail)])
        first, _, rest = text.partition(" ")
        number = as_number(first)
        if number is not None and rest and not first.endswith((".", ")", ":")):
            rest = rest.strip(" -:")
            if cut.is_prose(rest) or not rest or not rest[0].isalpha():
                return None
            if first.isdigit():
                if self._names.known(self._names.resolve(rest)) or first == "0":
                    return self._read({"label": Leaf(rest, ""), "count": Leaf(int(first), "")})
                return [self.name(rest)]
            if number <= 1 or first.endswith("%"):
                return self.record([(rest, first)])
        cut_at = text.rfind("_")
        if 0 < cut_at and text[cut_at + 1 :].isdigit() and " " not in text:
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
        if "." in tail or "%" in tail or self._names.severe:
            return self.record([(head, tail)])
        return self._read({"label": Leaf(head, ""), "count": Leaf(tail, "")})

    def _led(self, text: str, depth: int) -> list[Finding] | None:
        """`Flagged for A and B`, `contains profanity`: every part is known."""
        low = text[:80].casefold()
        lead = next((x for x in _LEADS if low.startswith(f"{x} ")), None)
        if lead is None:
            at, lead = next(((low.find(f" {x} "), x) for x in _LEADS if f" {x} " in low), (0, ""))
            if not lead or not lead.endswith((" for", " to", " of", " as")):
                return None
            if any(n in low[:at].split() for n in ("no", "not", "never", "without", "nothing")):
                return None
            rest = text[at + len(lead) + 2 :]
        else:
            rest = text[len(lead) :]
        rest = rest.strip(" .:")
        listed = self._listed(rest)
        if not listed and rest.casefold().startswith(("a ", "an ", "the ", "possible ")):
            listed = self._listed(rest.partition(" ")[2])
        if listed:
            return [_flagged(f) for f in listed]
        return None

    def _commas(self, text: str, depth: int) -> list[Finding] | None:
        """`A, B`, of which own words may have commas themselves."""
        if "," not in text:
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
            if sign not in text:
                continue
            parts = [p.strip() for p in text.split(sign)]
            if not 1 < len(parts) <= 12:
                continue
            known = [bool(p) and self._names.known(p) and not self._names.clean(p) for p in parts]
            several = sign == "/" and len(parts) > 2 and sum(known) >= 2 and " " not in text
            if all(known) or several:
                return [self.name(part) for part in parts if part]
        return None

    def _verdict_first(self, text: str, depth: int) -> list[Finding] | None:
        """`No, this is safe.`, `Safe. The text discusses ...`."""
        return self._leading(text)

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
        if _codes(rest):
            listed = [self.name(code) for code in rest.replace(",", " ").split()]
        if listed:
            return [Finding(first, True, None, Basis.DECISION), *(_flagged(f) for f in listed)]
        return None

    def _listed(self, text: str) -> list[Finding] | None:
        """A list of names that are all known, or that all look like names; None for prose."""
        text = text.strip(" .")
        if text[:1] + text[-1:] in ("[]", "()"):
            text = text[1:-1]
        if not text or text[0] in cut.QUOTES:
            return None
        found: list[Finding] = []
        parts = [text] if self._names.own(text) else [
            p for s in cut.split(text, ";") for p in cut.split(s, ",")
        ]
        for part in parts[: cut.MAX_PARTS]:
            part = trimmed(part.strip().removeprefix("and ").strip(" \"'"))
            if not part:
                continue
            head = _tail(part)[0] if as_number(_tail(part)[1] or "") is not None else part
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


def _flagged(finding: Finding) -> Finding:
    """A name that a header says was found."""
    if finding.category and finding.basis is Basis.PRESENCE:
        return replace(finding, basis=Basis.FLAG)
    if finding.whole and finding.basis is Basis.PRESENCE and forbidden(finding.name) != finding.name:
        return Finding(forbidden(finding.name), True, None, Basis.FLAG, finding.path)
    return finding


def _opens_with_role(text: str) -> bool:
    """Whether a text is a key with a value: `Category: hate` is no name by itself."""
    pair = cut.keyed(text)
    if pair is None:
        return False
    role = key_role(normalise(pair[0]), Kind.TEXT).role
    return role in (Role.NAME, Role.BROAD, Role.NAMES, Role.DECISION, Role.ACTION, Role.SEVERITY)


def _first_word(text: str) -> str:
    """The verdict of `PASS  ok on 10/10`; empty where the first word is none."""
    first = text.split(None, 1)[0] if text.split() else ""
    return first if first in _SURE and first != text else ""


def _tail(text: str) -> tuple[str, str]:
    """The last bracket or word of a piece, and what is before it."""
    if text.endswith((")", "]")):
        at = max(text.rfind("("), text.rfind("["))
        if at <= 0:
            return "", ""
        inner = text[at + 1 : -1].strip()
        for sign in (":", "=", " "):
            key, found, value = inner.rpartition(sign)
            if found and (as_number(value) is not None or judge_word(value) is not None):
                if normalise(key) in _TAIL_KEYS:
                    inner = value.strip()
                break
        return text[:at].strip(" _-:@,"), inner
    head, _, tail = text.rpartition(" ")
    if not head and "@" in text:
        head, _, tail = text.rpartition("@")
    if tail.startswith(("x", "#", "×")) and tail[1:].isdigit():
        tail = tail[1:]
    return head.strip(" _:=@,-("), tail


_TAIL_KEYS = frozenset(
    {"score", "confidence", "severity", "prob", "probability", "p", "conf", "level", "risk", "with confidence",
     "with score", "n", "count", "grade"}
)  # fmt: skip


def trimmed(text: str) -> str:
    """A piece without bullets, emoji and blanks at its ends."""
    text = text.strip()
    start, end = 0, len(text)
    while start < end and (text[start] in _BULLETS or _is_symbol(text[start])):
        if text[start] in "*->#" and start + 1 < end and text[start + 1].isalnum() and (
            text[start] != "#"
        ):
            break
        start += 1
    while end > start and _is_symbol(text[end - 1]):
        end -= 1
    return unquoted(text[start:end].strip())


def unquoted(text: str) -> str:
    """A text without the quotes around all of it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _is_symbol(char: str) -> bool:
    """Emoji and their modifiers, and blanks."""
    return char.isspace() or "\u2190" <= char <= "\u2bff" or char >= "\U0001f000" or char in "\ufe0f\u200d"


def without_number(text: str) -> str:
    """A label without its number in a list: `2.3 threats`, `4) spam`, `10 - fraud`."""
    at = 0
    while at < len(text) and at < 8 and (text[at].isdigit() or text[at] == "."):
        at += 1
    if at == 0 or at == len(text) or not text[0].isdigit():
        return text
    number = text[:at]
    rest = text[at:]
    if rest[0] in ")]:" or number.endswith("."):
        body = rest.lstrip(")]:. ")
    elif rest.startswith(" ") and ("." in number and float_over_one(number)):
        body = rest.strip()
    elif rest.startswith((" - ", " – ", " — ")):
        body = rest[3:].strip()
    else:
        return text
    return body if body[:1].isalpha() else text


def float_over_one(number: str) -> bool:
    """Whether a number with points is no share: `2.3`, `1.2.1`."""
    value = as_number(number)
    return value is None or value > 1


def _codes(text: str) -> bool:
    """Whether all words are codes: `S1 S2`, `S1,S2`."""
    words = text.replace(",", " ").split()
    return bool(words) and all(is_code(word) for word in words)
