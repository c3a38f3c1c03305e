"""Names of one detector: which are known, which are of something good, how one is spelled.

In: a name as an output writes it. Out: the spelling that the vocabularies know, if any. What the
vocabularies know decides where a text is cut and how a name is spelled, never what is clean. Reads
the rules, no formats.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fallback.catalog import Detector
from fallback.phrases import GENERIC
from fallback.reading.judge import Outcome, judge_word
from fallback.reading.tree import Leaf, Node
from fallback.reading.words import load_words
from fallback.rules import MatchKind, RuleMapper
from fallback.signal import Signal
from schemas.text import normalise

#: Characters of a name that is looked up; longer texts are no names.
MAX_KNOWN: Final = 160
#: Look-ups of names that are not remembered yet, for one output: about 20 ms of work.
LOOKUPS: Final = 320
#: Pieces of text that are cut further, for one output: about 40 ms of work.
PIECES: Final = 400
#: Objects and entries that are read, for one output, in units of about 10 microseconds.
STEPS: Final = 4500
_MAX_REMEMBERED = 4096
_SAFE = ("OTHER.Safe",)
_VAGUE = frozenset(
    {"OTHER.ContentFiltered", "OTHER.NeedsReview", "OTHER.PolicyViolation", "HARM.Unspecified"}
)
_GENERAL = load_words().keys["general"]
_MARKS = "\"'`[](){}<>*#▁~ \t\n,;.!•·-–—"
_UNSPECIFIC = frozenset({"general", "other", "misc", "unspecified", "generic", "all", "any"})
#: Whole names of clean classes that no vocabulary need know.
_CLEAN_CLASSES = frozenset(
    {
        "benign", "legit", "legitimate", "safe", "neutral", "neither", "normal", "clean", "none",
        "ham", "sfw", "not flagged", "nothing", "ok", "non toxic", "safe prompt", "no harm", "o",
        "harmless", "unharmful", "no violation", "acceptable", "safe content", "not unsafe", "ok",
    }
)  # fmt: skip


class Lookups:
    """What one output may still look up; memories of earlier outputs cost nothing."""

    def __init__(self, left: int = LOOKUPS, pieces: int = PIECES, steps: int = STEPS) -> None:
        self.left = left
        self.pieces = pieces
        self.steps = steps

    def take(self, cost: int = 1) -> bool:
        """Whether there was something left."""
        self.left -= cost
        return self.left >= 0

    def take_steps(self, cost: int) -> bool:
        """Whether so much more of a structure may be read."""
        self.steps -= cost
        return self.steps >= 0

    def take_piece(self, size: int) -> bool:
        """Whether a text of that many characters may still be cut into its parts."""
        self.pieces -= 1 + size // 200
        return self.pieces >= 0

    def too_long(self, rest: int) -> None:
        """Say that so many characters of a text stay unread, when there are any."""
        if rest > 0:
            self.pieces = -1

    @property
    def cut(self) -> bool:
        """Whether something was left as it is because there was too much of it."""
        return self.pieces < 0 or self.steps < 0


class Memory:
    """What is known of one detector's names, shared by all its outputs."""

    def __init__(self, rules: RuleMapper, detector: str, contributing: Sequence[str]) -> None:
        self.rules = rules
        self.name = detector
        self.contributing = tuple(contributing)
        self.detector = rules.resolve(detector)
        self.pairs = _pairs(self.detector)
        self.templates = _templates(self.detector)
        self.labels: dict[str, tuple[str, ...]] = {}
        self.own: dict[str, bool] = {}
        self.resolved: dict[str, str] = {}
        self.clean: dict[str, bool] = {}

    def trim(self) -> None:
        """Forget everything when there is too much of it."""
        for memory in (self.labels, self.own, self.resolved, self.clean):
            if len(memory) > _MAX_REMEMBERED:
                memory.clear()


class Names:
    """The vocabulary that counts as known while one output is read."""

    def __init__(self, memory: Memory, lookups: Lookups) -> None:
        self._memory = memory
        self._lookups = lookups
        self.take_piece = lookups.take_piece
        self.take_steps = lookups.take_steps
        self.too_long = lookups.too_long
        self.detector = memory.detector
        self.pairs = memory.pairs
        #: Whether the tool's numbers are grades of gravity.
        self.severe = self.detector is not None and self.detector.severity is not None

    def own(self, text: str) -> bool:
        """Whether the detector's own vocabulary, or a contributing detector's, has the text."""
        if not text or len(text) > MAX_KNOWN:
            return False
        memory = self._memory
        if (own := memory.own.get(text)) is None:
            own = any(
                memory.rules.knows(name, text) for name in (memory.name, *memory.contributing)
            )
            memory.own[text] = own
        return own

    def labels(self, text: str) -> tuple[str, ...]:
        """What any vocabulary says of the text; empty when none knows it."""
        if not text or len(text) > MAX_KNOWN or ("," in text and not self.own(text)):
            return ()
        memory = self._memory
        if (labels := memory.labels.get(text)) is None:
            if not self._lookups.take():
                return ()
            answer = memory.rules.map(memory.name, Signal(text), memory.contributing)
            labels = () if answer.kind is MatchKind.NONE else answer.labels
            memory.labels[text] = labels
        return labels

    def known(self, text: str) -> bool:
        """Whether any vocabulary has the text."""
        return bool(self.labels(text))

    def clean(self, text: str) -> bool:
        """Whether a class of this name stands for nothing found."""
        if len(text) > MAX_KNOWN:
            return False
        memory = self._memory.clean
        if (clean := memory.get(text)) is None:
            clean = memory[text] = self._is_clean(text)
        return clean

    def _is_clean(self, text: str) -> bool:
        form = normalise(text.strip(_MARKS))
        if form in GENERIC or form in _CLEAN_CLASSES:
            if self.own(text):
                return self.labels(text) == _SAFE
            judged = judge_word(form)
            return form in _CLEAN_CLASSES or (
                judged is not None and judged.outcome is Outcome.CLEAN
            )
        return self.labels(text) == _SAFE

    def general(self, text: str) -> bool:
        """Whether a name only says that something is wrong, or what was judged."""
        if not all(word in _GENERAL for word in normalise(text).split(" ")):
            return False
        return not self.own(text) or self.labels(text) in ((), ("HARM.Unspecified",))

    def vague(self, text: str) -> bool:
        """Whether the labels of a name say only that something was found or done."""
        labels = self.labels(text)
        return bool(labels) and _VAGUE.issuperset(labels)

    def pair(self, key: str, node: Node) -> str | None:
        """The own entry that is this key with this value: `{"finishReason": "SAFETY"}`."""
        if isinstance(node, Leaf):
            value = node.value
            written = value if isinstance(value, str) else json.dumps(value)
            if len(written) > MAX_KNOWN:
                return None
            for text in (f'{{"{key}": {json.dumps(value)}}}', f"{key}: {written}", f'"{key}": {written}'):
                if self.own(text):
                    return text
            return None
        for text, name, template in self._memory.templates:
            if name == key and _fits(template, node):
                return text
        return None

    def resolve(self, text: str) -> str:
        """The part of the text that is known, else the text without marks around it."""
        if len(text) > MAX_KNOWN:
            return text
        memory = self._memory
        if (found := memory.resolved.get(text)) is None:
            if self._lookups.left <= 0:
                return text.strip()
            variants = list(dict.fromkeys(_variants(text)))
            own = (v for v in variants if self.own(v))
            known = (v for v in variants if self.known(v))
            found = next(own, None) or next(known, None) or text.strip()
            if self._lookups.left > 0:
                memory.resolved[text] = found
        return found

    def best(self, *texts: str) -> str:
        """The first of several spellings that is known, the own ones first; else the last."""
        own = (t for t in texts if t and self.own(t))
        known = (r for t in texts if t and self.known(r := self.resolve(t)))
        return next(own, None) or next(known, None) or texts[-1]


def _pairs(detector: Detector | None) -> frozenset[str]:
    """The keys, in their normal form, of entries that are a key with a value."""
    words = detector.maps if detector else ()
    heads = (word.partition(":")[0] for word in words if ":" in word)
    return frozenset(normalise(head.strip("{\"' ")) for head in heads)


def _templates(detector: Detector | None) -> list[tuple[str, str, Any]]:
    """Entries that are a JSON object with one key: the entry, its key, the value under it."""
    found: list[tuple[str, str, Any]] = []
    for word in detector.maps if detector else ():
        if word.startswith("{"):
            try:
                value = json.loads(word)
            except ValueError:
                continue
            if isinstance(value, dict) and len(value) == 1:
                found.extend((word, key, inner) for key, inner in value.items())
    return found


def _fits(template: Any, node: Node) -> bool:
    """Whether a node has everything that a template has, at the same places."""
    if isinstance(template, Mapping):
        return isinstance(node, dict) and all(
            key in node and _fits(inner, node[key]) for key, inner in template.items()
        )
    if isinstance(template, list):
        return isinstance(node, list) and all(any(_fits(t, n) for n in node) for t in template)
    return isinstance(node, Leaf) and type(template) is type(node.value) and template == node.value


def _variants(text: str) -> Iterator[str]:
    text = text.strip()
    yield text
    bare = text.strip(_MARKS)
    if bare and bare != text:
        yield bare
    head, _, tail = bare.partition("-")
    if tail and head in ("B", "I", "E", "S", "L", "U"):
        yield tail
    for sign in (".", "/", ":"):
        rest = bare
        for _ in range(6):
            if sign not in rest or " " in rest:
                break
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
    if found and is_code(head):
        yield head
        yield inner
    for sign in (": ", " - ", ". ", ") ", " – "):
        head, found, rest = text.partition(sign)
        if found and rest and (is_code(head) or head.replace(".", "").isdigit()):
            if is_code(head):
                yield head
            yield rest
    for sign in (".", "/", ":"):
        head, found, rest = text.rpartition(sign)
        if found and normalise(rest) in _UNSPECIFIC:
            yield head


def is_code(text: str) -> bool:
    """`S10`, `O3`, `LLM02`, `H-1`: some capitals, perhaps with a number."""
    bare = text.replace("-", "").replace("_", "")
    letters = bare.rstrip("0123456789")
    return (
        0 < len(letters) <= 4
        and letters.isascii()
        and letters.isalpha()
        and letters.isupper()
        and len(bare) - len(letters) <= 4
        and len(bare) > 1
    )
