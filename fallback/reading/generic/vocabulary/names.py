"""Names of one detector: known names, names of something good, and spellings.

In: a name as an output writes it. Out: its spelling in the vocabularies, if any. The vocabularies
decide where a text is split and how a name is spelled, never what is clean. Uses the rules, no
formats.
"""

import json
from typing import Final

from fallback.reading.generic.vocabulary.budget import Lookups
from fallback.reading.generic.vocabulary.goods import lack
from fallback.reading.generic.vocabulary.memory import Memory, fits
from fallback.reading.generic.vocabulary.spelling import MARKS, variants
from fallback.reading.judge import Outcome, judge_word
from fallback.reading.tree import Leaf, Node
from fallback.reading.words import load_words
from fallback.rules.lookup import MatchKind
from fallback.rules.phrases import GENERIC
from fallback.signal import Signal
from schemas.text import normalise

#: The most characters of a name; longer texts are not looked up.
MAX_KNOWN: Final = 160
#: The cost of finding the known spelling of a name, in look-ups.
_RESOLVING = 4


_SAFE = ("OTHER.Safe",)
_VAGUE = frozenset(
    {"OTHER.ContentFiltered", "OTHER.NeedsReview", "OTHER.PolicyViolation", "HARM.Unspecified"}
)
#: As a class it is a sentiment; as a judgement it is clean.
_FEELING = "negative"
_CLEAN_CLASSES = load_words().values["clean_classes"]
_GENERAL = load_words().keys["general"]


class Names:
    """The known vocabulary for one output."""

    def __init__(self, memory: Memory, lookups: Lookups) -> None:
        self._memory = memory
        self._lookups = lookups
        self._granted: set[tuple[str, int]] = set()
        self.take_piece = lookups.take_piece
        self.take_steps = lookups.take_steps
        self.too_long = lookups.too_long
        self.detector = memory.detector
        self.pairs = memory.pairs
        #: Whether the tool's numbers are grades of severity.
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
        """The labels of the text in any vocabulary; empty if it is unknown."""
        if not text or len(text) > MAX_KNOWN or (_joined(text) and not self.own(text)):
            return ()
        return self._labels(text) if self._grants(text, 1) else ()

    def _grants(self, text: str, cost: int) -> bool:
        """Whether a text may be looked up in this output; a repetition costs nothing.

        Look-ups of earlier outputs are counted again, so that all outputs are read alike.
        """
        key = (text, cost)
        if key not in self._granted:
            if not self._lookups.take(cost):
                return False
            self._granted.add(key)
        return True

    def _labels(self, text: str) -> tuple[str, ...]:
        memory = self._memory
        if (labels := memory.labels.get(text)) is None:
            answer = memory.rules.map(memory.name, Signal(text), memory.contributing)
            labels = () if answer.kind is MatchKind.NONE else answer.labels
            memory.labels[text] = labels
        return labels

    def known(self, text: str) -> bool:
        """Whether any vocabulary has the text."""
        return bool(self.labels(text))

    def clean(self, text: str) -> bool:
        """Whether a class of this name means that nothing was found."""
        if len(text) > MAX_KNOWN or not self._grants(text, 1):
            return False
        memory = self._memory.clean
        if (clean := memory.get(text)) is None:
            clean = memory[text] = self._is_clean(text)
        return clean

    def is_harm(self, text: str) -> bool:
        """Whether a name is of something bad that is known."""
        name = self.resolve(text)
        return self.known(name) and not self.clean(name) and lack(name) is None

    def _is_clean(self, text: str) -> bool:
        form = normalise(text.strip(MARKS))
        if form in GENERIC or form in _CLEAN_CLASSES:
            if self.own(text):
                return self._labels(text) == _SAFE
            judged = judge_word(form) if form != _FEELING else None
            return form in _CLEAN_CLASSES or (
                judged is not None and judged.outcome is Outcome.CLEAN
            )
        return self._labels(text) == _SAFE

    @property
    def exhausted(self) -> bool:
        """Whether a limit of this output was reached."""
        return self._lookups.cut

    @property
    def scarce(self) -> bool:
        """Whether few look-ups are left."""
        return self._lookups.scarce

    def general(self, text: str) -> bool:
        """Whether a name only reports a problem, or names the judged content."""
        words = normalise(text.replace("(s)", "s")).split(" ")
        if not all(word in _GENERAL for word in words):
            return False
        return not self.own(text) or self.labels(text) in ((), ("HARM.Unspecified",))

    def same(self, one: str, two: str) -> bool:
        """Whether two names have the same labels, and at least one."""
        return self.own(one) and set(self.labels(one)) == set(self.labels(two))

    def narrower(self, head: str, rest: str) -> bool:
        """Whether a known name after a known head is of its kind: `PII: email`."""
        kinds = [
            {label.partition(".")[0] for label in self.labels(self.resolve(text))}
            for text in (head, rest)
        ]
        return bool(kinds[1]) and "OTHER" not in kinds[1] and kinds[0] >= kinds[1]

    def vague(self, text: str) -> bool:
        """Whether the labels of a name only mean that something was found or done."""
        labels = self.labels(text)
        return bool(labels) and _VAGUE.issuperset(labels)

    def pair(self, key: str, node: Node) -> str | None:
        """The own entry that is this key with this value: `{"finishReason": "SAFETY"}`."""
        if isinstance(node, Leaf):
            value = node.value
            written = value if isinstance(value, str) else json.dumps(value)
            if len(written) > MAX_KNOWN:
                return None
            for text in (
                f'{{"{key}": {json.dumps(value)}}}',
                f"{key}: {written}",
                f'"{key}": {written}',
            ):
                if self.own(text):
                    return text
            return None
        for text, name, template in self._memory.templates:
            if name == key and fits(template, node):
                return text
        return None

    def resolve(self, text: str) -> str:
        """The part of the text that is known, else the text without marks around it."""
        if len(text) > MAX_KNOWN:
            return text
        if not self._grants(text, _RESOLVING):
            return text.strip()
        memory = self._memory
        if (found := memory.resolved.get(text)) is None:
            spellings = [v for v in dict.fromkeys(variants(text)) if len(v) <= MAX_KNOWN]
            own = (v for v in spellings if self.own(v))
            known = (v for v in spellings if not _joined(v) and self._labels(v))
            found = next(own, None) or next(known, None) or text.strip()
            memory.resolved[text] = found
        return found

    def best(self, *texts: str) -> str:
        """The first of several spellings that is known, the own ones first; else the last."""
        own = (t for t in texts if t and self.own(t))
        known = (r for t in texts if t and self.known(r := self.resolve(t)))
        return next(own, None) or next(known, None) or texts[-1]


def _joined(text: str) -> bool:
    """Whether a text has separators, which a look-up would read as one phrase."""
    return "," in text or '"' in text or "->" in text
