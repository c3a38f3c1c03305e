"""Names of one detector: which ones are known, what they say, how one is found in its decoration.

In: a name as an output writes it. Out: the spelling that the vocabularies know, if any. Reads the
rules, never an output's format.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from fallback.rules.catalog import Detector
from fallback.rules.lookup import MatchKind, RuleMapper
from fallback.signal import Signal
from fallback.signals.finding import Rank
from fallback.signals.keys import KEY_PREFIXES, KEY_SUFFIXES
from fallback.signals.lexicon import CLEAN, GENERAL_WORDS, VERDICTS
from schemas.text import normalise

_T = TypeVar("_T")
_MAX_KNOWN = 160
_MAX_REMEMBERED = 1024
_COUNTED = re.compile(r"(.{1,120}?)[\s_]*(?:\(\d{1,6}\)|[_#]\d{1,4}|\s+x\d{1,4})$")
_CODE = re.compile(r"[A-Z]{1,4}[-_]?\d{0,3}")
_UNSPECIFIC = frozenset({"general", "other", "misc", "unspecified", "generic", "all", "any"})
_TAGGED = re.compile(r"[BIELSU]-(.{1,120})$")
_GENERAL = {"OTHER.PolicyViolation": Rank.GENERAL, "HARM.Unspecified": Rank.GENERAL}
_ACTIONS = {
    "OTHER.ContentFiltered": Rank.ACTION,
    "OTHER.NeedsReview": Rank.ACTION,
}


class Names:
    """The vocabulary that counts as known while outputs of one detector are read.

    Remembers what it looked up, up to a bound, since a tool says the same words again and again.
    """

    def __init__(self, rules: RuleMapper, detector: str, contributing: Sequence[str]) -> None:
        self._rules = rules
        self._name = detector
        self._contributing = tuple(contributing)
        self._labels: dict[str, tuple[str, ...]] = {}
        self._own: dict[str, bool] = {}
        self._resolved: dict[str, str] = {}
        self.detector: Detector | None = rules.resolve(detector)
        self.templates = _templates(self.detector)

    def own(self, text: str) -> bool:
        """Whether the detector's own vocabulary, or a contributing detector's, has the text."""
        if not text or len(text) > _MAX_KNOWN:
            return False
        if (own := self._own.get(text)) is None:
            names = (self._name, *self._contributing)
            own = any(self._rules.knows(name, text) for name in names)
            _remember(self._own, text, own)
        return own

    def labels(self, text: str) -> tuple[str, ...]:
        """What any vocabulary says of the text; empty when none knows it."""
        if not text or len(text) > _MAX_KNOWN:
            return ()
        if (labels := self._labels.get(text)) is None:
            answer = self._rules.map(self._name, Signal(text), self._contributing)
            labels = () if answer.kind is MatchKind.NONE else answer.labels
            _remember(self._labels, text, labels)
        return labels

    def known(self, text: str) -> bool:
        return bool(self.labels(text))

    def settled(self, text: str) -> bool:
        """Whether the name needs no heading to be understood: words of the user's own do."""
        return self.own(text) if self.detector is not None else self.known(text)

    def harmless(self, text: str) -> bool:
        """Whether the name is of something good."""
        labels = self.labels(text)
        if labels:
            return set(labels) == {"OTHER.Safe"}
        return normalise(text) in CLEAN

    def rank(self, text: str) -> Rank:
        """How much the name says."""
        labels = self.labels(text)
        words = normalise(text)
        if labels:
            ranks = [_GENERAL.get(x) or _ACTIONS.get(x) or Rank.CATEGORY for x in labels]
            if labels == ("OTHER.Unknown",):
                return Rank.REMARK
            return min(ranks)
        if words in VERDICTS:
            return Rank.ACTION
        if words and all(word in GENERAL_WORDS for word in words.split(" ")):
            return Rank.GENERAL
        return Rank.CATEGORY

    def resolve(self, text: str) -> str:
        """The part of the text that is known, else the text itself."""
        if len(text) > _MAX_KNOWN:
            return text
        if (found := self._resolved.get(text)) is None:
            variants = list(dict.fromkeys(_variants(text)))
            own = (v for v in variants if self.own(v))
            known = (v for v in variants if self.known(v))
            found = next(own, None) or next(known, None) or text
            _remember(self._resolved, text, found)
        return found

    def key(self, text: str) -> str:
        """`resolve` for keys of name-to-flag and name-to-score objects."""
        found = self.resolve(text)
        if self.known(found):
            return found
        words = normalise(text).split(" ")
        while len(words) > 1 and words[0] in KEY_PREFIXES:
            words = words[1:]
        while len(words) > 1 and words[-1] in KEY_SUFFIXES:
            words = words[:-1]
        core = " ".join(words)
        return self.resolve(core) if self.known(self.resolve(core)) else text


def _remember(memory: dict[str, _T], key: str, value: _T) -> None:
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value


def fits(template: Any, value: Any) -> bool:
    """Whether a value has everything that a template has, at the same places."""
    if isinstance(template, Mapping):
        return isinstance(value, dict) and all(
            key in value and fits(inner, value[key]) for key, inner in template.items()
        )
    if isinstance(template, list):
        return isinstance(value, list) and all(any(fits(t, v) for v in value) for t in template)
    return type(template) is type(value) and bool(template == value)


def _variants(text: str) -> Iterator[str]:
    text = text.strip()
    yield text
    if len(text) > _MAX_KNOWN:
        return
    bare = text.strip("\"'`[](){}<>*#▁ \t,;.!")
    if bare != text:
        yield bare
    if found := _COUNTED.match(bare):
        yield found[1]
    if found := _TAGGED.match(bare):
        yield found[1]
    for sign in (".", "/", ":"):
        rest = bare
        while sign in rest and " " not in rest:
            rest = rest.partition(sign)[2]
            if rest:
                yield rest
    if bare.endswith("sses"):
        yield bare[:-2]
    yield from _parts(bare)
    words = normalise(bare).split(" ")
    while len(words) > 1 and words[0].isdigit():
        words = words[1:]
        yield " ".join(words)


def _parts(text: str) -> Iterator[str]:
    """`S1 (Violent Crimes)`, `O3: Sexual Content`, `hate_speech.general`: what says it all.

    Never a part that leaves out what the rest adds: `Sexual (minors)` is not `Sexual`.
    """
    head, found, inner = text.partition(" (")
    inner = inner.rstrip(")")
    if found and (inner.isupper() or inner.isdigit()):
        yield head
    if found and _CODE.fullmatch(head):
        yield head
        yield inner
    head, found, rest = text.partition(": ")
    if found and (_CODE.fullmatch(head) or set(normalise(head).split()) <= GENERAL_WORDS):
        yield rest
    for sign in (".", "/", ":"):
        head, found, rest = text.rpartition(sign)
        if found and normalise(rest) in _UNSPECIFIC:
            yield head


def _templates(detector: Detector | None) -> list[tuple[str, Mapping[str, Any]]]:
    """The vocabulary's entries that are JSON objects: they match any object that has them."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for word in detector.maps if detector else ():
        if word.startswith("{"):
            value = json.loads(word)
            if isinstance(value, dict) and value:
                found.append((word, value))
    return found
