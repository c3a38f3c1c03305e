"""Applies a declared format to a decoded value.

In: a format, a node, the detector. Out: the findings that the format names, by scope, and the
contents to be read on; the leaves that it understands are marked, all others stay unread. Never
raises; the work grows with the size of the node.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fallback.catalog import Detector
from fallback.normalise import match_key
from fallback.reading.entries import Entry, entries, found, parallel
from fallback.reading.finding import Basis, Finding
from fallback.reading.formats import Extraction, Format, Words
from fallback.reading.judge import (
    Judged,
    Outcome,
    Scale,
    Scales,
    as_number,
    judge,
    judge_number,
    judge_word,
    word_key,
)
from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Node, Use, leaves, mark

#: Characters of a text that a pattern looks at; longer ones are no documented verdict.
MAX_PATTERN_TEXT = 65_536
_CLEAN_LABELS = frozenset({"OTHER.Safe", "OTHER.LowRisk"})


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of an output that is judged by itself: its own decisions, and what was read in it."""

    node: Node
    decisions: tuple[Finding, ...]
    inside: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a format says of a value. contents: nodes that are read on by themselves."""

    format: Format
    scopes: tuple[Scope, ...]
    contents: tuple[Node, ...]


def apply(form: Format, node: Node, detector: Detector | None = None) -> Applied | None:
    """What the format reads in the node, which it marks; None when the node has another format."""
    root = _recognised(form, node)
    if root is None:
        return None
    reader = _Reader(form, detector)
    items = [root] if form.of is None else form.of.all(root)
    places = items if form.of is None else [root, *items]
    contents = [
        content for path in form.contents for place in places for content in path.all(place)
    ]
    scopes = [] if form.of is None else [Scope(root, tuple(reader.decisions(root)), ())]
    for item in items:
        scopes.append(Scope(item, tuple(reader.decisions(item)), tuple(reader.findings(item))))
    for paths, use in ((form.quoted, Use.QUOTED), (form.ignored, Use.BOOKKEEPING)):
        for path in paths:
            for place in places:
                for selected in path.all(place):
                    mark(selected, use)
    return Applied(form, tuple(scopes), tuple(contents))


def _recognised(form: Format, node: Node) -> Node | None:
    """The node that the paths run on: itself, or the named groups of a pattern."""
    if form.pattern is None:
        if isinstance(node, Leaf):
            return None
        holds = Path.true if form.truth else Path.there
        return node if all(holds(path, node) for path in form.when) else None
    if not isinstance(node, Leaf) or not isinstance(node.value, str):
        return None
    if len(node.value) > MAX_PATTERN_TEXT:
        return None
    match = form.pattern.fullmatch(node.value)
    if match is None:
        return None
    node.use = Use.SIGNAL
    groups: dict[str, Node] = {
        name: Leaf(text, node.path) for name, text in match.groupdict().items() if text is not None
    }
    return groups


class _Reader:
    """Reads with one format for one detector."""

    def __init__(self, form: Format, detector: Detector | None) -> None:
        self._form = form
        self._scales = Scales(detector, outcomes(form.words))
        self._maps = (
            {match_key(word): labels for word, labels in detector.maps.items()}
            if (detector)
            else {}
        )

    # --- decisions ---------------------------------------------------------------------------
    def decisions(self, item: Node) -> Iterator[Finding]:
        """The tool's own decisions that stand in the item; unknown words stay unread."""
        for paths, basis, inverted in (
            (self._form.decision, Basis.DECISION, False),
            (self._form.passed, Basis.DECISION, True),
            (self._form.action, Basis.ACTION, False),
        ):
            for leaf in found(paths, item):
                if leaf.use is Use.UNREAD and (finding := self._decision(leaf, basis, inverted)):
                    leaf.use = Use.SIGNAL
                    yield finding

    def _decision(self, leaf: Leaf, basis: Basis, inverted: bool) -> Finding | None:
        judged = judge(leaf.value, self._scales.of(), basis)
        name = leaf.value.strip() if isinstance(leaf.value, str) else _key(leaf.path)
        if not judged.known and (clean := self._own_clean(str(leaf.value))) is not None:
            judged = Judged(Outcome.CLEAN if clean else Outcome.FOUND, None, basis)
        if not judged.known or leaf.value is None or leaf.value == "":
            if leaf.value is None or leaf.value == "":
                leaf.use = Use.BOOKKEEPING
            return None
        if inverted:
            judged = _inverted(judged)
            name = name if isinstance(leaf.value, str) else _negated(name)
        failed = judged.outcome is Outcome.FAILED
        if judged.hit is None and not failed:
            leaf.use = Use.BOOKKEEPING
            return None
        standing = judged.basis if judged.basis.general else basis
        low = judged.outcome is Outcome.LOW
        return Finding(name, judged.hit, judged.score, standing, leaf.path, failed, low)

    # --- findings ----------------------------------------------------------------------------
    def findings(self, item: Node) -> Iterator[Finding]:
        """What the extractions of the format find in the item."""
        for extraction in self._form.findings:
            beside = [node for path in extraction.score if (node := path.find(item)) is not None]
            for selected in extraction.each.all(item):
                for entry in entries(extraction, selected):
                    yield from self._entry(extraction, entry, beside)

    def _entry(self, extraction: Extraction, entry: Entry, beside: list[Node]) -> Iterator[Finding]:
        for name in entry.names:
            judged = self._judged(extraction, entry, name, beside)
            if judged is None:
                continue
            for leaf in entry.named:
                leaf.use = Use.SIGNAL
            if judged.outcome is Outcome.FAILED:
                yield Finding(name, None, None, judged.basis, entry.path, failed=True)
                continue
            hit, low = judged.hit, judged.outcome is Outcome.LOW
            if extraction.fixed is None and self._clean(name):
                if hit is False and judged.basis is not Basis.PRESENCE:
                    continue  # the benign class of several, not chosen
                hit, low = False, False
            yield Finding(name, hit, judged.score, judged.basis, entry.path, low=low)

    def _judged(
        self, extraction: Extraction, entry: Entry, name: str, beside: list[Node]
    ) -> Judged | None:
        """What stands beside the name, by precedence; None when nobody can say that it counts."""
        scale = self._scale(extraction, entry, name)
        spoken: list[Judged] = []
        present = False
        for basis, inverted, nodes in self._places(extraction, entry, beside):
            for leaf in nodes:
                judged = _value(leaf, scale, basis)
                present = True
                if leaf.value is None:
                    leaf.use = Use.BOOKKEEPING
                elif judged.known:
                    leaf.use = Use.SIGNAL
                    spoken.append(_inverted(judged) if inverted else judged)
                else:
                    spoken.append(Judged(Outcome.NONE, None, Basis.FLAG, known=False))
        told = [j for j in spoken if j.outcome is not Outcome.NONE]
        if told:
            best = max(told, key=lambda j: (j.basis, j.outcome is Outcome.FOUND, j.hit is not None))
            scores = [j.score for j in told if j.score is not None and j.hit is best.hit]
            scores += [j.score for j in told if j.score is not None]
            return replace(
                best, score=best.score if best.score is not None else next(iter(scores), None)
            )
        if any(j.basis is Basis.FLAG for j in spoken):
            return Judged(Outcome.NONE, None, Basis.PRESENCE)
        if present and not spoken:
            return Judged(Outcome.CLEAN, None, Basis.PRESENCE)
        return _presence(entry)

    def _places(
        self, extraction: Extraction, entry: Entry, beside: list[Node]
    ) -> Iterator[tuple[Basis, bool, list[Leaf]]]:
        """Where a statement about an entry may stand, and what it then rests on."""
        declared = (*extraction.flag, *extraction.passed, *extraction.grade, *extraction.score)
        yield Basis.FLAG, False, list(found(extraction.flag, entry.node))
        yield Basis.FLAG, True, list(found(extraction.passed, entry.node))
        yield Basis.GRADE, False, list(found(extraction.grade, entry.node))
        scores = (
            []
            if entry.place is not None and entry.named
            else list(found(extraction.score, entry.node))
        )
        yield Basis.SCORE, False, scores or list(parallel(beside, entry.place))
        if (
            isinstance(entry.node, Leaf)
            and not entry.named
            and "@" not in {p.text for p in declared}
        ):
            number = isinstance(entry.node.value, float)
            yield Basis.SCORE if number else Basis.FLAG, False, [entry.node]
        if isinstance(entry.node, list) and not declared:
            values = [x for x in entry.node if isinstance(x, Leaf)]
            if values and not any(isinstance(x.value, str) for x in values):
                yield Basis.SCORE, False, values

    def _scale(self, extraction: Extraction, entry: Entry, name: str) -> Scale:
        threshold: float | None = None
        if isinstance(extraction.threshold, Path):
            for leaf in found((extraction.threshold,), entry.node):
                number = leaf.value
                if isinstance(number, str):
                    number = as_number(number)
                if isinstance(number, int | float) and not isinstance(number, bool):
                    leaf.use, threshold = Use.BOOKKEEPING, float(number)
        else:
            threshold = extraction.threshold
        scale = self._scales.of(name, threshold)
        if extraction.lower_is_worse is not None:
            scale = replace(scale, lower_is_worse=extraction.lower_is_worse)
        return scale

    # --- names -------------------------------------------------------------------------------
    def _own_clean(self, name: str) -> bool | None:
        """Whether the detector's vocabulary has the name as a benign one; None if it has it not."""
        labels = self._maps.get(match_key(name)) if len(name) <= 400 else None
        return None if labels is None else _CLEAN_LABELS.issuperset(labels)

    def _clean(self, name: str) -> bool:
        own = self._own_clean(name)
        if own is not None:
            return own
        word = judge_word(name, self._scales.of())
        return word is not None and word.outcome is Outcome.CLEAN


def outcomes(words: Words) -> dict[str, Outcome]:
    """The words of a format, in the spelling that lists compare, to what they say."""
    return {
        word_key(word): outcome
        for listed, outcome in (
            (words.bare, Outcome.NONE),
            (words.clean, Outcome.CLEAN),
            (words.failed, Outcome.FAILED),
            (words.found, Outcome.FOUND),
        )
        for word in listed
    }


def _value(leaf: Leaf, scale: Scale, basis: Basis) -> Judged:
    value = leaf.value
    if basis is Basis.SCORE and isinstance(value, int | float) and not isinstance(value, bool):
        return judge_number(value, scale, Basis.SCORE)
    if basis is Basis.SCORE and isinstance(value, str) and (number := as_number(value)) is not None:
        return judge_number(number, scale, Basis.SCORE)
    return judge(value, scale, basis)


def _presence(entry: Entry) -> Judged | None:
    """What it says that an entry is there at all."""
    if entry.named:
        return Judged(Outcome.FOUND, None, Basis.PRESENCE)
    if isinstance(entry.node, list):
        for inner in entry.node:
            if isinstance(inner, Leaf) and isinstance(inner.value, str):
                mark(inner, Use.QUOTED)
        return Judged(Outcome.FOUND if entry.node else Outcome.CLEAN, None, Basis.PRESENCE)
    if isinstance(entry.node, Leaf) and isinstance(entry.node.value, str):
        return Judged(Outcome.FOUND, None, Basis.PRESENCE)
    return None


def _inverted(judged: Judged) -> Judged:
    opposite = {
        Outcome.FOUND: Outcome.CLEAN,
        Outcome.CLEAN: Outcome.FOUND,
        Outcome.LOW: Outcome.FOUND,
    }
    return replace(judged, outcome=opposite.get(judged.outcome, judged.outcome))


#: What it is called when a check of that name is not true.
_NEGATED = {"safe": "unsafe", "valid": "invalid", "pass": "failed", "passed": "failed"}


def _negated(key: str) -> str:
    words = " ".join(match_key(key).split()).removeprefix("is ").removeprefix("validation ")
    return _NEGATED.get(words, f"not {words}")


def _key(path: str) -> str:
    """The last key of a path: `flagged` of `results[0].flagged`."""
    if path.endswith('"]'):
        return path[:-2].rpartition('["')[2]
    return path.rpartition(".")[2].partition("[")[0] or path
