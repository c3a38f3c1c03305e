"""The curated rules: map one signal of one detector to labels.

In: a detector's name and a signal. Out: labels, the kind of match, and the confidence. Uses the
vocabularies; independent of raw outputs and of the model.
"""

import copy
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from fallback.reading.formats import load_envelopes
from fallback.rules.catalog import Detector, Detectors, Labels, load_detectors
from fallback.rules.kinds import kind_of_name
from fallback.rules.normalise import detector_key, match_key
from fallback.rules.phrases import Phrases, fold, forms, words_of
from fallback.rules.translations import translations
from fallback.signal import Signal, Verdict
from schemas.contract import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, Kind
from schemas.taxonomy import Taxonomy, Vocabulary, load_taxonomy


class MatchKind(StrEnum):
    """How a rule found its labels, from the most reliable match to none."""

    OWN_EXACT = "own_exact"
    VERDICT = "verdict"
    OWN_NORMALISED = "own_normalised"
    ALIAS = "alias"
    NONE = "none"


#: The share of right label sets by kind of match. Aliases, verdicts and no match are measured on
#: families that were hidden from the rules (docs/evaluation.md): 98 %, 97 % and 2 %. Own entries
#: are wrong only if the curation is, which held-out rows cannot measure: an estimate.
CONFIDENCE: Mapping[MatchKind, float] = {
    MatchKind.OWN_EXACT: 0.97,
    MatchKind.VERDICT: 0.97,
    MatchKind.OWN_NORMALISED: 0.95,
    MatchKind.ALIAS: 0.95,
    MatchKind.NONE: 0.02,
}
#: Kinds of match with the authority of the detector's own vocabulary.
CURATED_KINDS = frozenset({MatchKind.OWN_EXACT, MatchKind.OWN_NORMALISED, MatchKind.VERDICT})
_VERDICTS: Mapping[Verdict, Labels] = {
    Verdict.NOTHING_FOUND: (SAFE,),
    Verdict.EMPTY: (UNKNOWN,),
    Verdict.FAILURE: (MODEL_ERROR,),
}
#: A text with one of these is a whole output (JSON, markup, several lines), not a phrase.
_OUTPUT_SIGNS = frozenset('{}<>"\n')
#: Longer texts are compared without normalising: no vocabulary has a word of this length, and
#: normalising an output of 64 KB takes long.
_MAX_WORD_LENGTH = 400


OwnLabels = tuple[tuple[str, str], ...]
"""Labels of an operator's own, each with its parent."""


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """The rules' answer to a signal; `OTHER.Unknown` and kind `none` without a match.

    own: the operator's own labels that the entry names, each with its parent, which is in `labels`.
    """

    labels: Labels
    kind: MatchKind
    confidence: float
    own: OwnLabels = ()

    @classmethod
    def of(cls, labels: Labels, kind: MatchKind, own: OwnLabels = ()) -> "RuleAnswer":
        """An answer with the measured confidence of its kind of match."""
        return cls(labels, kind, CONFIDENCE[kind], own)

    @property
    def draft(self) -> Labels | None:
        """The labels that the model verifies; None without a match."""
        return None if self.kind is MatchKind.NONE else self.labels

    @property
    def curated(self) -> bool:
        """Whether the detector's own vocabulary, or the kind of the output, gave the answer."""
        return self.kind in CURATED_KINDS


class RuleMapper:
    """Maps signals by the vocabularies of all detectors."""

    def __init__(self, detectors: Detectors, taxonomy: Taxonomy) -> None:
        self.detectors = detectors
        self.version = _version(detectors, taxonomy)
        self._vocabulary = Vocabulary(taxonomy)
        self._words = {name: _OwnWords(detector) for name, detector in detectors.items()}
        codes = {match_key(code) for d in detectors.values() for code in d.legend}
        known = [
            *_shared(detectors.values()), *_taxonomy_phrases(taxonomy), *translations(taxonomy),
        ]  # fmt: skip
        self._phrases = Phrases(entry for entry in known if match_key(entry[0]) not in codes)

    def extended(
        self, detectors: Detectors, own: str, vocabulary: Vocabulary | None = None
    ) -> "RuleMapper":
        """These rules with other detectors, whose words add no phrase for all detectors.

        own: the version of the added files; the rules' version becomes `<version>+own.<own>`.
        vocabulary: the labels for the words of these detectors; None for that of these rules.
        """
        other = copy.copy(self)
        other._vocabulary = vocabulary or self._vocabulary
        other.detectors = detectors
        other.version = f"{self.version}+own.{own}"
        other._words = {
            name: self._words[name] if self.detectors.get(name) is detector else _OwnWords(detector)
            for name, detector in detectors.items()
        }
        return other

    def resolve(self, detector_name: str) -> Detector | None:
        """The known detector of that name in any spelling; None for an unknown one."""
        return self.detectors.resolve(detector_name)

    def canonical(self, detector_name: str) -> str:
        """A name that all spellings and aliases of a detector share, known or not."""
        detector = self.resolve(detector_name)
        return detector_key(detector.name if detector else detector_name)

    def kind(self, detector_name: str) -> Kind | None:
        """The detector's kind, by its file, else by its name; None if neither has one."""
        detector = self.resolve(detector_name)
        return (detector and detector.kind) or kind_of_name(detector_name)

    def legend(self, detector_name: str, code: str) -> str | None:
        """An opaque code of the detector in its vendor's words; None without them.

        A verdict that ends with a code (`unsafe`, a new line, `S10`) has the code's words.
        """
        detector = self.resolve(detector_name)
        words = code.split()
        if detector is None or not words:
            return None
        return detector.legend.get(code) or detector.legend.get(words[-1])

    def labels(self, detector: Detector) -> frozenset[str]:
        """All labels that the words of one of the detectors are answered with."""
        return frozenset(
            x for own in detector.maps.values() for x in self._vocabulary.answered(own)
        )

    def knows(self, detector_name: str, text: str) -> bool:
        """Whether the detector's own vocabulary has the text, exactly or normalised."""
        detector = self.resolve(detector_name)
        return detector is not None and self._words[detector.name].entry(text) is not None

    def map(
        self, detector_name: str, signal: Signal, contributing: Sequence[str] = ()
    ) -> RuleAnswer:
        """The labels of the signal, by the first source with a match.

        The signal's verdict; the detector's own entry, exact, then normalised; the vocabularies of
        the contributing detectors, if they agree; the phrases that all detectors share.
        """
        if signal.verdict is Verdict.UNREAD:
            return self._answer((NEEDS_REVIEW,), MatchKind.NONE)
        if signal.verdict is not None:
            return self._answer(_VERDICTS[signal.verdict], MatchKind.VERDICT)
        detector = self.resolve(detector_name)
        if detector is not None and (own := self._words[detector.name].entry(signal.name)):
            return self._answer(*own)
        labels = self._elsewhere(detector, signal, contributing)
        if labels is None:
            return self._answer((UNKNOWN,), MatchKind.NONE)
        return self._answer(labels, MatchKind.ALIAS)

    def _elsewhere(
        self, detector: Detector | None, signal: Signal, contributing: Sequence[str]
    ) -> Labels | None:
        if detector and (labels := self._words[detector.name].form(signal.name)):
            return labels
        named = filter(None, map(self.resolve, contributing))
        readings = {self._words[other.name].form(signal.name) for other in named} - {None}
        if len(readings) == 1:
            return readings.pop()
        return self._phrases.read(signal.name, flagged=signal.flagged is True)

    def _answer(self, labels: Labels, kind: MatchKind) -> RuleAnswer:
        known = self._vocabulary
        answered = known.answered(labels)
        ordered = answered if kind is not MatchKind.ALIAS else known.taxonomy.combine(answered)
        own = tuple((label, known.own[label]) for label in labels if label in known.own)
        return RuleAnswer.of(ordered, kind, own)


class _OwnWords:
    """One detector's vocabulary: looked up exactly first, then in looser forms."""

    def __init__(self, detector: Detector) -> None:
        self._exact = detector.maps
        self._normalised = _unambiguous((match_key(w), x) for w, x in detector.maps.items())
        self._folded = _unambiguous((fold(words_of(w)), x) for w, x in detector.maps.items())

    def entry(self, text: str) -> tuple[Labels, MatchKind] | None:
        """The entry for a text: as written, or in another case, spacing or separators."""
        if labels := self._exact.get(text):
            return labels, MatchKind.OWN_EXACT
        if len(text) > _MAX_WORD_LENGTH:
            return None
        if labels := self._normalised.get(match_key(text)):
            return labels, MatchKind.OWN_NORMALISED
        return None

    def form(self, text: str) -> Labels | None:
        """The labels of an entry, also in the plural or with function words at its ends."""
        if own := self.entry(text):
            return own[0]
        if len(text) > _MAX_WORD_LENGTH:
            return None
        return next(filter(None, (self._folded.get(fold(f)) for f in forms(text))), None)


def _unambiguous(entries: Iterable[tuple[str, Labels]]) -> dict[str, Labels]:
    """Keys to labels, without the keys that stand for different labels."""
    readings: defaultdict[str, set[Labels]] = defaultdict(set)
    for key, labels in entries:
        readings[key].add(labels)
    return {key: found.pop() for key, found in readings.items() if key and len(found) == 1}


def _shared(detectors: Iterable[Detector]) -> Iterator[tuple[str, Labels]]:
    """The words with the same meaning in detectors that have no entry for them."""
    for detector in detectors:
        for word, labels in detector.maps.items():
            if word not in detector.own_only and _OUTPUT_SIGNS.isdisjoint(word):
                yield word, labels


def _taxonomy_phrases(taxonomy: Taxonomy) -> Iterator[tuple[str, Labels]]:
    for label in taxonomy.labels:
        for phrase in (label.name, *label.aliases):
            yield phrase, (label.name,)


def _version(detectors: Detectors, taxonomy: Taxonomy) -> str:
    """`<taxonomy version>-<hash of everything that readings and answers depend on>`."""
    content = [
        [_content(d) for d in detectors.values()],
        [envelope.content for envelope in load_envelopes()],
        list(_taxonomy_phrases(taxonomy)),
        list(translations(taxonomy)),
    ]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{taxonomy.version}-{digest[:8]}"


def _content(detector: Detector) -> list[object]:
    return [
        [detector.name, *detector.aliases],
        detector.kind,
        dict(detector.maps),
        [detector.threshold, dict(detector.thresholds), sorted(detector.lower_is_worse)],
        [detector.severity.max, detector.severity.flagged_from] if detector.severity else None,
        [dict(detector.legend), sorted(detector.own_only)],
        [output.content for output in detector.outputs],
    ]


@cache
def load_rules() -> RuleMapper:
    """The mapper over the project's own data files, loaded once per process."""
    taxonomy = load_taxonomy()
    return RuleMapper(load_detectors(taxonomy=taxonomy), taxonomy)
