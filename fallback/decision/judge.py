"""One signal, two opinions: the model's candidate and the rules'. Which one stands, and why.

In: a signal, the model's answer to it (or the reason why there is none), the rules' answer.
Out: labels, who gave them, and how sure that is. Knows nothing of items, events or transports.
"""

import json
from dataclasses import dataclass

from fallback.candidate import CandidateStatus, ModelAnswer
from fallback.decision.injection import is_attempt
from fallback.rules.lookup import MatchKind, RuleAnswer
from fallback.signal import Signal
from schemas.contract import FallbackReason, Source
from schemas.event import candidate_errors
from schemas.taxonomy import Taxonomy

#: Kinds of rule match that carry the authority of the detector's own curated vocabulary.
CURATED = frozenset({MatchKind.OWN_EXACT, MatchKind.OWN_NORMALISED, MatchKind.VERDICT})
#: Labels that clear a signal: never accepted from the model for one the detector flagged.
CLEARING = frozenset({"OTHER.Safe", "OTHER.LowRisk"})
NEEDS_REVIEW = ("OTHER.NeedsReview",)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one signal.

    score: the detector's own number where it gave one, else the model's probability, else
        the confidence (rules); 0..1.
    guess: the model's labels when they did not stand.
    schema_valid: whether the model's candidate passed validation; None without a candidate.
    """

    signal: Signal
    labels: tuple[str, ...]
    source: Source
    confidence: float
    score: float
    rule: MatchKind
    reason: FallbackReason | None = None
    guess: tuple[str, ...] = ()
    schema_valid: bool | None = None


def judge(
    signal: Signal,
    answer: ModelAnswer | FallbackReason | None,
    rule: RuleAnswer,
    threshold: float,
    taxonomy: Taxonomy,
) -> Judgement:
    """Decide one signal, first match of the contract's order.

    answer: the model's, or the reason why nobody asked it; None when the item had more signals
        than reach the model, which is no failure of the model's and carries no reason.
    threshold: 0..1; an answer less sure than that yields to the rules. 0 switches this off.
    """
    if answer is None:
        return _by_rules(signal, rule, None)
    if isinstance(answer, FallbackReason):
        return _by_rules(signal, rule, answer)
    if answer.status is not CandidateStatus.OK:
        timed_out = answer.status is CandidateStatus.TIMEOUT
        return _by_rules(
            signal, rule, FallbackReason.TIMEOUT if timed_out else FallbackReason.MODEL_ERROR
        )

    labels = _read_candidate(answer.text, taxonomy)
    if isinstance(labels, FallbackReason):
        return _by_rules(signal, rule, labels, schema_valid=False)

    agreed = set(labels) == set(rule.labels) and rule.kind is not MatchKind.NONE
    if rule.kind in CURATED and not agreed:
        return _by_rules(signal, rule, FallbackReason.RULE_CONFLICT, labels, True)
    if signal.flagged and not CLEARING.isdisjoint(labels):
        if rule.kind is MatchKind.NONE:
            rule = RuleAnswer(NEEDS_REVIEW, MatchKind.NONE, rule.confidence)
        return _by_rules(signal, rule, FallbackReason.UNSAFE_DOWNGRADE, labels, True)
    # Two sources that agree are at least as often right as the better of them.
    confidence = max(answer.confidence, rule.confidence) if agreed else answer.confidence
    if rule.kind is MatchKind.NONE and is_attempt(signal.name):
        confidence = rule.confidence  # whatever the model made of it
    if confidence < threshold:
        return _by_rules(signal, rule, FallbackReason.LOW_CONFIDENCE, labels, True)
    score = signal.score if signal.score is not None else answer.probability
    return Judgement(signal, labels, Source.MODEL, confidence, score, rule.kind, schema_valid=True)


def _read_candidate(text: str, taxonomy: Taxonomy) -> tuple[str, ...] | FallbackReason:
    """The candidate's labels, or why it cannot be used."""
    try:
        candidate = json.loads(text)
    except (ValueError, RecursionError):
        return FallbackReason.INVALID_JSON
    labels = candidate.get("taxonomy") if isinstance(candidate, dict) else None
    if isinstance(labels, list) and any(isinstance(x, str) and x not in taxonomy for x in labels):
        return FallbackReason.UNKNOWN_LABEL
    if candidate_errors(candidate):
        return FallbackReason.SCHEMA_INVALID
    assert isinstance(labels, list)
    return tuple(labels)


def _by_rules(
    signal: Signal,
    rule: RuleAnswer,
    reason: FallbackReason | None,
    guess: tuple[str, ...] = (),
    schema_valid: bool | None = None,
) -> Judgement:
    score = signal.score if signal.score is not None else rule.confidence
    return Judgement(
        signal,
        rule.labels,
        Source.RULES,
        rule.confidence,
        score,
        rule.kind,
        reason,
        guess if guess != rule.labels else (),
        schema_valid,
    )
