"""The labels of a detector's words, decided together.

In: per word the rules' answer and the model's likeliest ones. Out: one entry per word, and the
reason for a review, if there is one. The common subject of the words decides between answers of
similar probability: `covered` has one meaning among diseases and another among fairness metrics.
Reads no file and calls no model.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fallback.reading.judge import Outcome, judge_word
from fallback.rules.catalog import Labels
from fallback.rules.lookup import RuleAnswer
from fallback.rules.normalise import is_opaque
from schemas.contract import CLEAN, UNKNOWN

#: The least confidence of a certain entry. 98 % of such entries needed no change, on detectors that
#: neither the model nor the rules had seen (docs/own-detectors.md).
CERTAIN = 0.85
#: The most answers that a reviewer sees.
_SHOWN = 3
#: The weight of the other words' subject: the exponent of its share. The best of 0, 0.15, 0.3, 0.5,
#: 0.75 and 1 on the folds' detectors: 90.9 % of their entries need no change, 90.7 % at 0.
_WEIGHT = 0.5
#: The share that every topic has before any word is seen, in words.
_PRIOR = 1.0


class State(StrEnum):
    """The state of an entry for the reviewer."""

    DOUBTFUL = "doubtful"
    CODE = "code"
    CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the detector. legend: the meaning of a code; count: the number of outputs with the
    word, 0 if unknown."""

    text: str
    legend: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Opinion:
    """The answers to a single word: of the rules, and of the model with the confidence that its
    likeliest answer is right. likely: best first, not empty."""

    word: Word
    rule: RuleAnswer
    confidence: float
    likely: tuple[tuple[Labels, float], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A word with its labels. likely: the answers to choose from, best first; why: the reasons for
    doubt, as texts; empty for a certain entry."""

    word: Word
    labels: Labels
    confidence: float
    likely: tuple[tuple[Labels, float], ...]
    why: tuple[str, ...] = field(default=())

    @property
    def state(self) -> State:
        """The state of the entry."""
        if self.labels == (UNKNOWN,) and not self.word.legend and is_opaque(self.word.text):
            return State.CODE
        return State.DOUBTFUL if self.why else State.CERTAIN


def decide(opinions: Sequence[Opinion]) -> list[Entry]:
    """One entry per word, in their order."""
    topics = [_topics(opinion) for opinion in opinions]
    total: defaultdict[str, float] = defaultdict(float)
    for shares in topics:
        for topic, share in shares.items():
            total[topic] += share
    entries = []
    for opinion, own in zip(opinions, topics, strict=True):
        others = {topic: total[topic] - own.get(topic, 0.0) for topic in total}
        entries.append(_entry(opinion, others, len(opinions) - 1))
    return entries


def _entry(opinion: Opinion, others: Mapping[str, float], words: int) -> Entry:
    """others: the number of other words per topic."""
    likely = _weighed(opinion.likely, others, words)
    best, probability = likely[0]
    known, rule = opinion.rule.draft is not None, opinion.rule
    if best == opinion.likely[0][0]:
        confidence = opinion.confidence
    else:
        confidence = min(probability, opinion.confidence)
    why: list[str] = []
    if known and set(rule.labels) == set(best):
        confidence = max(confidence, rule.confidence)
    elif known and (rule.curated or confidence < rule.confidence):
        if CLEAN.isdisjoint(rule.labels) or not rule.curated:
            shared = "+".join(rule.labels)
            why.append(f"the model answers {'+'.join(best)}, other detectors have {shared}")
        best, confidence = rule.labels, rule.confidence
    if confidence < CERTAIN:
        why.append("the model is not sure")
    if not CLEAN.isdisjoint(best) and not _is_clean(opinion.word.text):
        why.append("its label is a clean one")
    return Entry(opinion.word, best, round(confidence, 4), tuple(likely[:_SHOWN]), tuple(why))


def _weighed(
    likely: Sequence[tuple[Labels, float]], others: Mapping[str, float], words: int
) -> list[tuple[Labels, float]]:
    """The answers with the shares of their topics among the other words, best first; the sum of
    the probabilities stays."""
    rest = _PRIOR + words
    shares = [((others.get(_topic(a), 0.0) + _PRIOR) / rest) ** _WEIGHT for a, _ in likely]
    weights = [p * share for (_, p), share in zip(likely, shares, strict=True)]
    scale = sum(p for _, p in likely) / (sum(weights) or 1.0)
    found = [(a, round(w * scale, 4)) for (a, _), w in zip(likely, weights, strict=True)]
    return sorted(found, key=lambda one: -one[1])


def _topics(opinion: Opinion) -> dict[str, float]:
    """The probability of each topic for a single word."""
    if opinion.rule.draft is not None:
        return {_topic(opinion.rule.labels): opinion.rule.confidence}
    shares: defaultdict[str, float] = defaultdict(float)
    for labels, probability in opinion.likely:
        shares[_topic(labels)] += probability
    return dict(shares)


def _topic(labels: Labels) -> str:
    """The first step of the labels' names: HARM, PII, BIAS and so on."""
    return labels[0].partition(".")[0]


def _is_clean(word: str) -> bool:
    """Whether a word generally means that nothing was found."""
    judged = judge_word(word)
    return judged is not None and judged.outcome is Outcome.CLEAN
