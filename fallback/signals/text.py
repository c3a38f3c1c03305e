"""Outputs in words: labels, joins, `key: value` lines, logs, tables, placeholders, sentences.

In: text. Out: findings. Knows how texts are cut into pieces; what a piece with keys and values
says is read by the walker. Each piece is cut once by each separator, so the work is linear.
"""

import re

from fallback.signals import keys, lexicon
from fallback.signals.finding import Basis, Finding, Hint, Rank
from fallback.signals.grades import Grades, as_number
from fallback.signals.names import Names
from fallback.signals.pieces import (
    KEYS,
    Record,
    is_prose,
    join_pairs,
    read_table,
    split_commas,
)
from fallback.signals.verdict import clears
from schemas.text import normalise

MAX_PIECES = 320
_MAX_PIECE = 400
_MAX_SAID = 8
_JOINED = 4
_MARK = re.compile(r"\[([A-Za-z ]{2,20})\]:?\s+")
_BULLET = re.compile(r"^(?:[-*•·>#]+|\d{1,3}[.)])\s+")
_PAIRS = re.compile(
    r"(?<![\w./-])([A-Za-z_][\w./-]{0,63})=(\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|[^\s,;|\"']{1,200})"
)
_MARKED = re.compile(
    r"<[A-Z][A-Z0-9_ /-]{1,60}>|\[[A-Z][A-Z0-9_ /-]{1,60}\]|\{[A-Z][A-Z0-9_]{1,60}\}"
)
_TRAILING = re.compile(
    r"(?P<name>.{1,200}?)[\s_@]*[(\[ _@]"
    r"(?:(?:with )?(?:confidence|score|probability|severity|conf|prob|p)[:= ]*)?"
    r"(?P<number>\d[\d.]{0,8}(?:%|/\d{1,3})?)[)\]]?$",
    re.I,
)
_LEADING = re.compile(
    r"(?:score\s+)?(?P<number>\d?\.\d{1,8}|\d{1,3}%)\s+(?P<name>\S.{0,200})$", re.I
)
_SEVERAL = re.compile(
    r"([^\W\d][^\d.%]{0,60}?)[\s:=(]+(\d?\.\d{1,8}|[01]|\d{1,3}%)(?=[\s,;)]|$)\)?"
)
_LOG_LEVELS = frozenset(
    {"info", "warn", "warning", "error", "debug", "critical", "notice", "alert"}
)
_NEGATIONS = ("no ", "not ", "n't ", "never ", "neither ")
_PAIR_KEYS = KEYS | keys.DECISION_KEYS | keys.STRUCTURAL
_JUDGEMENTS = lexicon.VERDICTS | lexicon.CLEAN


class TextReader:
    """Cuts texts for one detector. `nodes` are labels (str) and records (dict) in order."""

    def __init__(self, names: Names, grades: Grades) -> None:
        self._names = names
        self._grades = grades

    def nodes(self, text: str) -> list[str | Record]:
        """The pieces of a text."""
        if self._whole(text):
            return [text.strip()]
        lines = [line for line in text.splitlines() if line.strip()][:MAX_PIECES]
        if (table := read_table(lines)) is not None:
            return list(table)
        found: list[str | Record] = []
        for line in lines:
            if len(lines) > 1 and line.rstrip().endswith(":"):
                found.extend(self._heading(line))
                continue
            found.extend(self._line(line))
            if len(found) > MAX_PIECES:
                break
        return join_pairs(found)

    def label(self, text: str) -> Finding:
        """A piece that stands for itself."""
        name = self._names.resolve(text)
        labels = self._names.labels(name)
        rank, harmless = self._names.rank(name), self._names.harmless(name)
        words = normalise(text.strip(" .!*#\"'`"))
        if words in lexicon.VERDICTS:
            return Finding(name, Hint.FOUND, None, Basis.GRADE, max(rank, Rank.GENERAL), harmless)
        if labels:
            return Finding(name, None, None, Basis.BARE, rank, harmless)
        if clears(text):
            return Finding(text, Hint.CLEAN, None, Basis.GRADE)
        return Finding(text, None, None, Basis.BARE, rank, harmless)

    def placeholders(self, text: str) -> list[Finding]:
        """Known names in masks: `<PERSON>`, `[PHONE NUMBER]`, `[REDACTED_PERSON_1]`, `{EMAIL}`."""
        found = []
        for mark in list(dict.fromkeys(_MARKED.findall(text)))[:MAX_PIECES]:
            inner = mark[1:-1]
            core = inner.removeprefix("REDACTED_").removesuffix("_REDACTED")
            name = next(
                (n for n in (mark, core, self._names.resolve(core)) if self._names.known(n)), None
            )
            if name is not None and self._names.rank(name) is Rank.CATEGORY:
                found.append(Finding(name, Hint.FOUND, None, Basis.GRADE))
        return found

    # --- cutting ----------------------------------------------------------------------------

    def _whole(self, text: str) -> bool:
        text = text.strip()
        if len(text) > _MAX_PIECE or not self._names.known(text):
            return False
        key = re.split(r"[:=]", text, maxsplit=1)[0]
        keyed = len(key) < len(text) and normalise(key) in KEYS
        return not keyed or self._names.own(text)

    def _line(self, line: str) -> list[str | Record]:
        line = _BULLET.sub("", line.strip(), count=1).strip()
        if not line or self._whole(line):
            return [line] if line else []
        for sign in ("|", ";", " + ", "\t"):
            if sign in line:
                parts = [p for p in line.split(sign) if p.strip()][:MAX_PIECES]
                if sign in "|\t" or all(self._cuttable(p) for p in parts):
                    return [node for part in parts for node in self._commas(part)]
        if ". " in line and all(": " in part for part in line.split(". ")):
            parts = line.rstrip(".").split(". ")[:MAX_PIECES]
            return [node for part in parts for node in self._commas(part)]
        return self._commas(line)

    def _heading(self, line: str) -> list[str | Record]:
        """A line that announces the next ones says something itself only if its words are known."""
        name = self._names.key(line.strip().strip("#*: "))
        return [name] if self._names.known(name) else []

    def _cuttable(self, part: str) -> bool:
        part = part.strip()
        return not is_prose(part) or self._whole(part) or clears(part)

    def _commas(self, text: str) -> list[str | Record]:
        text = text.strip()
        if self._whole(text):
            return [text]
        pairs = _PAIRS.findall(text)[:MAX_PIECES]
        if len(pairs) > 1 or (pairs and " " not in text):
            head = self._logged(text[: text.find(f"{pairs[0][0]}=")])
            return [*head, *({k: v.strip("\"'")} for k, v in pairs)]
        if (listed := self._headed(text)) is not None:
            return listed
        parts = [p.strip() for p in split_commas(text)][:MAX_PIECES]
        pieces: list[str | Record] = []
        at = 0
        while at < len(parts):
            size = next(
                (n for n in range(min(_JOINED, len(parts) - at), 1, -1)
                 if self._names.own(", ".join(parts[at : at + n]))), 1,
            )  # fmt: skip
            pieces.extend(self._piece(", ".join(parts[at : at + size])))
            at += size
        if len(parts) > 1 and any(isinstance(p, str) and not self._cuttable(p) for p in pieces):
            return [text]
        return pieces

    def _logged(self, head: str) -> list[str | Record]:
        """What stands before the pairs of a log line: its last words, if they are known."""
        words = head.strip(" :-[]").split()[-4:]
        for at in range(len(words)):
            if self._names.known(name := " ".join(words[at:])):
                return [{"label": name}]
        return []

    def _headed(self, text: str) -> list[str | Record] | None:
        """`Violations: A, B`, `PII detected: email, phone`, `PII: email`: the names listed."""
        at = text.find(": ")
        if not 0 < at <= 200:
            return None
        header = re.split(r"[,.]\s", text[:at])[-1].strip("# *")
        value = text[at + 2 :].strip().strip("[]")
        parts = split_commas(value)
        if not value or any(": " in p or "=" in p for p in parts) or len(header.split()) > 6:
            return None
        form = normalise(header)
        verdict = [header] if form in lexicon.VERDICTS else []
        single = form in KEYS and len(parts) == 1
        if single or as_number(value) is not None or self._grades.word(value) is not None:
            return None
        listed = self._commas(value)
        known = [
            n for n in listed if isinstance(n, dict) or self._names.known(self._names.resolve(n))
        ]
        heading = self._names.key(header)
        if self._names.own(header) and not known:
            return [header]
        if known and (form.rpartition(" ")[2] in keys.HEADER_WORDS or len(known) == len(listed)):
            return [*verdict, *listed]
        if self._names.known(heading) and not known:
            return [heading]
        if form.rpartition(" ")[2] in keys.LIST_WORDS and not any(map(is_prose, map(str, listed))):
            return listed
        return None

    def _piece(self, text: str) -> list[str | Record]:
        text = _BULLET.sub("", text.strip(" \t\"'`"), count=1)
        if not text:
            return []
        if self._whole(text) or len(text) > _MAX_PIECE:
            return [text]
        if marked := _MARK.match(text):
            mark, rest = marked[1], self._piece(text[marked.end() :])
            if normalise(mark) in _JUDGEMENTS:
                return [mark, *rest]
            if normalise(mark) in _LOG_LEVELS:
                return rest
        if (pair := self._pair(text)) is not None:
            return [pair]
        if found := _LEADING.match(text):
            return [{"label": found["name"], "score": found["number"]}]
        if len(several := _SEVERAL.findall(text)) > 1:
            return [{"label": name.strip(), "score": number} for name, number in several]
        if (found := _TRAILING.match(text)) and not is_prose(found["name"]):
            if normalise(found["name"]) in keys.CODE_KEYS and found["number"].isdigit():
                return [text]
            return [self._numbered(found["name"].strip(), found["number"])]
        if as_number(text) is not None:
            return [{"score": text}]
        words = text.split()
        if 1 < len(words) <= 8 and normalise(words[0]) in _JUDGEMENTS:
            codes = [w.strip(",:") for w in words[1:]]
            if all(self._names.own(code) for code in codes):
                return [words[0], *codes]
        return self._said(text) or [text]

    def _said(self, text: str) -> list[str | Record] | None:
        """`Flagged for A and B`, `A & B`, when every part is known."""
        low = text[:80].casefold()
        at, lead = next(
            ((low.find(lead), lead) for lead in lexicon.LEADS if f" {lead}" in f" {low}"), (0, "")
        )
        rest = text[at + len(lead) :].strip(" .")
        if lead and len(rest.split()) <= _MAX_SAID and not any(n in low[:at] for n in _NEGATIONS):
            pieces = self._piece(rest)
            names = [p.get("label", "") if isinstance(p, dict) else p for p in pieces]
            if all(self._names.known(self._names.resolve(name)) for name in names):
                return [
                    p if isinstance(p, dict) else {"label": p, "detected": True} for p in pieces
                ]
        for sign in (" and ", " & ", " / ", "/"):
            parts = rest.split(sign)
            if 1 < len(parts) <= 8 and all(self._names.known(part.strip()) for part in parts):
                return [part.strip() for part in parts]
        return None

    def _numbered(self, name: str, number: str) -> Record:
        """`PERSON(0.85)` is a score, `hate_6` a severity where the tool has those, else a count."""
        if "/" in number:
            return {name: number}
        if number.endswith("%") or "." in number:
            return {"label": name, "score": number}
        detector = self._names.detector
        key = "severity" if detector is not None and detector.severity is not None else "count"
        return {"label": name, key: number}

    def _pair(self, text: str) -> Record | None:
        """`hate: medium (4)`, `Hate=4`, `Safety: unsafe`, `toxicity -> 0.9`."""
        for sign in (": ", " = ", "=", " -> ", " => ", ":", " - "):
            key, found, value = text.partition(sign)
            key, value = key.strip(" \"'*`"), value.strip(" \"'*`")
            if not found or not key or not value or len(key.split()) > 5:
                continue
            bare = as_number(value) is not None or self._grades.word(value) is not None
            verdict = value.split()[0].strip(",;") if " " in value else ""
            if bare:
                return {key: value}
            if sign in (": ", ":") and verdict in ("PASS", "FAIL"):
                return {key: verdict}
            form = normalise(key)
            if form in _PAIR_KEYS and sign != " - ":
                return {key: value}
            if self._names.own(f"{key}: {value}"):
                return {key: value}
            if self._names.own(key) and not self._names.own(value):
                return {"label": key, "detected": True}
            if sign in (": ", ":") and self._names.known(value) and self._names.known(key):
                return {"label": value}
        return None
