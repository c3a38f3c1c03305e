"""Decides one signal: chooses between the model's candidate and the rules' answer, with a reason.

The contract sets the order of the steps (docs/architecture.md); the first that applies decides.
"""

import json
from dataclasses import dataclass, replace

from fallback.decision.injection import is_injection
from fallback.rules.lookup import CONFIDENCE, MatchKind, OwnLabels, RuleAnswer
from fallback.signal import Signal, Verdict
from schemas.candidate import Candidate, CandidateStatus
from schemas.contract import CLEAN, NEEDS_REVIEW, FallbackReason, Source
from schemas.event import candidate_errors
from schemas.taxonomy import Taxonomy

_NO_ANSWER = {
    CandidateStatus.TIMEOUT: FallbackReason.TIMEOUT,
    CandidateStatus.ERROR: FallbackReason.MODEL_ERROR,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one signal.

    score: the detector's own number if it gave one, else the model's probability, else the
        confidence (rules); 0..1.
    guess: the model's labels when they did not stand.
    shares: the parts of the model's probability that come from the Llama and from retrieval; None
        if the model did not answer.
    schema_valid: whether the model's candidate passed validation; None without a candidate.
    own: the operator's own labels that a curated entry gives in place of their parents.
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
    shares: tuple[float, float] | None = None
    own: OwnLabels = ()


def judge(
    signal: Signal,
    answer: Candidate | FallbackReason | None,
    rule: RuleAnswer,
    threshold: float,
    taxonomy: Taxonomy,
) -> Judgement:
    """Decide one signal.

    answer: the model's, or the reason why it was not asked; None for the signals of an item beyond
        those that the model gets, which is not a failure and has no reason.
    threshold: 0..1; the rules replace an answer with less confidence. 0 disables this.
    """
    if signal.verdict is Verdict.UNREAD:
        return _by_rules(signal, rule, FallbackReason.UNREAD)
    # 1. No usable candidate.
    if answer is None or isinstance(answer, FallbackReason):
        return _by_rules(signal, rule, answer)
    if answer.status is not CandidateStatus.OK:
        return _by_rules(signal, rule, _NO_ANSWER[answer.status])
    labels = _read_candidate(answer.text, taxonomy)
    if isinstance(labels, FallbackReason):
        return _by_rules(signal, rule, labels, schema_valid=False)

    # 2. The detector's own curated entry has other labels.
    known = rule.kind is not MatchKind.NONE
    agreed = known and set(labels) == set(rule.labels)
    if rule.curated and not agreed:
        return _by_rules(signal, rule, None, labels, True, source=Source.CURATED)
    # 3. The model clears a signal that the detector flagged, or that addresses the reader.
    if signal.flagged and not CLEAN.isdisjoint(labels):
        return _by_rules(signal, rule, FallbackReason.UNSAFE_DOWNGRADE, labels, True)
    if not known and is_injection(signal.name):
        return _by_rules(signal, rule, FallbackReason.INJECTION, labels, True)
    # 4. The confidence is low. If both sources agree, the higher of their confidences applies.
    confidence = max(answer.confidence, rule.confidence) if agreed else answer.confidence
    if confidence < threshold:
        family = next((one for one in answer.families if one[1] >= threshold), None)
        if known or family is None or family[0] not in taxonomy:
            return _by_rules(signal, rule, FallbackReason.LOW_CONFIDENCE, labels, True)
        general, together = family
        stood = _by_model(signal, (general,), together, together, rule, answer)
        guess = () if labels == stood.labels else labels
        return replace(stood, reason=FallbackReason.LOW_CONFIDENCE, guess=guess)
    # 5. The model's answer.
    return _by_model(signal, labels, confidence, answer.probability, rule, answer)


def _by_model(
    signal: Signal,
    labels: tuple[str, ...],
    confidence: float,
    probability: float,
    rule: RuleAnswer,
    answer: Candidate,
) -> Judgement:
    return Judgement(
        signal,
        labels,
        Source.MODEL,
        confidence,
        probability if signal.score is None else signal.score,
        rule.kind,
        schema_valid=True,
        shares=(max(answer.probability - answer.retrieved, 0.0), answer.retrieved),
        own=rule.own if set(labels) == set(rule.labels) else (),
    )


def uncleared(judgement: Judgement, reason: FallbackReason) -> Judgement:
    """The judgement on a signal whose output must not get a clean answer, for `reason`."""
    if CLEAN.isdisjoint(judgement.labels):
        return judgement
    return replace(
        judgement,
        labels=(NEEDS_REVIEW,),
        source=Source.RULES,
        confidence=CONFIDENCE[MatchKind.NONE],
        reason=reason,
        guess=judgement.labels,
        own=(),
    )


def _read_candidate(text: str, taxonomy: Taxonomy) -> tuple[str, ...] | FallbackReason:
    """The candidate's labels, or the reason why it cannot be used."""
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
    source: Source = Source.RULES,
) -> Judgement:
    labels = rule.labels
    if rule.kind is MatchKind.NONE and (signal.flagged or reason is FallbackReason.INJECTION):
        labels = (NEEDS_REVIEW,)  # a finding never vanishes because its meaning is unknown
    score = signal.score if signal.score is not None else rule.confidence
    return Judgement(
        signal,
        labels,
        source,
        rule.confidence,
        score,
        rule.kind,
        reason,
        guess if guess != labels else (),
        schema_valid,
        own=rule.own,
    )
