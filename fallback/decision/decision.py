"""The mapping guard: signals, candidates and rules in, one canonical event out.

It makes every answer of the service, in Triton's last step and in the facade when Triton cannot
answer. Independent of the transport; it uses the clock only for the event's timestamp.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from fallback.decision.judge import Judgement, judge, uncleared
from fallback.rules.lookup import RuleAnswer, RuleMapper, load_rules
from fallback.signal import Signal
from schemas.candidate import Candidate, CandidateSet
from schemas.contract import UNKNOWN, FallbackReason, Mode, Source
from schemas.event import event_errors
from schemas.frameworks import Frameworks, load_frameworks
from schemas.policies import PROFILES
from schemas.taxonomy import Taxonomy, load_taxonomy

DEFAULT_THRESHOLD = PROFILES["standard"]
#: `provenance.model` and `version_info.model` of an answer without a call of the model.
NO_MODEL = "none"
_NOTES_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """One item's answer: the event and its additional data.

    event: the canonical event, valid against the schema.
    schema_valid: whether every candidate the model gave for this item passed validation.
    signals: the lineage, one entry per signal.
    reading: how the output was read; empty when the caller gave the signals.
    """

    event: dict[str, object]
    confidence: float
    source: Source
    fallback_reason: FallbackReason | None
    schema_valid: bool
    signals: list[dict[str, object]]
    versions: dict[str, str]
    reading: dict[str, object] = field(default_factory=dict)

    @property
    def detector(self) -> str:
        """The detector's name as the caller gave it."""
        provenance = cast(dict[str, str], self.event["provenance"])
        return provenance["detector"]

    @property
    def overridden(self) -> bool:
        """Whether a curated entry decided against the model for at least one signal."""
        return any(signal["source"] == Source.CURATED for signal in self.signals)

    @property
    def unknown(self) -> bool:
        """Whether the event has the label `OTHER.Unknown`."""
        return UNKNOWN in cast(list[str], self.event["taxonomy"])

    @property
    def label_confidence(self) -> dict[str, float]:
        """Each label of the event with the highest confidence of the signals that have it, 0..1."""
        found = dict.fromkeys(cast(list[str], self.event["taxonomy"]), 0.0)
        for signal in self.signals:
            for label in cast(list[str], signal["labels"]):
                if label in found:
                    found[label] = max(found[label], cast(float, signal["confidence"]))
        return found

    @property
    def answer(self) -> dict[str, object]:
        """The event with its additional members, as REST gives it."""
        return {
            **self.event,
            "version_info": self.versions,
            "label_confidence": self.label_confidence,
            "source": self.source,
            "fallback_reason": self.fallback_reason,
        }

    def dated(self) -> "Decision":
        """The same answer with the current time."""
        provenance = cast(dict[str, object], self.event["provenance"])
        return replace(self, event={**self.event, "provenance": {**provenance, "ts": _now()}})


class MappingGuard:
    """Decides items by one taxonomy, one set of rules and one set of framework controls."""

    def __init__(self, rules: RuleMapper, taxonomy: Taxonomy, frameworks: Frameworks) -> None:
        self.rules = rules
        self.taxonomy = taxonomy
        self.frameworks = frameworks

    def versions(self, model: str = NO_MODEL) -> dict[str, str]:
        """`version_info` of an answer with candidates of `model`."""
        return {
            "taxonomy": self.taxonomy.version,
            "frameworks": self.frameworks.version,
            "rules": self.rules.version,
            "model": model,
        }

    def decide(
        self,
        detector: str,
        signals: Sequence[Signal],
        rules: Sequence[RuleAnswer],
        candidates: CandidateSet | None = None,
        *,
        threshold: float | None = None,
        mode: Mode | None = None,
        reason: FallbackReason | None = None,
        doubt: FallbackReason | None = None,
    ) -> Decision:
        """Answer one item.

        signals: at least one, as the reader gives them. rules: the curated answer to each.
        candidates: the model's answers in the order of `signals`; None answers by rules.
        threshold: 0..1, the service's default when None.
        reason: why there are no candidates, if the caller knows it (`timeout`, `overloaded`).
        doubt: the reason why no answer may be clean, such as `unread` for an output that was cut.

        Raises ValueError without signals or when there are more candidates than signals.
        """
        if not signals:
            raise ValueError("an item has at least one signal; the reader yields one for nothing")
        answers: tuple[Candidate | FallbackReason | None, ...]
        if mode is Mode.RULES_ONLY:
            answers = (FallbackReason.RULES_ONLY,) * len(signals)
        elif reason is not None or candidates is None or not candidates.answers:
            answers = (reason or FallbackReason.MODEL_ERROR,) * len(signals)
        else:
            missing = len(signals) - len(candidates.answers)
            if missing < 0:
                raise ValueError(f"{len(candidates.answers)} candidates for {len(signals)} signals")
            answers = candidates.answers + (None,) * missing
        limit = DEFAULT_THRESHOLD if threshold is None else threshold
        judgements = [
            judge(signal, answer, rule, limit, self.taxonomy)
            for signal, answer, rule in zip(signals, answers, rules, strict=True)
        ]
        if doubt is not None:
            judgements = [uncleared(judgement, doubt) for judgement in judgements]
        lineage = [
            _lineage(judgement) | {"likely": self._likely(answer)} | self._neighbours(answer)
            for judgement, answer in zip(judgements, answers, strict=True)
        ]
        model = candidates.model if candidates else NO_MODEL
        return self._assemble(detector, judgements, lineage, model)

    def _likely(self, answer: Candidate | FallbackReason | None) -> list[dict[str, object]]:
        """The model's likeliest answers, best first; none without an answer of the model."""
        if not isinstance(answer, Candidate):
            return []
        return [
            {"labels": list(labels), "probability": _rounded(probability)}
            for labels, probability in answer.likely
            if all(label in self.taxonomy for label in labels)
        ]

    def _neighbours(self, answer: Candidate | FallbackReason | None) -> dict[str, object]:
        """The nearest training texts, if there are any."""
        near = answer.neighbours if isinstance(answer, Candidate) else ()
        told = [
            {"phrase": n.phrase, "labels": list(n.labels), "similarity": _rounded(n.similarity)}
            for n in near
            if all(label in self.taxonomy for label in n.labels)
        ]
        return {"neighbours": told} if told else {}

    def _assemble(
        self,
        detector: str,
        judgements: list[Judgement],
        lineage: list[dict[str, object]],
        model: str,
    ) -> Decision:
        labels = self.taxonomy.combine(x for j in judgements for x in j.labels)
        scores = dict.fromkeys(labels, 0.0)
        for judgement in judgements:
            for label in judgement.labels:
                if label in scores:
                    scores[label] = max(scores[label], judgement.score)
        sources = {j.source for j in judgements}
        source = sources.pop() if len(sources) == 1 else Source.MIXED
        # The whole set is right if each signal's answer is right.
        confidence = _rounded(math.prod(j.confidence for j in judgements))
        reasons = {j.reason for j in judgements}
        event: dict[str, object] = {
            "taxonomy": list(labels),
            "scores": {label: _rounded(score) for label, score in scores.items()},
            "confidence": confidence,
            "notes": _notes(judgements),
            "provenance": {
                "detector": detector,
                "model": model,
                "route": source.value,
                "tenant_id": None,
                "ts": _now(),
            },
            "policy_context": {"frameworks": self.frameworks.controls(labels)},
        }
        if errors := event_errors(event):
            raise AssertionError(f"an assembled event breaks its own schema: {errors}")
        return Decision(
            event=event,
            confidence=confidence,
            source=source,
            fallback_reason=next((r for r in FallbackReason if r in reasons), None),
            schema_valid=all(j.schema_valid for j in judgements if j.schema_valid is not None)
            and any(j.schema_valid for j in judgements),
            signals=lineage,
            versions=self.versions(model),
        )


def _notes(judgements: list[Judgement]) -> str:
    """The event's notes: the number of signals, and those whose model answer did not stand."""
    parts = [f"{len(judgements)} signal{'s' if len(judgements) > 1 else ''} read"]
    unasked = sum(j.reason is None and j.source is Source.RULES for j in judgements)
    if unasked:
        parts.append(f"{unasked} beyond the limit of one item answered by rules alone")
    for judgement in judgements:
        if judgement.reason is not None or judgement.source is Source.CURATED:
            why = judgement.reason.value if judgement.reason else "curated entry"
            guess = (
                f", the model's guess was {'+'.join(judgement.guess)}" if judgement.guess else ""
            )
            parts.append(f"{judgement.signal.name[:60]!r}: {why}{guess}")
    text = "; ".join(parts)
    return text if len(text) <= _NOTES_LIMIT else text[: _NOTES_LIMIT - 1] + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _rounded(figure: float) -> float:
    """Four decimals: more would claim a precision that no figure here has."""
    return round(figure, 4)


def _lineage(judgement: Judgement) -> dict[str, object]:
    own = {"own": dict(judgement.own)} if judgement.own else {}
    return own | {
        "name": judgement.signal.name,
        "score": None if judgement.signal.score is None else _rounded(judgement.signal.score),
        "flagged": judgement.signal.flagged,
        "labels": list(judgement.labels),
        "source": judgement.source.value,
        "confidence": _rounded(judgement.confidence),
        "rule": judgement.rule.value,
        "fallback_reason": judgement.reason.value if judgement.reason else None,
        "guess": list(judgement.guess),
        "shares": None
        if judgement.shares is None
        else dict(zip(("llama", "retrieval"), map(_rounded, judgement.shares), strict=True)),
    }


@functools.cache
def load_guard() -> MappingGuard:
    """The guard over the project's own data files, loaded once per process."""
    return MappingGuard(load_rules(), load_taxonomy(), load_frameworks())
