"""The statements about a name in an output, and the one that decides.

In: an extraction, one of its entries, the detector's vocabulary and scales. Out: names with their
judgements. Marks the leaves that it reads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fallback.reading.declared.entries import Entry, found, parallel
from fallback.reading.declared.unscaled import Measure
from fallback.reading.finding import Basis
from fallback.reading.formats import Extraction, Words
from fallback.reading.generic.record import FAILED, kind_of
from fallback.reading.generic.roles import Role, key_role
from fallback.reading.generic.vocabulary.goods import is_whole, lack
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.judge import (
    Judged,
    Outcome,
    Scale,
    as_number,
    judge,
    judge_number,
    judge_word,
    word_key,
)
from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Node, Scalar, Use, leaves, mark
from fallback.rules.catalog import Detector
from fallback.rules.normalise import match_key
from schemas.text import normalise

#: The most values per name; further ones stay unread.
MAX_BESIDE = 256
MAX_WORD = 400
_ASIDE = frozenset({Role.BOOKKEEPING, Role.QUOTED, Role.THRESHOLD, Role.WHY, Role.SAID})
_CLEAN_LABELS = frozenset({"OTHER.Safe", "OTHER.LowRisk"})


class Vocabulary:
    """The parts of a detector's file that matter to the reading; created once per detector."""

    def __init__(self, detector: Detector | None) -> None:
        self.detector = detector
        maps = detector.maps if detector else {}
        self.scales = Scales(detector, {}, goods=False)
        self._benign = {match_key(w): _CLEAN_LABELS.issuperset(x) for w, x in maps.items()}

    def benign(self, word: str) -> bool | None:
        """Whether the word is a clean one; None if the vocabulary does not have it."""
        return self._benign.get(match_key(word)) if len(word) <= MAX_WORD else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Leaves with statements about an entry. inverted: true means no finding."""

    basis: Basis
    leaves: list[Leaf]
    inverted: bool = False


class Statements:
    """Judges entries with one format's words on one detector's scales."""

    def __init__(self, words: Words, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._scales = vocabulary.scales.with_words(outcomes(words))

    def decision(self, value: Scalar, basis: Basis) -> Judged:
        """The judgement of a value of a decision, by the detector's own words too."""
        judged = judge(value, self._scales.of(), basis)
        if judged.known or not isinstance(value, str):
            return judged
        benign = self._vocabulary.benign(value)
        if benign is None:
            return judged
        return Judged(Outcome.CLEAN if benign else Outcome.FOUND, None, basis)

    def about(
        self,
        extraction: Extraction,
        entry: Entry,
        beside: Sequence[Node],
        top: float | None = None,
    ) -> Iterator[tuple[str, Judged]]:
        """The names of an entry with their judgements; empty without a statement.

        beside: the selection of the paths of scores outside the entry. top: the highest score of
        exclusive classes, which is then the threshold.
        """
        places = list(_places(extraction, entry, beside))
        if isinstance(entry.place, str) and not extraction.fixed and self._aside(entry, places):
            return
        threshold = _threshold(extraction, entry) if top is None else top
        if not entry.names:
            yield from self._nameless(extraction, entry, places, threshold)
        for name in entry.names:
            scale = self._scales.of(name, threshold)
            if extraction.lower_is_worse is not None:
                scale = replace(scale, lower_is_worse=extraction.lower_is_worse)
            if extraction.unscaled:
                yield self._unscaled(extraction, entry, places, name, scale)
                continue
            judged = _judged(extraction, entry, places, partial(_value, scale))
            if judged is None:
                continue
            mark(list(entry.named), Use.SIGNAL)
            if extraction.fixed is None and self._clean(name):
                if judged.hit is False and judged.basis is not Basis.PRESENCE:
                    continue  # the benign one of several classes, not chosen
                judged = replace(judged, outcome=Outcome.CLEAN)
            yield name, judged

    def _nameless(
        self,
        extraction: Extraction,
        entry: Entry,
        places: Sequence[_Place],
        threshold: float | None,
    ) -> Iterator[tuple[str, Judged]]:
        """A flag that says found where the name is missing: something was found, not what."""
        judged = _judged(extraction, entry, places, partial(_value, self._scales.of("", threshold)))
        if judged is not None and judged.hit and judged.basis is Basis.FLAG:
            yield FAILED, replace(judged, basis=Basis.DECISION)

    def _unscaled(
        self,
        extraction: Extraction,
        entry: Entry,
        places: Sequence[_Place],
        name: str,
        scale: Scale,
    ) -> tuple[str, Judged]:
        """A name with its judgement; its values are doubtful without one."""
        benign = self._vocabulary.benign(name) or is_whole(name)
        own = self._scales.own(name) and not benign
        measure = Measure(scale, own, lack(name) or (FAILED if benign else None))
        judged = _judged(extraction, entry, places, measure.judge)
        beside = [leaf for place in places for leaf in place.leaves]
        if judged is None or judged.basis is Basis.PRESENCE:
            for leaf in (*beside, *entry.named):
                leaf.use = Use.DOUBTFUL
            return name, Judged(Outcome.NONE, None, Basis.PRESENCE)
        mark([*beside, *entry.named], Use.SIGNAL)
        return (lack(name) or FAILED) if benign and judged.hit else name, judged

    def _aside(self, entry: Entry, places: Sequence[_Place]) -> bool:
        """Whether the key of a map is not a category: an id, a time, a count of tokens, a text.

        With a flag, grade or score of the format in the entry, it is one.
        """
        (name,) = entry.names
        node = entry.node
        said = {id(leaf) for place in places for leaf in place.leaves}
        if isinstance(node, Leaf):
            declared = isinstance(node.value, bool) and bool(said - {id(node)})
        else:
            declared = any(id(leaf) in said for leaf in leaves(node))
        if declared or self._vocabulary.benign(name) is not None or len(name) > MAX_WORD:
            return False
        return key_role(normalise(name), kind_of(entry.node)).role in _ASIDE

    def _clean(self, name: str) -> bool:
        benign = self._vocabulary.benign(name)
        if benign is not None:
            return benign
        word = judge_word(name, self._scales.of())
        return word is not None and word.outcome is Outcome.CLEAN


def _judged(
    extraction: Extraction,
    entry: Entry,
    places: Sequence[_Place],
    judged_value: Callable[[Scalar, Basis], Judged],
) -> Judged | None:
    """The judgement of the strongest statement; None if no statement decides about the entry."""
    spoken: list[Judged] = []
    seen = False
    for place in places:
        for leaf in place.leaves:
            seen = True
            judged = judged_value(leaf.value, place.basis)
            if leaf.value is None:
                mark(leaf, Use.BOOKKEEPING)
            elif judged.known:
                leaf.use = Use.SIGNAL
                spoken.append(inverted(judged, leaf.value) if place.inverted else judged)
            elif leaf is entry.node and extraction.fixed:
                leaf.use = Use.QUOTED  # a sentence under a key that is only there when found
                spoken.append(Judged(Outcome.FOUND, None, Basis.PRESENCE))
            else:
                spoken.append(judged)
    told = [j for j in spoken if j.outcome is not Outcome.NONE]
    if told:
        best = max(told, key=lambda j: (j.basis, j.outcome is Outcome.FOUND, j.hit is not None))
        scores = [j for j in told if j.score is not None]
        alike = [j for j in scores if j.hit is best.hit]
        score = next((j.score for j in (best, *alike, *scores) if j.score is not None), None)
        return replace(best, score=score)
    if any(j.basis is Basis.FLAG or not j.known for j in spoken):
        return Judged(Outcome.NONE, None, Basis.PRESENCE)
    if seen and not spoken:
        return Judged(Outcome.CLEAN, None, Basis.PRESENCE)
    return _presence(extraction, entry)


def _places(extraction: Extraction, entry: Entry, beside: Sequence[Node]) -> Iterator[_Place]:
    """The paths of statements about an entry, with their basis."""
    inside, parallels = entry.node, _some(parallel(beside, entry.place))
    declared = (*extraction.flag, *extraction.passed, *extraction.grade, *extraction.score)
    yield _Place(Basis.FLAG, _some(found(extraction.flag, inside)))
    yield _Place(Basis.FLAG, _some(found(extraction.passed, inside)), inverted=True)
    yield _Place(Basis.GRADE, _some(found(extraction.grade, inside)))
    text = bool(entry.named) and isinstance(inside, Leaf)
    own = [] if text else _some(found(extraction.score, inside))
    yield _Place(Basis.SCORE, own or parallels)
    if isinstance(inside, Leaf) and not text and all(path.text != "@" for path in declared):
        number = isinstance(inside.value, float)
        yield _Place(Basis.SCORE if number else Basis.FLAG, [inside])
    if isinstance(inside, list) and not declared:
        values = [x for x in inside[:MAX_BESIDE] if isinstance(x, Leaf)]
        if not any(isinstance(x.value, str) for x in values):
            yield _Place(Basis.SCORE, values)


def _some(leaves: Iterator[Leaf]) -> list[Leaf]:
    return [leaf for leaf, _ in zip(leaves, range(MAX_BESIDE), strict=False)]


def _threshold(extraction: Extraction, entry: Entry) -> float | None:
    """The threshold of an entry's scores: declared, or a number that the entry holds."""
    if not isinstance(extraction.threshold, Path):
        return extraction.threshold
    threshold = None
    for leaf in _some(found((extraction.threshold,), entry.node)):
        number = as_number(leaf.value) if isinstance(leaf.value, str) else leaf.value
        if isinstance(number, int | float) and not isinstance(number, bool):
            leaf.use, threshold = Use.BOOKKEEPING, float(number)
    return threshold


def _value(scale: Scale, value: Scalar, basis: Basis) -> Judged:
    if basis is Basis.SCORE and not isinstance(value, bool):
        number = as_number(value) if isinstance(value, str) else value
        if isinstance(number, int | float):
            return judge_number(number, scale, Basis.SCORE)
    return judge(value, scale, basis)


def _presence(extraction: Extraction, entry: Entry) -> Judged | None:
    """The judgement of the presence of an entry."""
    there = Judged(Outcome.FOUND, None, Basis.PRESENCE)
    if entry.named:
        return there
    if isinstance(entry.node, list):
        for inner in entry.node:
            if isinstance(inner, Leaf) and isinstance(inner.value, str):
                mark(inner, Use.QUOTED)
        return there if entry.node else replace(there, outcome=Outcome.CLEAN)
    if isinstance(entry.node, Leaf):
        return there if isinstance(entry.node.value, str) else None
    judged = extraction.flag or extraction.passed or extraction.grade or extraction.score
    return there if extraction.fixed and entry.node and not judged else None


#: Words that confirm something without a value such as good or bad.
_ANSWERS = frozenset({"true", "false", "yes", "no", "y", "n", "on", "off", "1", "0"})


def inverted(judged: Judged, value: Scalar) -> Judged:
    """The judgement of a value for which true is clean.

    A word such as `pass` or `unsafe` has the same meaning in every place.
    """
    if isinstance(value, str) and word_key(value) not in _ANSWERS and as_number(value) is None:
        return judged
    opposite = {
        Outcome.FOUND: Outcome.CLEAN,
        Outcome.CLEAN: Outcome.FOUND,
        Outcome.LOW: Outcome.FOUND,
    }
    return replace(judged, outcome=opposite.get(judged.outcome, judged.outcome))


def outcomes(words: Words) -> dict[str, Outcome]:
    """The outcome of each word of a format, in the spelling of the lists."""
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
