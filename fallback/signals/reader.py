"""The signal reader: a detector's raw output in, what it says as signals out.

In: the detector's name, its output as text, hints. Out: at least one `Signal`, at most 256. Never
raises on any text, and its work grows with the length. Knows the order in which readings are
tried; each reading has its own module.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fallback.decision.injection import commands, is_injection
from fallback.rules.lookup import RuleMapper
from fallback.signal import Signal, Verdict
from fallback.signals import keys
from fallback.signals.finding import MAX_NAME, Finding, Hint, Rank, signals
from fallback.signals.grades import Grades
from fallback.signals.lenient import NOTHING, parse
from fallback.signals.names import Names
from fallback.signals.tags import tagged, unstyled
from fallback.signals.text import TextReader
from fallback.signals.verdict import accuses, clears, is_empty, is_failure, unwrap, without_thoughts
from fallback.signals.walker import Walker
from schemas.requests import Metadata
from schemas.text import normalise

_MARKUP = re.compile(r"<[A-Za-z!/]")
_MAX_UNPACKED = 3
_MAX_VOCABULARIES = 160
_MAX_FAILURE = 400
_MAX_ERROR_KEYS = 6
_BROKEN = frozenset({"error", "exception", "timeout", "unavailable"})


class SignalReader:
    """Reads outputs of any detector, known to the rules or not."""

    def __init__(self, rules: RuleMapper) -> None:
        self._rules = rules
        self._names: dict[tuple[str, ...], Names] = {}

    def read(
        self, detector_name: str, output: str, metadata: Metadata | None = None
    ) -> tuple[Signal, ...]:
        """The signals of one output, deduplicated, flagged and highest first."""
        contributing = metadata.contributing_detectors if metadata else ()
        scores: Mapping[str, float] = metadata.normalized_scores if metadata else {}
        found = _Reading(self._vocabulary(detector_name, contributing), scores).read(output)
        return tuple(
            replace(signal, legend=self._rules.legend(detector_name, signal.name))
            for signal in found
        )

    def _vocabulary(self, detector_name: str, contributing: tuple[str, ...]) -> Names:
        """The names known for a detector; unknown detectors share one vocabulary."""
        known = (self._rules.resolve(name) for name in (detector_name, *contributing))
        key = tuple(detector.name if detector else "" for detector in known)
        if (names := self._names.get(key)) is None:
            names = Names(self._rules, key[0], key[1:])
            if len(self._names) >= _MAX_VOCABULARIES:
                self._names.clear()
            self._names[key] = names
        return names


class _Reading:
    """One output being read."""

    def __init__(self, names: Names, scores: Mapping[str, float]) -> None:
        self._names = names
        self._scores = scores
        self._grades = Grades(names)
        self._text = TextReader(names, self._grades)
        self._walker = Walker(names, self._grades, self._words, self._prose)

    def read(self, output: str) -> tuple[Signal, ...]:
        text = unwrap(output)
        for _ in range(_MAX_UNPACKED):
            if is_empty(text):
                return (Signal("", verdict=Verdict.EMPTY),)
            value = parse(text)
            if not isinstance(value, str):
                break
            text = unwrap(value)
        own = self._names.own(text)
        if not own and value is NOTHING and is_failure(text):
            return (Signal(text[:MAX_NAME], verdict=Verdict.FAILURE),)
        if value is None:
            return (Signal("", verdict=Verdict.EMPTY),)
        if value is NOTHING:
            findings = self._sentences(text)
            if not own and not any(f.found for f in findings) and commands(text):
                findings = [Finding(text[:MAX_NAME])]
        else:
            findings = self._walker.walk(value)
            if (failure := _failure_of(value, findings)) is not None:
                return (Signal(failure[:MAX_NAME], verdict=Verdict.FAILURE),)
            if not findings and not _vacant(value):
                findings = [Finding(text[:MAX_NAME])]
        if own:
            return signals([self._as_whole(text, findings)], self._scores)
        return signals(findings, self._scores)

    def _as_whole(self, text: str, findings: list[Finding]) -> Finding:
        """An output that is an entry of the vocabulary is one signal, judged by what is in it."""
        found = [f for f in findings if f.found]
        said = any(f.hint is Hint.FOUND for f in found) or accuses(text)
        score = max((f.score for f in found if f.score is not None), default=None)
        return Finding(
            text, Hint.FOUND if said else None, score, harmless=self._names.harmless(text)
        )

    # --- texts ------------------------------------------------------------------------------

    def _sentences(self, text: str) -> list[Finding]:
        """A whole output in words."""
        if self._names.known(text):
            cleared = self._names.harmless(text) and not self._names.own(text) and clears(text)
            return [] if cleared else [self._text.label(text)]
        attempts, rest = _apart(text)
        if attempts:
            return [*(Finding(line.strip()) for line in attempts), *self._words(rest)]
        if (embedded := _embedded(text)) is not NOTHING:
            return self._walker.walk(embedded)
        bare, thought = without_thoughts(unstyled(text))
        if masked := self._text.placeholders(bare):
            return masked
        records, rest = tagged(bare)
        findings: list[Finding] = []
        for tag, content in records:
            findings.extend(self._tag(tag, content))
        findings.extend(self._words(rest))
        if thought and findings and all(f.rank >= Rank.ACTION for f in findings if f.found):
            said = [f for f in findings if f.found and f.hint is Hint.FOUND and not f.harmless]
            if said:
                findings.append(Finding(thought[:MAX_NAME], Hint.FOUND))
        if not findings and (thought or _MARKUP.search(text)):
            # Markup without a finding is not "nothing found": what it says is asked.
            return [self._text.label(thought or text)]
        return findings

    def _tag(self, tag: str, content: str) -> list[Finding]:
        whole = f"<{tag}>{content}</{tag}>"
        spaced = f"<{tag}> {content.strip()} </{tag}>"
        if name := next((w for w in (whole, spaced) if self._names.own(w)), None):
            harmless = self._names.harmless(name)
            hint = Hint.CLEAN if harmless else Hint.FOUND
            return [Finding(name, hint, rank=self._names.rank(name), harmless=harmless)]
        form = normalise(tag)
        if form in keys.PROSE_KEYS and form != "output":
            return []
        if form == "confidence":
            return []
        inner = self._words(content)
        return (
            inner
            if form in keys.DECISION_KEYS | keys.NAME_KEYS
            else self._walker.walk({tag: content.strip()})
        )

    def _words(self, text: str) -> list[Finding]:
        """Findings of a text that names things, a piece at a time."""
        text = text.strip()
        if not text:
            return []
        if answered := self._answer(text):
            return answered
        if not self._names.known(text) and clears(text):
            return [Finding(text, Hint.CLEAN)]
        findings: list[Finding] = []
        for node in self._text.nodes(text):
            if isinstance(node, dict):
                findings.extend(self._walker.walk(node))
            else:
                findings.append(self._text.label(node))
        return self._judged(findings)

    def _answer(self, text: str) -> list[Finding]:
        """`No, the response ...` and `Yes, it violates ...`."""
        first, sign, rest = text.partition(",")
        if (
            not sign
            or normalise(first) not in ("yes", "no", "safe", "unsafe")
            or not _sentence(rest)
        ):
            return []
        if normalise(first) in ("no", "safe"):
            return [Finding(text[:MAX_NAME], Hint.CLEAN)] if clears(text) else []
        return [Finding(text[:MAX_NAME], Hint.FOUND)]

    def _judged(self, findings: list[Finding]) -> list[Finding]:
        """Bare names under an unsafe verdict are flagged; prose under a safe one is nothing."""
        bare = [f for f in findings if f.hint is None]
        verdicts = [f for f in findings if f.rank is not Rank.CATEGORY or f.harmless]
        if any(f.hint is Hint.FOUND for f in verdicts):
            return [replace(f, hint=Hint.FOUND) if f.hint is None else f for f in findings]
        cleared = any(f.harmless or f.hint is Hint.CLEAN for f in findings)
        if cleared and bare and len(findings) > 1:
            return [f for f in findings if f.hint is not None or self._names.known(f.name)]
        return findings

    def _prose(self, text: str) -> list[Finding]:
        """Findings of a text about the findings: masks and curated phrases only."""
        head = text.split(".")[0].strip()
        for phrase in (text.strip(), head, head.partition(",")[0].strip()):
            if self._names.own(phrase):
                return [self._text.label(phrase)]
        return self._text.placeholders(text)


def _apart(text: str) -> tuple[list[str], str]:
    """The lines that tell the mapper what to answer, and the text without them."""
    attempts: list[str] = []
    rest: list[str] = []
    for line in text.splitlines():
        (attempts if is_injection(line) else rest).append(line)
    return attempts, "\n".join(rest)


def _sentence(text: str) -> bool:
    return len(text.split()) > 2


def _embedded(text: str) -> Any:
    """A JSON object or list inside a text, from its first bracket to its last."""
    starts = [at for at in (text.find("{"), text.find("[{")) if at >= 0]
    if not starts:
        return NOTHING
    start = min(starts)
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if end - start < 8 or text[start:].find(":") < 0:
        return NOTHING
    value = parse(text[start:end])
    return value if isinstance(value, dict | list) and value else NOTHING


def _vacant(value: Any, depth: int = 0) -> bool:
    """Whether a value holds nothing at all, or has an empty place for what would be found."""
    if not isinstance(value, dict | list):
        return value is None or value is False
    inner = value.values() if isinstance(value, dict) else value
    return not value or (
        depth < 8 and any(_vacant(v, depth + 1) for v in inner if isinstance(v, dict | list))
    )


def _failure_of(value: Any, findings: list[Finding]) -> str | None:
    """The message of an object that reports the detector's own failure."""
    if not isinstance(value, dict):
        return None
    error = _message(value.get("error") or value.get("errors") or value.get("exception"))
    if error and len(value) <= _MAX_ERROR_KEYS:
        return error if is_failure(error) or is_failure(f"error: {error}") else None
    if str(value.get("status")).casefold() in _BROKEN:
        return str(value.get("message") or value.get("detail") or value["status"])[:_MAX_FAILURE]
    if not any(f.found for f in findings):
        texts = (value.get(key) for key in ("message", "detail", "error_message", "msg"))
        if text := next((t for t in texts if isinstance(t, str) and is_failure(t)), None):
            return text[:_MAX_FAILURE]
    state = value.get("executionState") or value.get("execution_state")
    return str(state) if state == "EXECUTION_SKIPPED" else None


def _message(error: Any) -> str:
    """What an `error` entry says; empty when it says nothing."""
    if isinstance(error, list):
        error = error[0] if error else None
    if isinstance(error, dict):
        given = [error.get(key) for key in ("message", "type", "code")]
        error = ": ".join(str(part) for part in given if part)
    return error[:_MAX_FAILURE] if isinstance(error, str) else ""
